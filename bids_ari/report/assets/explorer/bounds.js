// The bounds of any set of points.

/**
 * TDN of any set: max(0, max over u of 1 - u + how many categories are at most u). Category 0 never counts.
 * @param {TypedArray} category of each point
 * @param {Iterable<number>} positions distinct
 */
function trueDiscoveries(category, positions) {
  const size = positions.length;
  const counts = new Uint32Array(size + 1);
  for (const position of positions) if (category[position] <= size) counts[category[position]]++;
  let [sum, best] = [0, 0];
  for (let u = 1; u <= size; u++) {
    sum += counts[u];
    best = Math.max(best, 1 - u + sum);
  }
  return best;
}

/**
 * @param {{signCategories: TypedArray[]}} direction
 * @param {Iterable<number>} positions distinct
 * @returns {number[]} TDN of positive and of negative effects; none where the alternative has no such bounds
 */
function signDiscoveries({ signCategories }, positions) {
  return signCategories.map((category) => trueDiscoveries(category, positions));
}
