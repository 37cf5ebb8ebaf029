// From mouse, touch and keys on the slices to the crosshair.

const ARROWS = { ArrowLeft: [1, -1], ArrowRight: [1, 1], ArrowUp: [2, 1], ArrowDown: [2, -1] };
const PAGES = { PageUp: 1, PageDown: -1 };

/** Connect click, drag, wheel and keys on a slice with the crosshair. */
function connectSlice(app, view) {
  const canvas = byId(`slice-${view.name}`);
  let isDown = false;
  canvas.addEventListener("pointerdown", (event) => {
    if (event.button !== 0) return;
    isDown = true;
    canvas.setPointerCapture(event.pointerId);
    point(app, view, canvas, event);
  });
  canvas.addEventListener("pointermove", (event) => isDown && point(app, view, canvas, event));
  for (const name of ["pointerup", "pointercancel"]) {
    canvas.addEventListener(name, () => {
      isDown = false;
      app.history.endGesture();
    });
  }
  canvas.addEventListener("wheel", (event) => {
    event.preventDefault();
    if (event.deltaY) move(app, view.axis, event.deltaY < 0 ? 1 : -1, `wheel-${view.name}`);
  }, { passive: false });
  canvas.addEventListener("keydown", (event) => pressKey(app, view, event));
}

/** Move the crosshair to the pointer. */
function point({ data, history }, view, canvas, event) {
  const box = canvas.getBoundingClientRect();
  const layout = layOut(data, view, history.state.radiological);
  const nth = (offset, length, n) => Math.min(Math.max(Math.floor((offset / length) * n), 0), n - 1);
  const voxel = [...history.state.voxel];
  voxel[layout.fileAxes[1]] = layout.columns[nth(event.clientX - box.left, box.width, layout.width)];
  voxel[layout.fileAxes[2]] = layout.rows[nth(event.clientY - box.top, box.height, layout.height)];
  history.change({ voxel, vertex: null }, `drag-${view.name}`);
}

/** Move the crosshair along x, y or z by one voxel. */
function move({ data, history }, axis, step, gesture) {
  const [fileAxis, sense] = data.points.voxel.grid.axes[axis];
  const voxel = [...history.state.voxel];
  voxel[fileAxis] += sense * step;
  if (data.points.voxel.holds(voxel)) history.change({ voxel, vertex: null }, gesture);
}

function pressKey(app, view, event) {
  if (event.ctrlKey || event.metaKey || event.altKey) return;
  const gesture = event.repeat ? `key-${view.name}-${event.key}` : null;
  if (event.key in PAGES) {
    event.preventDefault();
    move(app, view.axis, PAGES[event.key], gesture);
  } else if (event.key in ARROWS) {
    event.preventDefault();
    const [part, step] = ARROWS[event.key];
    const axis = part === 1 ? view.across : view.up;
    const mirrored = app.history.state.radiological && axis === 0;
    move(app, axis, mirrored ? -step : step, gesture);
  }
}
