// The forest of all supra-threshold clusters as Python computed it.
// A place is a position in preorder; the cluster that is completed there is the slice place .. place + size[place].

/**
 * @param {Uint32Array} preorder point at each place
 * @param {Int32Array} size of the cluster at each place
 * @param {Int32Array} tdn of the cluster; 0 where the place is no cluster of its own
 * @param {Uint32Array} rank of the height of each place of size 1, 0 for the highest
 * @param {number} nPoints
 */
function makeForest(preorder, size, tdn, rank, nPoints) {
  const n = preorder.length;
  const placeOf = new Int32Array(nPoints).fill(-1);
  for (let place = 0; place < n; place++) placeOf[preorder[place]] = place;
  const leaves = new Uint32Array(rank.length);
  for (let place = 0, i = 0; place < n; place++) if (size[place] === 1) leaves[i++] = place;
  const parent = parentsOf(size);
  const highest = highestTdp(size, tdn, parent);
  return { preorder, size, tdn, rank, leaves, placeOf, parent, highest, peaks: new Map(), activeAreas: new Map() };
}

/** @returns {Int32Array} the nearest place before each whose slice holds it, or -1 */
function parentsOf(size) {
  const parent = new Int32Array(size.length);
  let up = -1;
  for (let place = 0; place < size.length; place++) {
    while (up >= 0 && up + size[up] <= place) up = parent[up];
    parent[place] = up;
    up = place;
  }
  return parent;
}

/** @returns {Float64Array} the highest TDP of all clusters that contain the point of each place */
function highestTdp(size, tdn, parent) {
  const highest = new Float64Array(size.length);
  for (let place = 0; place < size.length; place++) {
    const above = parent[place] < 0 ? 0 : highest[parent[place]];
    highest[place] = Math.max(above, tdn[place] / size[place]);
  }
  return highest;
}

/** @returns {number[]} places of the largest clusters with tdn / size >= tdp */
function largestWithTdp(forest, tdp) {
  const { size, tdn } = forest;
  const found = [];
  for (let place = 0; place < size.length; ) {
    if (tdn[place] / size[place] >= tdp) {
      found.push(place);
      place += size[place];
    } else {
      place++;
    }
  }
  return found;
}

/** Replace all clusters that overlap with one chosen by hand. */
function withPinned(forest, places, pinned) {
  const end = pinned + forest.size[pinned];
  return [...places.filter((place) => place >= end || place + forest.size[place] <= pinned), pinned];
}

/** @returns {number} the number of places of size 1 before a place */
function leavesBefore(forest, place) {
  let [low, high] = [0, forest.leaves.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if (forest.leaves[middle] < place) low = middle + 1;
    else high = middle;
  }
  return low;
}

/** @returns {{position: number, rank: number}} the most extreme point of a cluster, the first one of ties */
function peakOf(forest, place) {
  const known = forest.peaks.get(place);
  if (known) return known;
  const peak = { position: Infinity, rank: Infinity };
  const end = place + forest.size[place];
  for (let i = leavesBefore(forest, place); i < forest.leaves.length && forest.leaves[i] < end; i++) {
    const position = forest.preorder[forest.leaves[i]];
    if (forest.rank[i] < peak.rank || (forest.rank[i] === peak.rank && position < peak.position)) {
      peak.position = position;
      peak.rank = forest.rank[i];
    }
  }
  forest.peaks.set(place, peak);
  return peak;
}

function firstPoint(forest, place) {
  let first = Infinity;
  for (let i = place; i < place + forest.size[place]; i++) first = Math.min(first, forest.preorder[i]);
  return first;
}

/**
 * Label clusters as Python does: by size, then most extreme peak, then first point.
 * @returns {{label: number, place: number, size: number, tdn: number, peak: number}[]}
 */
function labelled(forest, places) {
  const clusters = places.map((place) => ({ place, size: forest.size[place], ...peakOf(forest, place) }));
  const order = (a, b) =>
    b.size - a.size || a.rank - b.rank || firstPoint(forest, a.place) - firstPoint(forest, b.place);
  return clusters.sort(order).map(({ place, size, position }, i) => {
    return { label: i + 1, place, size, tdn: forest.tdn[place], peak: position };
  });
}

/** @returns {Int32Array} the label of the cluster at each place, 0 for none */
function labelsOfPlaces(forest, clusters) {
  const labels = new Int32Array(forest.preorder.length);
  for (const { label, place, size } of clusters) labels.fill(label, place, place + size);
  return labels;
}

/** @returns {number[]} places of all clusters with a TDP above 0 that contain the point of a place, smallest first */
function chainOf(forest, place) {
  const chain = [];
  for (let up = place; up >= 0; up = forest.parent[up]) if (forest.tdn[up] > 0) chain.push(up);
  return chain;
}

/**
 * The clusters of a chain that are largest clusters at some target TDP: no larger one has as high a TDP.
 * @returns {number[]} smallest first, which has the highest TDP
 */
function answersOf(forest, chain) {
  return chain.filter((place) => {
    const up = forest.parent[place];
    return up < 0 || forest.tdn[place] / forest.size[place] > forest.highest[up];
  });
}

/**
 * The next larger (1) or smaller (-1) cluster around a point: of the largest clusters at any target TDP, the first whose TDP
 * differs by at least a hundredth, else the last.
 * @param {number[]} answers from `answersOf`
 * @param {number} current place of the current one, or -1
 * @returns {?number} null if there is none
 */
function steppedCluster(forest, answers, current, direction) {
  if (current < 0) return answers.length && direction > 0 ? answers[0] : null;
  const tdpOf = (place) => forest.tdn[place] / forest.size[place];
  const beyond = answers.filter((place) => direction * (forest.size[place] - forest.size[current]) > 0);
  if (direction < 0) beyond.reverse();
  const far = beyond.find((place) => direction * (tdpOf(current) - tdpOf(place)) >= 0.01);
  return far ?? beyond[beyond.length - 1] ?? null;
}
