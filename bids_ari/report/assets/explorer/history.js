// The state of the page, undo and redo, and the state in the address.

const PLACES = ["voxel", "vertex"];

/**
 * Keep the state of the page. Changes of one gesture (a drag, a turn of the wheel) are undone together.
 * @param {Object} first the state at the start: tdp, voxel, vertex, direction (number), colourBy, radiological, pinned
 * @param {function(): void} onChange
 */
function makeHistory(first, onChange) {
  let state = first;
  let gesture = null;
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
    change(part, inGesture = null) {
      const next = { ...state, ...part };
      if (JSON.stringify(next) === JSON.stringify(state)) return;
      if (inGesture === null || inGesture !== gesture) past.push(state);
      gesture = inGesture;
      future.length = 0;
      state = next;
      onChange();
    },
    endGesture() {
      gesture = null;
    },
    undo: () => moved(past, future),
    redo: () => moved(future, past),
  };
}

/** @returns {string} the part of the address after # */
function toHash(state, data, camera) {
  const parts = new URLSearchParams({
    tdp: String(state.tdp),
    direction: data.directions[state.direction].name,
    colour: state.colourBy,
  });
  for (const kind of PLACES) if (state[kind]) parts.set(kind, data.points[kind].toText(state[kind]));
  if (data.points.vertex) parts.set("camera", camera.toText());
  if (byId("shape")) parts.set("surface", byId("shape").value);
  if (state.radiological) parts.set("radiological", "1");
  if (state.pinned !== null) parts.set("cluster", String(state.pinned));
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
  if (direction >= 0 && data.directions[direction].forest.tdn[pinned] > 0) part.pinned = pinned;
  return Object.keys(part).length ? { radiological: false, pinned: null, ...part } : part;
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

/** Take camera and surface from an address, where they are valid. */
function viewFromHash(hash, camera) {
  const parts = new URLSearchParams(hash.slice(1));
  const shapes = [...(byId("shape")?.options ?? [])].map(({ value }) => value);
  if (shapes.includes(parts.get("surface"))) byId("shape").value = parts.get("surface");
  camera.fromText(parts.get("camera") ?? "");
}

/** @returns {?number} a target TDP in (0, 1], at least the smallest in the page; null for anything else */
function validTdp(text, least) {
  const tdp = String(text).trim() === "" ? NaN : Number(text);
  return tdp > 0 && tdp <= 1 ? Math.max(tdp, least) : null;
}
