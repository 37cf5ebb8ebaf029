// Regions: parcels and masks of the analysis, those that a reader draws, and those from files.
// A region has a key: parcel-N, drawn, or file-N. The state has the key of the one that is chosen.

const DRAWN = "drawn";
const isOfFile = (key) => key.startsWith("file-");

/**
 * @param {Object} data
 * @returns {Object} the regions of a page; those of files are added and removed later
 */
function makeRegions(data) {
  const files = new Map();
  let [nFiles, kept] = [0, null];
  const drawnMask = makeDrawing(data.points, data.facts.nPoints);
  const parcels = data.directions[0].parcels;
  const number = (key) => Number(/^parcel-(\d+)$/.exec(key)?.[1] ?? NaN);
  const knows = (key) => number(key) in parcels || files.has(key);
  const maskOf = (key, drawn) => {
    if (key === DRAWN) return drawnMask(drawn);
    return files.get(key)?.mask ?? maskOfParcel(data, number(key));
  };
  return {
    knows,
    keys: (state) => [...(state.drawn.length ? [DRAWN] : []), ...files.keys()],
    add: (region) => {
      nFiles += 1;
      files.set(`file-${nFiles}`, region);
      return `file-${nFiles}`;
    },
    remove: (key) => files.delete(key),
    /** The region of a key in an alternative, or null: its name, points, and bounds. */
    of: (key, { drawn, direction }) => {
      if (key === null || !(knows(key) || (key === DRAWN && drawn.length))) return null;
      if (kept?.key !== key || kept.drawn !== drawn || kept.direction !== direction) {
        const mask = maskOf(key, drawn);
        const name = files.get(key)?.name ?? data.directions[direction].parcels[number(key)]?.name ?? "Drawn region";
        kept = { key, drawn, direction, name, mask, ...boundsOf(data, data.directions[direction], pointsWhere(mask, Boolean)) };
      }
      return kept;
    },
  };
}

/** @returns {{points: Uint32Array, size: number, tdn: number, signs: number[], strongest: number}} */
function boundsOf({ z }, direction, points) {
  const sense = senseOf(direction);
  const height = (position) => (sense ? sense * z[position] : Math.abs(z[position]));
  const strongest = points.reduce((best, each) => (best < 0 || height(each) > height(best) ? each : best), -1);
  return {
    points,
    size: points.length,
    tdn: trueDiscoveries(direction.category, points),
    signs: signDiscoveries(direction, points),
    strongest,
  };
}

/** @returns {Uint8Array} 1 for the points in a parcel of the atlas, or in another region of the analysis */
function maskOfParcel({ atlas, facts, rois }, number) {
  const nParcels = facts.atlas?.names.length ?? 0;
  const mask = new Uint8Array(facts.nPoints);
  if (number < nParcels) {
    for (let i = 0; i < mask.length; i++) mask[i] = atlas[i] === number + 1 ? 1 : 0;
  } else {
    const bits = rois.subarray((number - nParcels) * Math.ceil(mask.length / 8));
    for (let i = 0; i < mask.length; i++) mask[i] = (bits[i >> 3] >> (7 - (i & 7))) & 1;
  }
  return mask;
}

/**
 * Return the function that computes the mask of strokes: spheres, or discs on a mesh, that are added or erased in turn.
 * A stroke is {kind: "voxel" or "vertex", place, radius in mm, adds}.
 */
function makeDrawing(points, nPoints) {
  let [done, mask] = [[], new Uint8Array(nPoints)];
  return (strokes) => {
    const isLonger = done.length <= strokes.length && done.every((stroke, i) => stroke === strokes[i]);
    mask = isLonger ? mask.slice() : new Uint8Array(nPoints);
    for (const { kind, place, radius, adds } of strokes.slice(isLonger ? done.length : 0)) {
      for (const position of points[kind].within(place, radius)) mask[position] = adds;
    }
    done = strokes;
    return mask;
  };
}

