// The points that were tested: where they are, which are near, and how large they are.
// A place is a voxel (three indices) or a vertex (mesh and number); the state has the voxel of the slices' crosshair, and
// the vertex of the surfaces' one, or null while the crosshair is at the voxel.

/**
 * @param {Object} facts
 * @param {{voxel: ?Object, vertex: ?Object}} parts the points that are voxels, see `makeVolume`, and those that are
 *   vertices, see `makeSurfaces`
 */
function makePoints(facts, parts) {
  const kindAt = (state) => (state.vertex ? "vertex" : "voxel");
  const kindOf = (position) => (parts.vertex?.has(position) ? "vertex" : "voxel");
  const at = (state, name, ...more) => parts[kindAt(state)][name](state[kindAt(state)], ...more);
  const goTo = (kind, place) => (kind === "vertex" ? { vertex: place } : { voxel: place, vertex: null });
  return {
    ...parts,
    kindAt,
    positionAt: (state) => at(state, "positionAt"),
    millimetres: (state) => at(state, "millimetres"),
    within: (state, radius) => at(state, "within", radius),
    placeFacts: (state, position) => [...structureFacts(facts, position), ...at(state, "facts")],
    millimetresOf: (position) => parts[kindOf(position)].millimetres(parts[kindOf(position)].placeOf(position)),
    /** The change of the state that moves the crosshair to a point. */
    to: (position) => goTo(kindOf(position), parts[kindOf(position)].placeOf(position)),
    /** The change of the state that moves the crosshair to the voxel or vertex nearest to x, y, z in mm. */
    nearest: (place) => nearestOf(parts, goTo, place),
    structureOf: (position) => structureOf(facts, position),
    sizesOf: (positions) => sizesOf(facts, parts, positions),
    activeArea: (positions, tdn) => activeArea(facts, parts.vertex, positions, tdn),
  };
}

function nearestOf({ voxel, vertex }, goTo, place) {
  const apart = (part, found) => Math.hypot(...part.millimetres(found).map((x, axis) => x - place[axis]));
  const [inVolume, onSurface] = [voxel?.nearest(place), vertex?.nearest(place)];
  if (!vertex) return goTo("voxel", inVolume);
  const isVoxel = voxel && voxel.positionAt(inVolume) >= 0 && apart(voxel, inVolume) < apart(vertex, onSurface);
  return isVoxel ? goTo("voxel", inVolume) : goTo("vertex", onSurface);
}

/** @returns {?{title: string, name: string}} the structure of a point; null where points have none */
function structureOf({ structures }, position) {
  return structures?.find(({ start, stop }) => position >= start && position < stop) ?? null;
}

function structureFacts(facts, position) {
  const structure = structureOf(facts, position);
  return structure ? [["structure", structure.title]] : [];
}

/** @returns {number[]} area in mm² and volume in mm³ of a set, those that `facts.sizes` names */
function sizesOf(facts, { voxel, vertex }, positions) {
  let [area, voxels] = [0, positions.length];
  if (vertex) {
    voxels = 0;
    for (const position of positions) {
      if (vertex.has(position)) area += vertex.areaOf(position);
      else voxels++;
    }
  }
  return facts.sizes.map((name) => (name === "area_mm2" ? Number(area.toFixed(2)) : voxels * (voxel?.volume ?? 0)));
}

/** @returns {number} an area in mm² that is truly active, at least: that of the smallest vertices that can make up the TDN */
function activeArea(facts, vertex, positions, tdn) {
  const areas = Float64Array.from(positions.filter(vertex.has), vertex.areaOf).sort();
  const n = Math.max(0, tdn - (positions.length - areas.length)); // all voxels may be among the active points
  const sum = areas.subarray(0, n).reduce((total, area) => total + area, 0);
  return Math.max(0, sum - (n * facts.areaStep) / 2); // areas are rounded
}
