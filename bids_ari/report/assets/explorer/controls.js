// From user input to the state.

/** Connect all controls with the state. `app`: data, history, shown(), curve(), refreshSoon(), cameraMoved(), views, surfaces. */
function connectControls(app) {
  connectTdp(app);
  connectChoices(app);
  connectPlaces(app);
  connectCurve(app);
  connectTables(app);
  connectRegions(app);
  connectDrawing(app);
  connectFiles(app);
  connectButtons(app);
  connectKeys();
  if (app.surfaces) connectSurfaces(app, app.surfaces, app.camera);
  connectAppearance(app);
  if (app.slices) for (const canvas of byId("slices").children) connectPicture(app, canvas);
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
  byId("z-threshold").addEventListener("input", (event) => {
    const zThreshold = validThreshold(event.target.value);
    if (zThreshold !== null) history.change({ zThreshold }, "threshold");
  });
  byId("z-threshold").addEventListener("change", (event) => {
    history.endGesture();
    event.target.value = String(history.state.zThreshold);
  });
  byId("radiological")?.addEventListener("change", (event) => history.change({ radiological: event.target.checked }));
  byId("radius").addEventListener("input", refreshSoon);
  byId("direction")?.addEventListener("change", (event) => {
    const direction = data.directions.findIndex(({ name }) => name === event.target.value);
    history.change({ direction, pinned: null, origin: null });
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
  const pin = (place) => place !== null && app.history.change(pinning(app, place));
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

/** Show z above the threshold in place of the TDP, or what was shown before it. */
function swapColours(app) {
  const { colourBy } = app.history.state;
  const isAbove = colourBy === "statistic-above";
  if (!isAbove) app.swapped = colourBy;
  app.history.change({ colourBy: isAbove ? (app.swapped ?? "highest") : "statistic-above" });
}

/** @returns {Object} the change that shows a cluster by hand, and keeps which one was there at the target TDP */
function pinning({ history, shown }, pinned) {
  const { state } = history;
  const { current } = shown();
  const isContinued = state.pinned !== null && current?.place === state.pinned;
  return { pinned, origin: isContinued ? state.origin : (current?.place ?? -1) };
}

function connectTables({ data, history, shown }) {
  const goTo = (position) => history.change(data.points.to(position));
  byId("clusters").tBodies[0].addEventListener("click", (event) => {
    const row = event.target.closest("tr");
    if (!row) return;
    const label = row.dataset.label;
    goTo(shown().clusters[label - 1].peak);
    if (event.detail) bringIntoView(history.state); // of a click; the focus of the keyboard stays in sight
    keepFocus(event, () => byId("clusters").querySelector(`tr[data-label="${label}"] button`));
  });
}

/** Scroll to the pictures that show the crosshair, if most of them is out of sight. */
function bringIntoView({ vertex }) {
  const pictures = byId(vertex ? "surfaces" : "slices");
  const { top, bottom, height } = pictures.getBoundingClientRect();
  const inSight = Math.min(bottom, window.innerHeight) - Math.max(top, 0);
  if (inSight < Math.min(height, window.innerHeight) / 2) pictures.scrollIntoView({ block: "start" });
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
    if (pinned !== null) history.change(pinning(app, pinned));
  };
  const actions = {
    grow: () => step(1),
    shrink: () => step(-1),
    follow: () => history.change({ pinned: null, origin: null }),
    swap: () => swapColours(app),
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
