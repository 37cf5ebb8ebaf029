// From the data to the page, redrawn after each change.

/** Derive everything shown from the state: clusters, labels, and the voxel at the crosshair. */
function lookUp(data, state, formed, chained) {
  const direction = data.directions[state.direction];
  const { forest } = direction;
  const position = data.mask.position[data.grid.cellOf(state.voxel)];
  const forestPlace = position < 0 ? -1 : forest.placeOf[position];
  const label = forestPlace < 0 ? 0 : formed.labels[forestPlace];
  return {
    ...formed,
    state,
    direction,
    forest,
    position,
    forestPlace,
    current: label ? formed.clusters[label - 1] : null,
    ...chained(forest, forestPlace),
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
function makeRefresh(data, app) {
  const palettes = makePalettes(data.facts);
  const drawn = { direction: null, rows: "" };
  return () => {
    const started = performance.now();
    const shown = app.shown();
    drawSlices(data, palettes, shown);
    if (drawn.direction !== shown.direction) {
      drawn.direction = shown.direction;
      showDirection(shown);
      fillParcels(shown);
    }
    const rows = `${shown.key} ${shown.state.colourBy} ${shown.current?.label}`;
    if (drawn.rows !== rows) {
      drawn.rows = rows;
      fillClusters(data, palettes, shown);
      showStatus(data, shown);
      drawColourBar(data, palettes, shown.state.colourBy);
    }
    showCrosshair(data, shown);
    showRegions(data, shown);
    showControls(app.history, shown);
    app.keepPoints(drawCurve(data, shown, app.points()));
    app.timings.update = performance.now() - started;
    app.timings.updates.push(app.timings.update);
  };
}

function makeApp(data) {
  const [form, chained] = [makeFormer(data), makeChainer()];
  const timings = { ready: 0, update: 0, updates: [] };
  let [points, isDue, kept] = [{ chain: null, width: 0, all: [] }, false, null];
  const app = { data, timings, points: () => points, keepPoints: (curve) => (points = curve) };
  const first = { tdp: data.facts.targetTdp, voxel: data.facts.voxel, direction: 0, colourBy: "highest", radiological: false, pinned: null };
  app.history = makeHistory({ ...first, ...fromHash(location.hash, data) }, () => {
    app.refreshSoon();
    keepAddress(app);
  });
  app.shown = () => {
    if (kept?.state !== app.history.state) kept = lookUp(data, app.history.state, form(app.history.state), chained);
    return kept;
  };
  app.refresh = makeRefresh(data, app);
  app.refreshSoon = () => {
    if (isDue) return;
    isDue = true;
    requestAnimationFrame(() => {
      isDue = false;
      app.refresh();
    });
  };
  return app;
}

/** Write the state into the address, at most every fifth of a second: browsers refuse more. */
function keepAddress(app) {
  clearTimeout(app.addressTimer);
  app.addressTimer = setTimeout(() => window.history.replaceState(null, "", toHash(app.history.state, app.data)), 200);
}

/** The interface for tests and the console. */
function publicInterface(app) {
  const { data, history, shown, timings } = app;
  const voxelAt = (position) => data.grid.voxelOf(data.mask.cell[position]);
  return Object.freeze({
    timings,
    state: () => ({ ...history.state, voxel: [...history.state.voxel], direction: shown().direction.name }),
    clusters: () => shown().clusters.map(({ label, size, tdn, peak }) => ({ label, size, tdn, peak: voxelAt(peak) })),
    labels: () => Array.from({ length: data.facts.nVoxels }, (_, position) => shown().labelAt(position)),
    tdnOf: (positions) => trueDiscoveries(shown().direction.category, positions),
    go: (...voxel) => data.grid.holds(voxel) && history.change({ voxel }),
    setTdp: (value) => {
      const tdp = validTdp(value, data.facts.leastTdp);
      if (tdp !== null) history.change({ tdp });
    },
  });
}

async function start() {
  try {
    const data = await readData();
    const app = makeApp(data);
    connectControls(app);
    byId("explorer").hidden = false;
    app.refresh();
    window.addEventListener("hashchange", () => app.history.change(fromHash(location.hash, data)));
    new ResizeObserver(app.refreshSoon).observe(byId("slices"));
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", app.refreshSoon);
    window.explorer = publicInterface(app);
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
