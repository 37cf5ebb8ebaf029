// From mouse, touch and keys on a surface to the camera and the crosshair.

const TURN = 15; // degrees a key
const DEGREES_A_PIXEL = 0.5;
const STILL = 4; // pixels that a click may move
const TURNS = { ArrowLeft: [TURN, 0], ArrowRight: [-TURN, 0], ArrowUp: [0, -TURN], ArrowDown: [0, TURN] };
const ZOOMS = { "+": 1.25, "=": 1.25, "-": 0.8 };

/** Connect the pictures of the hemispheres, and the controls of their camera. */
function connectSurfaces(app, view, camera) {
  view.meshes.forEach((mesh, i) => {
    connectPointers(app, view, camera, i);
    const canvas = byId(`surface-${i}`);
    canvas.addEventListener("wheel", (event) => {
      if (!event.deltaY || !(event.ctrlKey || event.metaKey)) return; // the page scrolls
      event.preventDefault();
      camera.zoom(wheelFactor(event), underPointer(view, i, event));
    }, { passive: false });
    connectGestures(canvas, (factor, event) => camera.zoom(factor, underPointer(view, i, event)));
    canvas.addEventListener("keydown", (event) => pressSurfaceKey(app, view, camera, i, event));
  });
  for (const button of byId("surface-controls").querySelectorAll("button[data-view]")) {
    button.addEventListener("click", () => camera.see(button.dataset.view));
  }
  byId("reset").addEventListener("click", camera.reset);
  byId("shape")?.addEventListener("change", app.cameraMoved);
  connectVertexBoxes(app);
}

/** @returns {number[]} mm to the right and up of the middle, for a left hemisphere */
function underPointer({ projections, meshes }, number, event) {
  const box = event.target.getBoundingClientRect();
  const { scale, size } = projections[number];
  const side = meshes[number].isRight ? -1 : 1;
  return [(side * (event.clientX - box.left - size[0] / 2)) / scale, (size[1] / 2 - (event.clientY - box.top)) / scale];
}

/** Drag to turn, two fingers to zoom, click to move the crosshair. */
function connectPointers(app, view, camera, number) {
  const canvas = byId(`surface-${number}`);
  const side = view.meshes[number].isRight ? -1 : 1;
  const down = new Map();
  let moved = 0;
  const spread = () => {
    const [a, b] = [...down.values()];
    return Math.hypot(a[0] - b[0], a[1] - b[1]) || 1;
  };
  canvas.addEventListener("pointerdown", (event) => {
    if (event.button !== 0) return;
    if (!down.size) moved = 0;
    down.set(event.pointerId, [event.clientX, event.clientY]);
    canvas.setPointerCapture(event.pointerId);
  });
  canvas.addEventListener("pointermove", (event) => {
    if (!down.has(event.pointerId)) return;
    const before = down.get(event.pointerId);
    const step = [event.clientX - before[0], event.clientY - before[1]];
    const apart = down.size === 2 ? spread() : 0;
    down.set(event.pointerId, [event.clientX, event.clientY]);
    moved += Math.hypot(...step);
    if (down.size === 2) camera.zoom(spread() / apart);
    else if (moved > STILL) camera.turn(-side * DEGREES_A_PIXEL * step[0], DEGREES_A_PIXEL * step[1]);
  });
  for (const name of ["pointerup", "pointercancel"]) {
    canvas.addEventListener(name, (event) => {
      if (!down.delete(event.pointerId) || name === "pointercancel" || moved > STILL) return;
      pickVertex(app, view, number, event);
    });
  }
}

function pickVertex({ history }, view, number, event) {
  const box = event.target.getBoundingClientRect();
  const [mesh, place] = [view.meshes[number], [event.clientX - box.left, event.clientY - box.top]];
  const vertex = vertexAtPixel(mesh, mesh.shapes[view.shape()], view.projections[number], place);
  if (vertex >= 0) history.change({ vertex: [number, vertex] });
}

/** Arrows turn, or with Shift move the crosshair to a neighbouring vertex; plus and minus zoom; Home resets. */
function pressSurfaceKey(app, view, camera, number, event) {
  if (event.ctrlKey || event.metaKey || event.altKey) return;
  const side = view.meshes[number].isRight ? -1 : 1;
  if (event.key in TURNS) {
    const [around, above] = TURNS[event.key];
    if (event.shiftKey) stepVertex(app, view, number, event);
    else camera.turn(side * around, above);
  } else if (event.key in ZOOMS) {
    camera.zoom(ZOOMS[event.key]);
  } else if (event.key === "Home") {
    camera.reset();
  } else {
    return;
  }
  event.preventDefault();
}

/** Move the crosshair to the neighbour that is furthest in the direction of an arrow, as it is seen. */
function stepVertex({ history }, view, number, event) {
  const { vertex: place } = history.state;
  if (place?.[0] !== number) return;
  const mesh = view.meshes[number];
  const at = (vertex) => pixelAt(view.projections[number], placeOn(mesh.shapes[view.shape()], vertex));
  const [part, sense] = ARROWS[event.key];
  const far = (vertex) => (part === 1 ? sense : -sense) * (at(vertex)[part - 1] - at(place[1])[part - 1]);
  const { starts, neighbours } = edgesOf(mesh);
  const near = [...neighbours.subarray(starts[place[1]], starts[place[1] + 1])];
  const best = near.reduce((a, b) => (far(b) > far(a) ? b : a), place[1]);
  if (far(best) > 0) history.change({ vertex: [number, best] }, event.repeat ? `key-${event.key}` : null);
}

/** Connect the number of the vertex, and its hemisphere. */
function connectVertexBoxes({ data, history }) {
  const go = () => {
    const place = [Number(byId("mesh").value), byId("vertex").value.trim() === "" ? NaN : Number(byId("vertex").value)];
    if (Number.isInteger(place[1]) && data.points.vertex.holds(place)) history.change({ vertex: place });
  };
  byId("vertex").addEventListener("change", go);
  byId("mesh").addEventListener("change", go);
}
