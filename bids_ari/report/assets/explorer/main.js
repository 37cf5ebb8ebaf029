// From the data to the page, redrawn after each change.

/** Derive everything shown from the state: clusters, labels, and the point at the crosshair. */
function lookUp(data, state, formed, chained) {
  const direction = data.directions[state.direction];
  const { forest } = direction;
  const position = data.points.positionAt(state);
  const forestPlace = position < 0 ? -1 : forest.placeOf[position];
  const label = forestPlace < 0 ? 0 : formed.labels[forestPlace];
  return {
    region: data.regions.of(state.region, state),
    ...formed,
    state,
    direction,
    forest,
    position,
    forestPlace,
    current: label ? formed.clusters[label - 1] : null,
    ...chained(forest, forestPlace),
    ...placeOfSlices(data, state),
    labelAt: (each) => (each >= 0 && forest.placeOf[each] >= 0 ? formed.labels[forest.placeOf[each]] : 0),
  };
}

/** @returns {function(Object): {key: string, clusters: Object[], labels: Int32Array}} the clusters of a state, cached */
function makeFormer(data) {
  let kept = { key: "" };
  return ({ tdp, direction, pinned }) => {
    const key = `${direction} ${tdp} ${pinned}`;
    if (kept.key !== key) {
      const { forest } = data.directions[direction];
      const largest = largestWithTdp(forest, tdp);
      const clusters = labelled(forest, pinned === null ? largest : withPinned(forest, largest, pinned));
      kept = { key, clusters, labels: labelsOfPlaces(forest, clusters) };
    }
    return kept;
  };
}

/** @returns {function(Object, number): {chain: number[], answers: number[]}} the clusters around a place, cached */
function makeChainer() {
  let [keptForest, keptPlace, kept] = [null, null, null];
  return (forest, place) => {
    if (keptForest !== forest || keptPlace !== place) {
      const chain = place < 0 ? [] : chainOf(forest, place);
      [keptForest, keptPlace, kept] = [forest, place, { chain, answers: answersOf(forest, chain) }];
    }
    return kept;
  };
}

/** Return the function that redraws the page. */
function makeRefresh(data, app, palettes) {
  const [drawn, listRegions] = [{ direction: null, rows: "" }, makeRegionList(data)];
  return () => {
    const started = performance.now();
    const shown = app.shown();
    const [paint, key] = [makePainter(data, palettes, shown), `${shown.key} ${colouringOf(shown.state)}`];
    for (const view of app.views) view.draw(shown, paint, key);
    const isNew = drawn.direction !== shown.direction;
    if (isNew) {
      drawn.direction = shown.direction;
      showDirection(data, shown);
    }
    const rows = `${key} ${shown.state.zThreshold} ${shown.state.view} ${shown.state.origin} ${shown.current?.label}`;
    if (drawn.rows !== rows) {
      drawn.rows = rows;
      fillClusters(data, palettes, shown, paint);
      showStatus(data, shown);
      showSentence(data, shown);
      drawColourBars(data, palettes, shown);
    }
    showCrosshair(data, shown);
    showSphere(data, shown);
    listRegions(shown, isNew);
    showControls(app.history, shown);
    showAppearance(data, shown);
    app.keepCurve(drawCurve(data, shown, app.curve()));
    app.timings.update = performance.now() - started;
    app.timings.updates.push(app.timings.update);
  };
}

function makeApp(data) {
  const [form, chained] = [makeFormer(data), makeChainer()];
  const timings = { ready: 0, update: 0, updates: [] };
  let [curve, isDue, kept] = [{ chain: null, width: 0, all: [] }, false, null];
  const app = { data, timings, curve: () => curve, keepCurve: (drawing) => (curve = drawing) };
  const { targetTdp: tdp, voxel, vertex } = data.facts;
  data.regions = makeRegions(data);
  const first = { tdp, voxel, vertex, direction: 0, colourBy: "highest", zThreshold: FIRST_THRESHOLD, radiological: false, pinned: null, origin: null, region: null, drawn: [], ...APPEARANCE };
  app.history = makeHistory({ ...first, ...fromHash(location.hash, data) }, () => {
    app.refreshSoon();
    keepAddress(app);
  });
  app.shown = () => {
    if (kept?.state !== app.history.state) kept = lookUp(data, app.history.state, form(app.history.state), chained);
    return kept;
  };
  const palettes = makePalettes(data.facts);
  app.refresh = makeRefresh(data, app, palettes);
  app.refreshSoon = () => {
    if (isDue) return;
    isDue = true;
    requestAnimationFrame(() => {
      isDue = false;
      app.refresh();
    });
  };
  addViews(app, palettes);
  return app;
}

