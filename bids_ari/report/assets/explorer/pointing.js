// From mouse, touch and keys on pictures of voxels to the crosshair, the zoom and the centre.

const ARROWS = { ArrowLeft: [1, -1], ArrowRight: [1, 1], ArrowUp: [2, 1], ArrowDown: [2, -1] };
const PAGES = { PageUp: 1, PageDown: -1 };
const ZOOM_STEP = 1.25;
const ZOOM_KEYS = { "+": ZOOM_STEP, "=": ZOOM_STEP, "-": 1 / ZOOM_STEP };
const WHEEL_TURN = 100; // pixels, of which a wheel sends one at a time, a touchpad many small ones

/** Connect a canvas of the pictures of voxels. */
function connectPicture(app, canvas) {
  connectFingers(app, canvas);
  canvas.addEventListener("wheel", (event) => turnWheel(app, canvas, event), { passive: false });
  canvas.addEventListener("keydown", (event) => pressKey(app, canvas, event));
  connectGestures(canvas, (factor, event) => {
    const pixel = pixelOf(canvas, event);
    app.slices.viewport.zoom(factor, placeIn(app.slices.picture().frameAt(canvas, pixel), pixel, app.shown().voxel));
  });
}

const pixelOf = (canvas, { clientX, clientY }) => {
  const box = canvas.getBoundingClientRect();
  return [clientX - box.left, clientY - box.top];
};

/** One finger or the left button moves the crosshair; two fingers, the middle button or Shift move and zoom the picture. */
function connectFingers(app, canvas) {
  const down = new Map();
  let isPanning = false;
  canvas.addEventListener("pointerdown", (event) => {
    if (event.button > 1) return;
    if (event.button === 1) event.preventDefault(); // the browser would scroll
    down.set(event.pointerId, pixelOf(canvas, event));
    canvas.setPointerCapture(event.pointerId);
    const isDrawing = byId("views").classList.contains("drawing"); // where Shift erases
    isPanning = event.button === 1 || (event.shiftKey && !isDrawing) || down.size > 1;
    if (!isPanning && (isDrawing || event.pointerType !== "touch")) point(app, canvas, event);
  });
  canvas.addEventListener("pointermove", (event) => {
    if (!down.has(event.pointerId)) return;
    const before = [...down.values()];
    down.set(event.pointerId, pixelOf(canvas, event));
    if (isPanning) movePicture(app, canvas, before, [...down.values()]);
    else point(app, canvas, event);
  });
  for (const name of ["pointerup", "pointercancel"]) {
    canvas.addEventListener(name, (event) => {
      if (!down.delete(event.pointerId)) return;
      if (name === "pointerup" && !isPanning && event.pointerType === "touch") point(app, canvas, event);
      isPanning &&= down.size > 0;
      app.history.endGesture();
    });
  }
  canvas.addEventListener("touchstart", (event) => event.touches.length > 1 && event.cancelable && event.preventDefault(), { passive: false });
}

/** Move and zoom the picture as fingers or the mouse have moved, from their pixels before to those after. */
function movePicture({ slices, shown }, canvas, before, after) {
  const { voxel } = shown();
  const frame = slices.picture().frameAt(canvas, after[0]);
  const middleOf = (pixels) => [0, 1].map((axis) => pixels.reduce((sum, pixel) => sum + pixel[axis], 0) / pixels.length);
  const spread = ([a, b]) => Math.max(Math.hypot(a[0] - b[0], a[1] - b[1]), 1);
  const [from, to] = [before, after].map((pixels) => placeIn(frame, middleOf(pixels), voxel));
  slices.viewport.pan(from.map((place, axis) => place - to[axis]));
  if (after.length === 2) slices.viewport.zoom(spread(after) / spread(before), from);
}

/** Ctrl and wheel, or two fingers on a touchpad, zoom; Shift and wheel lead through slices; else the page scrolls. */
function turnWheel(app, canvas, event) {
  const turn = event.deltaY || event.deltaX;
  if (!turn || !(event.ctrlKey || event.metaKey || event.shiftKey)) return;
  event.preventDefault();
  const { slices, shown } = app;
  const frame = slices.picture().frameAt(canvas, pixelOf(canvas, event));
  if (event.ctrlKey || event.metaKey) {
    slices.viewport.zoom(wheelFactor(event), placeIn(frame, pixelOf(canvas, event), shown().voxel));
  } else {
    move(app, frame.view.axis, turn < 0 ? 1 : -1, `wheel-${frame.view.axis}`);
  }
}

/** @returns {number} by how much a turn of the wheel zooms: a step, or less for the small turns of a touchpad */
function wheelFactor({ deltaMode, deltaX, deltaY }) {
  const turn = deltaY || deltaX;
  const part = deltaMode ? Math.sign(turn) : turn / WHEEL_TURN;
  return ZOOM_STEP ** (Math.abs(part) < 0.3 ? -5 * part : -Math.sign(part));
}

/** Connect two fingers on a touchpad in Safari, which sends no wheel with Ctrl. */
function connectGestures(canvas, zoom) {
  if (navigator.maxTouchPoints) return; // on touch screens there are pointers
  let before = 1;
  canvas.addEventListener("gesturestart", (event) => {
    event.preventDefault();
    before = 1;
  });
  canvas.addEventListener("gesturechange", (event) => {
    event.preventDefault();
    zoom(event.scale / before, event);
    before = event.scale;
  });
}

/** Show the next picture, with the focus on its first canvas. */
function showNextPicture({ history, slices }) {
  const names = [...byId("pictures").querySelectorAll("[data-picture]")].map(({ dataset }) => dataset.picture);
  history.change({ view: names[(names.indexOf(history.state.view) + 1) % names.length] });
  requestAnimationFrame(() => requestAnimationFrame(() => slices.canvases()[0].focus({ preventScroll: true })));
}

/** Move the crosshair to the pointer. */
function point({ history, slices, shown }, canvas, event) {
  const voxel = slices.picture().voxelAt(canvas, pixelOf(canvas, event), shown().voxel);
  history.change({ voxel, vertex: null }, `drag-${canvas.id}`);
}

/** Move the crosshair along x, y or z by one voxel. */
function move({ data, history, shown }, axis, step, gesture) {
  const [fileAxis, sense] = data.points.voxel.grid.axes[axis];
  const voxel = [...shown().voxel];
  voxel[fileAxis] += sense * step;
  if (data.points.voxel.holds(voxel)) history.change({ voxel, vertex: null }, gesture);
}

/** Arrow and page keys move the crosshair, plus and minus zoom, 0 shows all, V the next picture. */
function pressKey(app, canvas, event) {
  if (event.ctrlKey || event.metaKey || event.altKey) return;
  const { view } = app.slices.picture().frameAt(canvas, [0, 0]);
  const gesture = event.repeat ? `key-${canvas.id}-${event.key}` : null;
  if (event.key in PAGES) {
    move(app, view.axis, PAGES[event.key], gesture);
  } else if (event.key in ARROWS) {
    const [part, step] = ARROWS[event.key];
    const axis = part === 1 ? view.across : view.up;
    const mirrored = part === 1 && (view.isFromLeft || (app.history.state.radiological && axis === 0));
    move(app, axis, mirrored ? -step : step, gesture);
  } else if (event.key in ZOOM_KEYS) {
    app.slices.viewport.zoom(ZOOM_KEYS[event.key], app.shown().voxel);
  } else if (event.key === "0" || event.key === "Home") {
    app.slices.viewport.reset();
  } else if (event.key.toLowerCase() === "v") {
    showNextPicture(app);
  } else {
    return;
  }
  event.preventDefault();
}
