// The table of clusters: their sizes, bounds, peaks, and the colours that they have in the picture.

const MOST_ROWS = 60;
const [CHIP_SAMPLE, CHIP_PARTS, GREY_OF_CHIPS] = [100, 8, 10]; // points looked at, parts of a chip, level of grey below

/** Fill the table of clusters; a row leads to the peak. */
function fillClusters(data, palettes, shown, paint) {
  const rows = shown.clusters.slice(0, MOST_ROWS).map((cluster) => clusterRow(data, palettes, shown, paint, cluster));
  byId("clusters").tBodies[0].replaceChildren(...rows);
  const more = shown.clusters.length - rows.length;
  byId("more").textContent = more > 0 ? `${plural(more, "smaller cluster")} not listed; the saved table has all.` : "";
}

function clusterRow(data, palettes, shown, paint, cluster) {
  const row = element("tr", "", { "data-label": cluster.label });
  if (shown.current && shown.current.label === cluster.label) row.setAttribute("aria-current", "true");
  const cells = [
    thousands(cluster.size),
    thousands(cluster.tdn),
    proportion(cluster.tdn, cluster.size),
    ...clusterSizes(data, shown.forest, cluster).map(thousands),
    ...(data.points.vertex ? [thousands(Math.floor(activeAreaOf(data, shown.forest, cluster)))] : []),
    ...(shown.direction.fwe ? [fweText(shown.direction, cluster.peak)] : []),
    zText(data.z[cluster.peak]),
    ...peakNames(data, cluster),
    peakPlace(data, cluster).map(millimetreText).join(", "),
  ];
  row.append(labelCell(data, palettes, shown, paint, cluster), ...cells.map((text) => element("td", text)));
  if (data.atlas !== null) row.append(element("td", regionOf(data, cluster.peak), { class: "words" }));
  return row;
}

function labelCell(data, palettes, shown, paint, cluster) {
  const cell = element("th", "", { scope: "row" });
  const button = element("button", String(cluster.label), {
    type: "button",
    class: "link",
    "aria-label": `Cluster ${cluster.label}: go to its peak`,
  });
  const chip = element("span", "", { class: "chip", title: "the colours of its points in the picture" });
  chip.style.background = chipColours(data, palettes, shown, paint, cluster);
  cell.append(button, chip);
  if (cluster.place === shown.state.pinned) cell.append(element("small", " by hand"));
  return cell;
}

/** @returns {string} the colours that the points of a cluster have in the picture, from low to high, as a background */
function chipColours(data, palettes, { forest, state }, paint, { place, size }) {
  const valueOf = state.colourBy.startsWith("highest") ? (each) => forest.highest[each] : (each) => Math.abs(data.z[forest.preorder[each]]);
  const step = Math.max(1, Math.floor(size / CHIP_SAMPLE));
  const places = Array.from({ length: Math.ceil(size / step) }, (_, i) => place + i * step).sort((a, b) => valueOf(a) - valueOf(b));
  const colours = Array.from({ length: CHIP_PARTS }, (_, i) => places[Math.floor(((i + 0.5) * places.length) / CHIP_PARTS)]).map((each) => {
    const colour = paint(forest.preorder[each]);
    return colour ? cssColour(over(colour, palettes.greys[GREY_OF_CHIPS])) : "transparent";
  });
  const stops = colours.map((colour, i) => `${colour} ${(100 * i) / CHIP_PARTS}% ${(100 * (i + 1)) / CHIP_PARTS}%`);
  return `linear-gradient(to right, ${stops.join(", ")})`;
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
