// The state of the page, undo and redo, and the state in the address.

const PLACES = ["voxel", "vertex"];
const LONGEST_DRAWING = 1500; // characters in an address

/**
 * Keep the state of the page. Changes of one gesture (a drag, a turn of the wheel) are undone together.
 * @param {Object} first the state at the start: tdp, voxel, vertex, direction (number), colourBy, zThreshold, radiological,
 *   pinned (place of a cluster chosen by hand, or null), origin (place of the cluster that was there before, -1 for none),
 *   region (key of the region chosen, see `makeRegions`, or null), drawn (strokes of the drawn region)
 * @param {function(): void} onChange
 */
function makeHistory(first, onChange) {
  let state = first;
  let [gesture, held] = [null, null];
  const [past, future] = [[], []];
  const moved = (from, to) => {
    if (!from.length) return;
    to.push(state);
    state = from.pop();
    gesture = null;
    onChange();
  };
  return {
    get state() {
      return state;
    },
    get canUndo() {
      return past.length > 0;
    },
    get canRedo() {
      return future.length > 0;
    },
    change(part, name = null) {
      const inGesture = held ?? name;
      const next = { ...state, ...part };
      if (JSON.stringify(next) === JSON.stringify(state)) return;
      if (inGesture === null || inGesture !== gesture) past.push(state);
      gesture = inGesture;
      future.length = 0;
      state = next;
      onChange();
    },
    /** All changes until the end of the gesture belong to it. */
    hold(name) {
      held = name;
    },
    endGesture() {
      [gesture, held] = [null, null];
    },
    undo: () => moved(past, future),
    redo: () => moved(future, past),
  };
}

/** @returns {string} the part of the address after # */
function toHash(state, data, camera, viewport) {
  const parts = new URLSearchParams({
    tdp: String(state.tdp),
    direction: data.directions[state.direction].name,
    colour: state.colourBy,
  });
  for (const kind of PLACES) if (state[kind]) parts.set(kind, data.points[kind].toText(state[kind]));
  if (data.points.vertex) parts.set("camera", camera.toText());
  if (byId("shape")) parts.set("surface", byId("shape").value);
  appearanceToHash(parts, state, viewport);
  if (state.radiological) parts.set("radiological", "1");
  if (state.pinned !== null) parts.set("cluster", String(state.pinned));
  if (state.pinned !== null && state.origin !== null) parts.set("from", String(state.origin));
  if (state.colourBy === "statistic-above") parts.set("z", String(state.zThreshold));
  const drawn = strokesText(state.drawn, data);
  if (drawn.length && drawn.length < LONGEST_DRAWING) parts.set("drawn", drawn);
  if (state.region !== null && !isOfFile(state.region)) parts.set("region", state.region);
  return `#${parts}`;
}

/** @returns {Object} the part of the state in an address; invalid parts are ignored */
function fromHash(hash, data) {
  const parts = new URLSearchParams(hash.slice(1));
  const part = {};
  const tdp = validTdp(parts.get("tdp") ?? parts.get("gamma") ?? "", data.facts.leastTdp);
  if (tdp !== null) part.tdp = tdp;
  Object.assign(part, placesIn(parts, data));
  const direction = data.directions.findIndex((each) => each.name === parts.get("direction"));
  if (direction >= 0) part.direction = direction;
  if ([...byId("colour-by").options].some((option) => option.value === parts.get("colour"))) {
    part.colourBy = parts.get("colour");
  }
  if (parts.get("radiological") === "1") part.radiological = true;
  const pinned = /^\d+$/.test(parts.get("cluster") ?? "") ? Number(parts.get("cluster")) : -1;
  if (direction >= 0 && data.directions[direction].forest.tdn[pinned] > 0) {
    part.pinned = pinned;
    part.origin = originIn(parts, data.directions[direction].forest);
  }
  const z = validThreshold(parts.get("z") ?? "");
  if (z !== null) part.zThreshold = z;
  part.drawn = strokesIn(parts.get("drawn") ?? "", data);
  const region = parts.get("region") ?? "";
  if (region === DRAWN ? part.drawn.length : data.regions.knows(region)) part.region = region;
  if (!part.drawn.length) delete part.drawn;
  return { radiological: false, pinned: null, origin: null, region: null, drawn: [], ...appearanceFromHash(parts), ...part };
}

/** @returns {?number} the cluster from which the one chosen by hand was grown or shrunk, -1 for none; null if unknown */
function originIn(parts, { tdn }) {
  const origin = /^(-1|\d+)$/.test(parts.get("from") ?? "") ? Number(parts.get("from")) : null;
  return origin === -1 || tdn[origin] > 0 ? origin : null;
}

/** @returns {Object} voxel and vertex in an address; without a vertex, the crosshair is at the voxel */
function placesIn(parts, { points }) {
  const part = {};
  for (const kind of PLACES) {
    const place = points[kind]?.fromText(parts.get(kind) ?? "");
    if (place && points[kind].holds(place)) part[kind] = place;
  }
  return part.voxel ? { vertex: null, ...part } : part;
}

/** Take camera, surface and zoom from an address, where they are valid. */
function viewFromHash(hash, camera, viewport) {
  const parts = new URLSearchParams(hash.slice(1));
  const shapes = [...(byId("shape")?.options ?? [])].map(({ value }) => value);
  if (shapes.includes(parts.get("surface"))) byId("shape").value = parts.get("surface");
  camera.fromText(parts.get("camera") ?? "");
  viewport?.fromText(parts.get("zoom") ?? "");
}

/** @returns {?number} a threshold of z above 0 and at most 100; null for anything else */
function validThreshold(text) {
  const z = String(text).trim() === "" ? NaN : Number(text);
  return z > 0 && z <= 100 ? z : null;
}

/** @returns {?number} a target TDP in (0, 1], at least the smallest in the page; null for anything else */
function validTdp(text, least) {
  const tdp = String(text).trim() === "" ? NaN : Number(text);
  return tdp > 0 && tdp <= 1 ? Math.max(tdp, least) : null;
}
