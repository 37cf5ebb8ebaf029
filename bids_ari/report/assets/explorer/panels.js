// Texts and tables beside the views.

const MOST_ROWS = 60;

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
    return `With ${confidence} confidence, no activity can be claimed in any set of ${data.facts.units}. ${caution} To see the map itself, choose “Colour by: statistic, everywhere”.`;
  }
  const tdp = shortTdp(shown.state.tdp);
  return `No cluster has a TDP of at least ${tdp}. ${caution} Choose a smaller target TDP: the highest of any cluster is ${shortTdp(top)}.`;
}

/** Show the headline of the current alternative. */
function showDirection(data, shown) {
  const { meaning, whole, nPoints, confidence, alpha, signs } = shown.direction;
  const bySign = whole ? signs.map(({ meaning: sign, whole: n }) => `, at least ${thousands(n)} ${sign}`).join("") : "";
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
  if (data.atlas !== null) facts.push(["atlas region", regionOf(data, position)]);
  const byHand = current && current.place === shown.state.pinned ? " (chosen by hand)" : "";
  facts.push(["cluster", current ? `${current.label}${byHand}: ${clusterText(data.facts, current)}` : "none at this target TDP"]);
  const ofSigns = current ? signsOf(shown, current) : [];
  return [...facts, ...ofSigns.map((n, i) => [`of it ${shown.direction.signs[i].meaning}, at least`, thousands(n)])];
}

/** @returns {string} the familywise p of a point */
const fweText = ({ fwe, nPermutations }, position) => String(Number((fwe[position] / nPermutations).toPrecision(3)));

function regionOf(data, position) {
  const number = position < 0 ? 0 : data.atlas[position];
  return number ? data.facts.atlas.names[number - 1] : "none";
}

/** Show the bound of the sphere around the crosshair, and of the parcel there. */
function showRegions(data, shown) {
  const radius = Number(byId("radius").value);
  byId("radius-text").textContent = `${radius} mm`;
  const inside = data.points.within(shown.state, radius);
  fillFacts(byId("sphere"), boundFacts(data.facts, inside.length, trueDiscoveries(shown.direction.category, inside), shown.direction, signDiscoveries(shown.direction, inside)));
  if (data.atlas === null) return;
  const number = shown.position < 0 ? 0 : data.atlas[shown.position];
  const parcel = number && shown.direction.parcels[number - 1];
  const facts = parcel ? boundFacts(data.facts, parcel.size, parcel.tdn, shown.direction, parcel.signs) : [];
  fillFacts(byId("parcel"), [["region", regionOf(data, shown.position)], ...facts]);
}

const boundFacts = ({ units }, size, tdn, { signs }, ofSigns) => [
  [`${units} tested`, thousands(size)],
  ["TDN (truly active, at least)", thousands(tdn)],
  ...signs.map(({ meaning }, i) => [`TDN ${meaning}`, thousands(ofSigns[i])]),
  ["TDP", proportion(tdn, size)],
];

/** Fill the table of clusters; a row leads to the peak. */
function fillClusters(data, palettes, shown) {
  const rows = shown.clusters.slice(0, MOST_ROWS).map((cluster) => clusterRow(data, palettes, shown, cluster));
  byId("clusters").tBodies[0].replaceChildren(...rows);
  const more = shown.clusters.length - rows.length;
  byId("more").textContent = more > 0 ? `${plural(more, "smaller cluster")} not listed; the saved table has all.` : "";
}

function clusterRow(data, palettes, shown, cluster) {
  const row = element("tr", "", { "data-label": cluster.label });
  if (shown.current && shown.current.label === cluster.label) row.setAttribute("aria-current", "true");
  const cells = [
    thousands(cluster.size),
    ...clusterSizes(data, shown.forest, cluster).map(thousands),
    thousands(cluster.tdn),
    ...(data.points.vertex ? [thousands(Math.floor(activeAreaOf(data, shown.forest, cluster)))] : []),
    proportion(cluster.tdn, cluster.size),
    ...(shown.direction.fwe ? [fweText(shown.direction, cluster.peak)] : []),
    zText(data.z[cluster.peak]),
    ...peakNames(data, cluster),
    peakPlace(data, cluster).map(millimetreText).join(", "),
  ];
  row.append(labelCell(palettes, shown, cluster), ...cells.map((text) => element("td", text)));
  if (data.atlas !== null) row.append(element("td", regionOf(data, cluster.peak), { class: "words" }));
  return row;
}

function labelCell(palettes, shown, cluster) {
  const cell = element("th", "", { scope: "row" });
  const button = element("button", String(cluster.label), {
    type: "button",
    class: "link",
    "aria-label": `Cluster ${cluster.label}: go to its peak`,
  });
  const isNamed = shown.state.colourBy === "cluster";
  const colour = isNamed ? ofCluster(palettes, cluster.label) : ofTdp(palettes, cluster.tdn / cluster.size);
  const chip = element("span", "", { class: "chip" });
  chip.style.background = cssColour(colour);
  cell.append(button, chip);
  if (cluster.place === shown.state.pinned) cell.append(element("small", " by hand"));
  return cell;
}

const peakPlace = (data, cluster) => data.points.millimetresOf(cluster.peak);

/** @returns {number[]} the sizes of a cluster, as `facts.sizes` names them */
function clusterSizes(data, forest, { place, size }) {
  return data.points.sizesOf(forest.preorder.subarray(place, place + size));
}

/** @returns {number[]} TDN of positive and of negative effects in a cluster, where there are such bounds */
function signsOf({ direction, forest }, { place, size }) {
  return signDiscoveries(direction, forest.preorder.subarray(place, place + size));
}

/** @returns {number} the area of a cluster that is truly active, at least; computed once */
function activeAreaOf(data, forest, { place, size, tdn }) {
  if (!forest.activeAreas.has(place)) {
    forest.activeAreas.set(place, data.points.activeArea(forest.preorder.subarray(place, place + size), tdn));
  }
  return forest.activeAreas.get(place);
}

/** @returns {string[]} structure and vertex of the peak, where points have structures */
function peakNames({ points }, { peak }) {
  const structure = points.structureOf(peak);
  if (!structure) return [];
  return [structure.title, points.vertex?.has(peak) ? String(points.vertex.placeOf(peak)[1]) : "n/a"];
}

/** Fill the table of parcels and regions, highest TDP first; a row leads to the most extreme point. */
function fillParcels(shown) {
  const table = byId("parcels");
  if (!table) return;
  const { parcels } = shown.direction;
  const order = parcels.map((_, i) => i).sort((a, b) => tdpOf(parcels[b]) - tdpOf(parcels[a]) || a - b);
  table.tBodies[0].replaceChildren(...order.map((i) => parcelRow(parcels[i], i)));
}

const tdpOf = ({ tdn, size }) => (size ? tdn / size : 0);

function parcelRow(parcel, i) {
  const row = element("tr", "", { "data-parcel": i });
  const cell = element("th", "", { scope: "row" });
  cell.append(parcel.size ? element("button", parcel.name, { type: "button", class: "link" }) : parcel.name);
  const cells = [thousands(parcel.size), thousands(parcel.tdn), proportion(parcel.tdn, parcel.size)];
  row.append(cell, ...cells.map((text) => element("td", text)));
  return row;
}

/** Show the state in the controls. */
function showControls(history, shown) {
  const { state } = shown;
  if (document.activeElement !== byId("tdp")) byId("tdp").value = String(state.tdp);
  byId("tdp-slider").value = String(state.tdp);
  byId("colour-by").value = state.colourBy;
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