/** @returns {string} strokes in an address, such as "add.voxel.12_30_8.6*erase.voxel.12_31_8.4" */
function strokesText(strokes, { points }) {
  return strokes
    .map(({ kind, place, radius, adds }) => [adds ? "add" : "erase", kind, points[kind].toText(place), radius].join("."))
    .join("*");
}

/** @returns {Object[]} the strokes in an address; none if any is invalid */
function strokesIn(text, { points }) {
  const strokes = text.split("*").map((each) => {
    const [, verb, kind, where, radius] = /^(add|erase)\.(voxel|vertex)\.(\w+)\.(\d+)$/.exec(each) ?? [];
    const place = points[kind]?.fromText(where);
    const isValid = place && points[kind].holds(place) && Number(radius) >= 1 && Number(radius) <= 40;
    return isValid ? { kind, place, radius: Number(radius), adds: verb === "add" } : null;
  });
  return strokes.every(Boolean) ? strokes : [];
}

/** Connect the buttons that draw a region around the crosshair, and drawing by mouse or finger in a view. */
function connectDrawing(app) {
  const button = byId("draw");
  const stroke = (adds, gesture, kind, places) => {
    const radius = Number(byId("radius").value);
    const strokes = places.map((place) => ({ kind, place, radius, adds }));
    app.history.change({ drawn: [...app.history.state.drawn, ...strokes], region: DRAWN }, gesture);
  };
  const here = (adds) => {
    const kind = app.data.points.kindAt(app.history.state);
    stroke(adds, null, kind, [app.history.state[kind]]);
  };
  byId("add-sphere").addEventListener("click", () => here(true));
  byId("erase-sphere").addEventListener("click", () => here(false));
  byId("clear-drawing").addEventListener("click", () => {
    app.history.change({ drawn: [], region: app.history.state.region === DRAWN ? null : app.history.state.region });
  });
  button.addEventListener("click", () => {
    const isOn = button.getAttribute("aria-pressed") !== "true";
    button.setAttribute("aria-pressed", String(isOn));
    byId("views").classList.toggle("drawing", isOn);
    if (isOn) bringIntoView(app.history.state);
  });
  const isOn = () => button.getAttribute("aria-pressed") === "true" && app.history.state.view !== "glass"; // it shows no slice
  connectBrush(app, isOn, stroke);
}

/** Draw where the crosshair goes while a button is held: after the view itself has moved it. Alt or Shift erases. */
function connectBrush({ history, data }, isOn, stroke) {
  let [last, start] = [null, null];
  const paint = (event) => {
    const kind = data.points.kindAt(history.state);
    const here = history.state[kind];
    if (String(here) === String(last)) return;
    const places = kind === "voxel" && last ? placesBetween(data.points.voxel.grid, last, here) : [here];
    stroke(!(event.altKey || event.shiftKey), "brush", kind, places);
    last = here;
  };
  for (const view of [byId("slices"), byId("surfaces")].filter(Boolean)) {
    const isSlices = view.id === "slices";
    view.addEventListener("pointerdown", (event) => {
      [last, start] = [null, [event.clientX, event.clientY]];
      if (isOn()) history.hold("brush");
    }, { capture: true }); // before the crosshair moves, which is undone with the stroke
    view.addEventListener("pointerdown", (event) => isOn() && isSlices && event.button === 0 && paint(event));
    view.addEventListener("pointermove", (event) => isOn() && isSlices && event.buttons & 1 && paint(event));
    view.addEventListener("pointerup", (event) => {
      const isClick = start && Math.hypot(event.clientX - start[0], event.clientY - start[1]) <= STILL;
      if (isOn() && !isSlices && isClick && history.state.vertex) paint(event);
      history.endGesture();
    });
  }
}

/** @returns {number[][]} the voxels on a line, at most a radius of the brush apart, without the first */
function placesBetween({ zooms }, from, to) {
  const radius = Number(byId("radius").value);
  const n = Math.max(1, ...to.map((index, axis) => Math.ceil((Math.abs(index - from[axis]) * zooms[axis]) / radius)));
  return Array.from({ length: n }, (_, i) => from.map((index, axis) => Math.round(index + ((to[axis] - index) * (i + 1)) / n)));
}
