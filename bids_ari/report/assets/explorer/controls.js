// From user input to the state.

const ARROWS = { ArrowLeft: [1, -1], ArrowRight: [1, 1], ArrowUp: [2, 1], ArrowDown: [2, -1] };
const PAGES = { PageUp: 1, PageDown: -1 };

/** Connect all controls with the state. `app`: data, history, shown(), curve(), refreshSoon(), cameraMoved(), views, surfaces. */
function connectControls(app) {
  connectTdp(app);
  connectChoices(app);
  connectPlaces(app);
  connectCurve(app);
  connectTables(app);
  connectButtons(app);
  if (app.surfaces) connectSurfaces(app, app.surfaces, app.camera);
  if (app.data.points.voxel) for (const view of VIEWS) connectSlice(app, view);
}

function connectTdp({ data, history }) {
  for (const [id, gesture] of [["tdp-slider", "slider"], ["tdp", "tdp"]]) {
    byId(id).addEventListener("input", (event) => {
      const tdp = validTdp(event.target.value, data.facts.leastTdp);
      if (tdp !== null) history.change({ tdp }, gesture);
    });
    byId(id).addEventListener("change", (event) => {
      history.endGesture();
      event.target.value = String(history.state.tdp);
    });
  }
}

function connectChoices({ data, history, refreshSoon }) {
  byId("colour-by").addEventListener("change", (event) => history.change({ colourBy: event.target.value }));
  byId("radiological")?.addEventListener("change", (event) => history.change({ radiological: event.target.checked }));
  byId("radius").addEventListener("input", refreshSoon);
  byId("direction")?.addEventListener("change", (event) => {
    const direction = data.directions.findIndex(({ name }) => name === event.target.value);
    history.change({ direction, pinned: null });
  });
}

function connectPlaces({ data, history }) {
  const boxes = ["x", "y", "z"].map((name) => byId(`mm-${name}`));
  const go = () => {
    const place = boxes.map((box) => (box.value.trim() === "" ? NaN : Number(box.value)));
    if (place.every(Number.isFinite)) history.change(data.points.nearest(place));
  };
  for (const box of boxes) box.addEventListener("change", go);
}

function connectCurve(app) {
  const canvas = byId("curve");
  const pin = (place) => place !== null && app.history.change({ pinned: place });
  canvas.addEventListener("click", (event) => {
    const box = canvas.getBoundingClientRect();
    pin(nearestPoint(app.curve().all, event.clientX - box.left, event.clientY - box.top));
  });
  canvas.addEventListener("keydown", (event) => {
    const direction = { ArrowRight: 1, ArrowUp: 1, ArrowLeft: -1, ArrowDown: -1 }[event.key];
    if (!direction) return;
    event.preventDefault();
    pin(neighbouringPoint(app.shown(), app.curve().all, direction));
  });
}

function connectTables({ data, history, shown }) {
  const goTo = (position) => history.change(data.points.to(position));
  byId("clusters").tBodies[0].addEventListener("click", (event) => {
    const row = event.target.closest("tr");
    if (!row) return;
    const label = row.dataset.label;
    goTo(shown().clusters[label - 1].peak);
    keepFocus(event, () => byId("clusters").querySelector(`tr[data-label="${label}"] button`));
  });
  byId("parcels")?.tBodies[0].addEventListener("click", (event) => {
    const parcel = shown().direction.parcels[event.target.closest("tr")?.dataset.parcel];
    if (parcel?.size) goTo(parcel.strongest);
  });
}

/** Return the focus to a button in a row that is redrawn. */
function keepFocus(event, find) {
  if (event.target.tagName === "BUTTON") requestAnimationFrame(() => requestAnimationFrame(() => find()?.focus()));
}

function connectButtons(app) {
  const { data, history, shown } = app;
  const step = (direction) => {
    const { forest, answers, current } = shown();
    const pinned = steppedCluster(forest, answers, current ? current.place : -1, direction);
    if (pinned !== null) history.change({ pinned });
  };
  const actions = {
    grow: () => step(1),
    shrink: () => step(-1),
    follow: () => history.change({ pinned: null }),
    undo: history.undo,
    redo: history.redo,
    "save-table": () => saveTable(data, shown()),
    "save-picture": () => savePicture(data, shown(), app.views),
  };
  for (const [id, action] of Object.entries(actions)) byId(id).addEventListener("click", action);
  data.facts.labelFiles.forEach((file, i) => {
    byId(i ? `save-labels-${i}` : "save-labels").addEventListener("click", () => saveLabels(data, shown(), i));
  });
  document.addEventListener("keydown", (event) => {
    if (!(event.ctrlKey || event.metaKey) || event.altKey) return;
    const key = event.key.toLowerCase();
    if (key !== "z" && key !== "y") return;
    event.preventDefault();
    (key === "y" || event.shiftKey ? history.redo : history.undo)();
  });
}

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
