// What the page shows, in one sentence: which set is coloured, its size, TDN and TDP.

const FIRST_THRESHOLD = 3.1; // of z

/** The sense in which z is extreme: 1 for high, -1 for low, 0 for both. */
const senseOf = ({ name }) => ({ less: -1, "two-sided": 0 })[name] ?? 1;

/** @returns {function(number): boolean} whether a z is at or beyond the threshold, in the sense of the alternative */
function beyondThreshold({ direction, state: { zThreshold } }) {
  const sense = senseOf(direction);
  return (z) => (sense ? sense * z : Math.abs(z)) >= zThreshold;
}

/** @returns {string} the threshold of z as a condition */
function thresholdText({ direction, state: { zThreshold } }) {
  return { 1: `z ≥ ${zThreshold}`, "-1": `z ≤ -${zThreshold}`, 0: `|z| ≥ ${zThreshold}` }[senseOf(direction)];
}

/** @returns {TypedArray} the points that are coloured */
function colouredPoints(data, shown) {
  const { forest, clusters, state } = shown;
  if (state.colourBy === "highest-everywhere") return forest.preorder.filter((_, place) => forest.highest[place] > 0);
  if (state.colourBy.startsWith("statistic-")) {
    const isShown = state.colourBy === "statistic-above" ? beyondThreshold(shown) : () => true;
    return pointsWhere(data.z, isShown);
  }
  const points = new Uint32Array(clusters.reduce((sum, { size }) => sum + size, 0));
  let n = 0;
  for (const { place, size } of clusters) {
    points.set(forest.preorder.subarray(place, place + size), n);
    n += size;
  }
  return points;
}

/** @returns {Uint32Array} the points whose value is of some kind */
function pointsWhere(values, is) {
  const points = new Uint32Array(values.length);
  let n = 0;
  for (let position = 0; position < values.length; position++) if (is(values[position])) points[n++] = position;
  return points.subarray(0, n);
}

/** Show the sentence about what is coloured. */
function showSentence(data, shown) {
  const below = shown.state.view === "beside" ? ` Below: ${boundSentence(data, otherColouring(shown))}` : "";
  byId("shown").textContent = boundSentence(data, shown) + byHandText(data.facts, shown) + below;
}

/** @returns {string} the sentence with the TDN of the points that are coloured */
function boundSentence(data, shown) {
  const points = colouredPoints(data, shown);
  return sentenceOf(data.facts, shown, points.length, trueDiscoveries(shown.direction.category, points));
}

/** @returns {string} */
function sentenceOf(facts, shown, size, tdn) {
  const { colourBy } = shown.state;
  const bound = `${plural(size, facts.unit, facts.units)}, of which at least ${thousands(tdn)} are truly active (${tdpText(tdn, size)})`;
  if (colourBy === "statistic-everywhere") return `Coloured by z: all ${bound}.`;
  if (colourBy === "statistic-above") {
    return size ? `Coloured by z, where ${thresholdText(shown)}: ${bound}.` : `No ${facts.unit} has ${thresholdText(shown)}: nothing is coloured.`;
  }
  if (colourBy === "highest-everywhere") return everywhereText(facts, size, bound);
  return size ? clustersText(facts, shown, bound) : "Nothing is coloured: there is no such cluster.";
}

/** @returns {string} the cluster that was chosen by hand, where colours show more than clusters */
function byHandText(facts, shown) {
  const { colourBy, pinned } = shown.state;
  const chosen = /-(above|everywhere)$/.test(colourBy) && shown.clusters.find(({ place }) => place === pinned);
  return chosen ? ` Shown by hand: ${chosenText(facts, shown, chosen)}.` : "";
}

function everywhereText({ leastTdp }, size, bound) {
  const which = `in clusters with a TDP ${leastTdp ? `of at least ${leastTdp}` : "above 0"}`;
  return size ? `Coloured by the highest TDP, everywhere ${which}: ${bound}.` : `Nothing is coloured: no point is ${which}.`;
}

const tdpText = (tdn, size) => `TDP at least ${proportion(tdn, size)}`;

/** @returns {string} about the clusters at the target TDP, and about one that was chosen by hand */
function clustersText(facts, shown, bound) {
  const { clusters, state } = shown;
  const chosen = clusters.find(({ place }) => place === state.pinned);
  const others = clusters.length - (chosen ? 1 : 0);
  const target = `TDP of at least ${shortTdp(state.tdp)}`;
  if (!chosen) {
    const which = others === 1 ? `the largest cluster with a ${target}, ` : `the ${others} largest clusters with a ${target}, together `;
    return `Coloured: ${which}${bound}.`;
  }
  const besides = others ? ` With ${plural(others, "other cluster")} with a ${target}, coloured are ${bound}.` : "";
  return `Coloured: ${chosenText(facts, shown, chosen)}.${besides}`;
}

/** @returns {string} the cluster that was chosen by hand, and from which one it was grown or shrunk */
function chosenText({ unit, units }, { forest, state: { origin } }, { size, tdn }) {
  const itself = `a cluster of ${plural(size, unit, units)} with a TDP of at least ${proportion(tdn, size)} (TDN ${thousands(tdn)})`;
  if (origin === null) return `${itself}, chosen by hand`;
  if (origin < 0) return `${itself}, grown from the crosshair`;
  const [from, active] = [forest.size[origin], forest.tdn[origin]];
  if (from === size) return `${itself}, as at the target TDP`;
  return `${itself}, ${from < size ? "grown" : "shrunk"} from one of ${plural(from, unit, units)} with ${proportion(active, from)}`;
}