/** Add the views of the points, surfaces first, and the camera. */
function addViews(app, palettes) {
  const { points } = app.data;
  let isDue = false;
  app.cameraMoved = () => {
    keepAddress(app);
    if (isDue) return;
    isDue = true;
    requestAnimationFrame(() => {
      isDue = false;
      app.surfaces?.redraw();
    });
  };
  app.camera = makeCamera(app.cameraMoved);
  app.surfaces = points.vertex ? makeSurfaceView(app.data, palettes, app.camera) : null;
  app.slices = points.voxel ? makeSliceView(app.data, palettes, () => viewMoved(app)) : null;
  app.views = [app.surfaces, app.slices].filter(Boolean);
  viewFromHash(location.hash, app.camera, app.slices?.viewport);
}

function viewMoved(app) {
  keepAddress(app);
  app.slices?.redraw();
}

/** Write the state into the address, at most every fifth of a second: browsers refuse more. */
function keepAddress(app) {
  if (location.protocol === "about:") return; // the page is within a notebook, and has no address of its own
  clearTimeout(app.addressTimer);
  app.addressTimer = setTimeout(() => window.history.replaceState(null, "", toHash(app.history.state, app.data, app.camera, app.slices?.viewport)), 200);
}

/** The interface for tests and the console. */
function publicInterface(app) {
  const { data, history, shown, timings } = app;
  const placeAt = (position) => {
    const { voxel, vertex } = data.points.to(position);
    return vertex ?? voxel;
  };
  return Object.freeze({
    timings,
    state: () => ({ ...structuredClone(history.state), direction: shown().direction.name }),
    camera: () => ({ ...app.camera.state }),
    viewport: () => structuredClone(app.slices.viewport.state),
    clusters: () => shown().clusters.map(({ label, size, tdn, peak }) => ({ label, size, tdn, peak: placeAt(peak) })),
    labels: () => Array.from({ length: data.facts.nPoints }, (_, position) => shown().labelAt(position)),
    tdnOf: (positions) => trueDiscoveries(shown().direction.category, positions),
    go: (...voxel) => data.points.voxel?.holds(voxel) && history.change({ voxel, vertex: null }),
    region: () => {
      const { name, points = [], size, tdn } = shown().region ?? {};
      return name === undefined ? null : { name, size, tdn, points: [...points] };
    },
    goTo: (position) => history.change(data.points.to(position)),
    pixelOf: (mesh, vertex) => app.surfaces.pixelOf(mesh, vertex),
    setTdp: (value) => {
      const tdp = validTdp(value, data.facts.leastTdp);
      if (tdp !== null) history.change({ tdp });
    },
  });
}

/** @returns {string} what the colours depend on, besides the clusters */
const colouringOf = ({ colourBy, zThreshold, direction }) => `${colourBy}${colourBy === "statistic-above" ? ` ${zThreshold} ${direction}` : ""}`;

async function start() {
  try {
    const data = await readData();
    const app = makeApp(data);
    connectControls(app);
    for (const id of ["explorer", "tools"]) byId(id).hidden = false;
    app.refresh();
    window.addEventListener("hashchange", () => app.history.change(fromHash(location.hash, data)));
    new ResizeObserver(app.refreshSoon).observe(byId("views"));
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", app.refreshSoon);
    window.explorer = publicInterface(app);
    connectTour();
    app.timings.ready = performance.now();
    document.body.dataset.ready = "true";
  } catch (error) {
    byId("error-text").textContent = `This page could not be opened: ${error.message}.`;
    document.documentElement.classList.remove("runs");
  }
}

if ("DecompressionStream" in window && "OffscreenCanvas" in window) {
  document.documentElement.classList.add("runs");
  document.addEventListener("DOMContentLoaded", start);
}
