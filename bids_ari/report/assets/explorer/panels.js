// Texts and tables beside the views.

/** Show the number of clusters; without clusters, what that means and what to do. */
function showStatus(data, shown) {
  const { unit, units } = data.facts;
  const points = shown.clusters.reduce((sum, cluster) => sum + cluster.size, 0);
  byId("status").textContent = `${plural(shown.clusters.length, "cluster")}, ${plural(points, unit, units)}`;
  byId("nothing").hidden = shown.clusters.length > 0;
  if (!shown.clusters.length) byId("nothing").textContent = emptyText(data, shown);
}

function emptyText(data, shown) {
  const { whole, confidence, top } = shown.direction;
  const caution = "This does not mean that nothing is active: a TDP is a lower bound.";
  if (!whole) {
    return `With ${confidence} confidence, no activity can be claimed in any set of ${data.facts.units}. ${caution} To see the map itself, choose “Colour by: z, everywhere”.`;
  }
  const tdp = shortTdp(shown.state.tdp);
  return `No cluster has a TDP of at least ${tdp}. ${caution} Choose a smaller target TDP: the highest of any cluster is ${shortTdp(top)}.`;
}

/** Show the headline of the current alternative. */
function showDirection(data, shown) {
  const { meaning, whole, nPoints, confidence, alpha, signs, signsApart } = shown.direction;
  const parts = whole ? signs.map(({ meaning: sign, whole: n }) => `, at least ${thousands(n)} ${sign}`) : [];
  const bySign = parts.length ? signsApart + parts.join("") : "";
  byId("headline").textContent =
    `With ${confidence} confidence, at least ${thousands(whole)} of the ${thousands(nPoints)} ${data.facts.units} tested are truly active (effect ${meaning}${bySign}).`;
  byId("alpha").textContent = alpha;
}

/** Show the voxel or vertex at the crosshair. */
function showCrosshair(data, shown) {
  const place = data.points.millimetres(shown.state);
  "xyz".split("").forEach((name, axis) => {
    const box = byId(`mm-${name}`);
    if (document.activeElement !== box) box.value = millimetreText(place[axis]);
  });
  const facts = [["x, y, z", `${place.map(millimetreText).join(", ")} mm`], ...pointFacts(data, shown)];
  showVertex(shown.state.vertex);
  fillFacts(byId("crosshair"), facts);
}

/** Show the vertex at the crosshair in its boxes. */
function showVertex(vertex) {
  if (!vertex || !byId("vertex") || [byId("mesh"), byId("vertex")].includes(document.activeElement)) return;
  byId("mesh").value = String(vertex[0]);
  byId("vertex").value = String(vertex[1]);
}

/** @returns {string[][]} */
function pointFacts(data, shown) {
  const { position, forestPlace, forest, current } = shown;
  const where = data.points.placeFacts(shown.state, position);
  if (position < 0) return where;
  const reached = forestPlace < 0 ? 0 : forest.highest[forestPlace];
  const least = data.facts.leastTdp;
  const facts = [
    ...where,
    ["z", zText(data.z[position])],
    ["highest TDP", forestPlace < 0 && least && shown.direction.whole ? `below ${least}` : shortTdp(reached)],
  ];
  if (shown.direction.fwe) facts.push(["p FWE", fweText(shown.direction, position)]);
  if (data.atlas !== null) facts.push(["atlas region", parcelText(data, shown, position)]);
  const byHand = current && current.place === shown.state.pinned ? " (chosen by hand)" : "";
  facts.push(["cluster", current ? `${current.label}${byHand}: ${clusterText(data.facts, current)}` : "none at this target TDP"]);
  const ofSigns = current ? signsOf(shown, current) : [];
  return [...facts, ...ofSigns.map((n, i) => [`of it ${shown.direction.signs[i].meaning}, at least`, thousands(n)])];
}

/** @returns {string} the familywise p of a point, with decimals that show 1 of the permutations */
const fweText = ({ fwe, nPermutations }, position) => (fwe[position] / nPermutations).toFixed(Math.max(3, String(nPermutations - 1).length));

function regionOf(data, position) {
  const number = position < 0 ? 0 : data.atlas[position];
  return number ? data.facts.atlas.names[number - 1] : "none";
}

/** @returns {string} the parcel at a point with its bound */
function parcelText(data, { direction }, position) {
  const number = position < 0 ? 0 : data.atlas[position];
  if (!number) return "none";
  const { size, tdn } = direction.parcels[number - 1];
  return `${isolated(regionOf(data, position))}: ${plural(size, data.facts.unit, data.facts.units)}, ${tdpText(tdn, size)}`;
}

/** Show the bound of the sphere around the crosshair. */
function showSphere(data, shown) {
  const radius = Number(byId("radius").value);
  byId("radius-text").textContent = `${radius} mm`;
  const inside = data.points.within(shown.state, radius);
  fillFacts(byId("sphere"), boundFacts(data.facts, inside.length, trueDiscoveries(shown.direction.category, inside), shown.direction, signDiscoveries(shown.direction, inside)));
}

const boundFacts = ({ units }, size, tdn, { signs }, ofSigns) => [
  [`${units} tested`, thousands(size)],
  ["TDN (truly active, at least)", thousands(tdn)],
  ...signs.map(({ meaning }, i) => [`TDN ${meaning}`, thousands(ofSigns[i])]),
  ["TDP", proportion(tdn, size)],
];

/** Show the state in the controls. */
function showControls(history, shown) {
  const { state } = shown;
  if (document.activeElement !== byId("tdp")) byId("tdp").value = String(state.tdp);
  byId("tdp-slider").value = String(state.tdp);
  byId("colour-by").value = state.colourBy;
  byId("swap").textContent = state.colourBy === "statistic-above" ? "Show TDP" : "Show z";
  byId("threshold-box").hidden = state.colourBy !== "statistic-above" && state.view !== "beside";
  if (byId("beside-bar-box")) byId("beside-bar-box").hidden = state.view !== "beside";
  if (document.activeElement !== byId("z-threshold")) byId("z-threshold").value = String(state.zThreshold);
  byId("z-sense").textContent = { 1: "z ≥", "-1": "z ≤ -", 0: "|z| ≥" }[senseOf(shown.direction)];
  byId("clear-drawing").disabled = !state.drawn.length;
  if (byId("radiological")) byId("radiological").checked = state.radiological;
  if (byId("direction")) byId("direction").value = shown.direction.name;
  if (byId("sides")) byId("sides").textContent = state.radiological
    ? "Radiological: the left of the picture is the right of the brain."
    : "Neurological: the left of the picture is the left of the brain.";
  byId("undo").disabled = !history.canUndo;
  byId("redo").disabled = !history.canRedo;
  byId("follow").disabled = state.pinned === null;
  const now = shown.current ? shown.current.place : -1;
  byId("grow").disabled = steppedCluster(shown.forest, shown.answers, now, 1) === null;
  byId("shrink").disabled = steppedCluster(shown.forest, shown.answers, now, -1) === null;
}
