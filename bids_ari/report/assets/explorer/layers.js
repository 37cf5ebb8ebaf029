// What a slice consists of, as small pictures that are enlarged by the canvas: cells of the underlay, voxels of the map.

const FINE = 0.5; // mm of a pixel of an interpolated map
const AIR = 0.12; // of the brightness of white: darker cells fade
const MOST_LAYERS = 150; // that are kept

/** @returns {Uint32Array} the greys of an underlay, of level 0 none: air around a head is not seen */
function underlayGreys(levels) {
  return Uint32Array.from({ length: levels + 1 }, (_, level) => {
    const grey = Math.round(70 + (185 * level) / levels);
    return packed(grey, grey, grey, Math.round(255 * Math.min(level / levels / AIR, 1) ** 2));
  });
}

/** @returns {OffscreenCanvas} pixels as a picture */
function pictureOf(pixels, width, height) {
  const picture = new OffscreenCanvas(width, height);
  picture.getContext("2d").putImageData(new ImageData(new Uint8ClampedArray(pixels.buffer), width, height), 0, 0);
  return picture;
}

/** @returns {function(string, function(): T): T} keeps what it has made for a key, until there is too much */
function makeStore() {
  const kept = new Map();
  return (key, make) => {
    if (!kept.has(key)) {
      if (kept.size >= MOST_LAYERS) kept.clear();
      kept.set(key, make());
    }
    return kept.get(key);
  };
}

/**
 * A layer: a picture, and where it is in the plane, in voxels along two axes of the file: the centre of its first pixel, and
 * the step to the next.
 * @typedef {{picture: OffscreenCanvas, start: number[], step: number[]}} Layer
 */

/** @returns {?Layer} the underlay in the plane of a voxel; null where there is none */
function underlayLayer(data, greys, [normal, across, up], index) {
  const { shape, axes, start, step } = data.facts.underlay;
  const plane = Math.round((index - start[normal]) / step[normal]);
  if (plane < 0 || plane >= shape[axes[normal]]) return null;
  const steps = [shape[1] * shape[2], shape[2], 1];
  const [width, height] = [shape[axes[across]], shape[axes[up]]];
  const pixels = new Uint32Array(width * height);
  for (let row = 0, pixel = 0; row < height; row++) {
    let cell = plane * steps[axes[normal]] + row * steps[axes[up]];
    for (let column = 0; column < width; column++, pixel++) {
      pixels[pixel] = greys[data.underlay[cell]];
      cell += steps[axes[across]];
    }
  }
  return { picture: pictureOf(pixels, width, height), start: [start[across], start[up]], step: [step[across], step[up]] };
}

/**
 * The values of a function at the voxels tested in a plane.
 * @param {number[]} fileAxes across the plane, and along its columns and rows
 * @param {function(number): number} of the value of a position; 0 for none
 * @returns {{values: Uint32Array, width: number, height: number, start: number[]}}
 */
function planeOf({ points: { voxel: { grid, mask, box } } }, [normal, across, up], index, of) {
  const [low, high] = box;
  const [width, height] = [high[across] - low[across], high[up] - low[up]];
  const values = new Uint32Array(Math.max(width * height, 0));
  const steps = [grid.shape[1] * grid.shape[2], grid.shape[2], 1];
  const isOutside = index < low[normal] || index >= high[normal];
  for (let row = 0, pixel = 0; row < height && !isOutside; row++) {
    let cell = index * steps[normal] + low[across] * steps[across] + (low[up] + row) * steps[up];
    for (let column = 0; column < width; column++, pixel++) {
      const position = mask.position[cell];
      if (position >= 0) values[pixel] = of(position);
      cell += steps[across];
    }
  }
  return { values, width, height, start: [low[across], low[up]] };
}

/** @returns {Layer} a plane of colours, a pixel a voxel */
function sharpLayer({ values, width, height, start }) {
  return { picture: pictureOf(values, width, height), start, step: [1, 1] };
}

/**
 * A plane of colours, interpolated linearly between the centres of voxels: coloured where at least half of the weight is.
 * @param {number} n pixels a voxel, even
 * @param {boolean} isMixed whether colours may be mixed: those of clusters are not
 * @returns {Layer}
 */
function smoothLayer(plane, n, isMixed) {
  const { values, width, height, start } = plane;
  const pixels = new Uint32Array(width * n * height * n);
  const at = (column, row) => (column >= 0 && row >= 0 && column < width && row < height ? values[row * width + column] : 0);
  const weights = weightsOf(n);
  for (let row = -1; row < height; row++) {
    for (let column = -1; column < width; column++) {
      const corners = [at(column, row), at(column + 1, row), at(column, row + 1), at(column + 1, row + 1)];
      if (corners[0] | corners[1] | corners[2] | corners[3]) fillBetween(pixels, [width * n, height * n], n, column, row, corners, weights, isMixed);
    }
  }
  return { picture: pictureOf(pixels, width * n, height * n), start: start.map((first) => first - 0.5 + 0.5 / n), step: [1 / n, 1 / n] };
}

/** @returns {number} the pixels a voxel of an interpolated map: at most one of the screen without zoom, or of `FINE` mm */
function pixelsAVoxel({ points }, { scale }) {
  const size = Math.max(...points.voxel.grid.zooms);
  return 2 * bounded(Math.ceil(Math.min(size / FINE, size * scale * ratioOfSlices()) / 2), 1, 4);
}

/** @returns {Float64Array[]} the weights of four corners at each of n times n places between them */
function weightsOf(n) {
  return Array.from({ length: n * n }, (_, i) => {
    const [x, y] = [((i % n) + 0.5) / n, (Math.floor(i / n) + 0.5) / n];
    return Float64Array.of((1 - x) * (1 - y), x * (1 - y), (1 - x) * y, x * y);
  });
}

/** Fill the pixels between the centres of four voxels. */
function fillBetween(pixels, [across, down], n, column, row, corners, weights, isMixed) {
  const [first, second, third, fourth] = corners;
  const isEven = first === second && first === third && first === fourth;
  for (let i = 0; i < weights.length; i++) {
    const [x, y] = [column * n + n / 2 + (i % n), row * n + n / 2 + Math.floor(i / n)];
    if (x < 0 || y < 0 || x >= across || y >= down) continue;
    pixels[y * across + x] = isEven ? first : isMixed ? mixedColour(corners, weights[i]) : nearestColour(corners, weights[i]);
  }
}

/** @returns {number} the mean of those colours of four that are not clear; clear where they have less than half of the weight */
function mixedColour(corners, weights) {
  let [total, red, green, blue, alpha] = [0, 0, 0, 0, 0];
  for (let i = 0; i < 4; i++) {
    const [colour, weight] = [corners[i], weights[i]];
    if (!colour) continue;
    total += weight;
    red += weight * (colour & 255);
    green += weight * ((colour >> 8) & 255);
    blue += weight * ((colour >> 16) & 255);
    alpha += weight * (colour >>> 24);
  }
  return total < 0.5 ? CLEAR : packed(red / total, green / total, blue / total, alpha / total);
}

/** @returns {number} of the colours of four that are not clear, the one with the largest weight */
function nearestColour(corners, weights) {
  let [total, best] = [0, -1];
  for (let i = 0; i < 4; i++) {
    if (!corners[i]) continue;
    total += weights[i];
    if (best < 0 || weights[i] > weights[best]) best = i;
  }
  return total < 0.5 ? CLEAR : corners[best];
}

/** Draw a layer in the plane of a frame, enlarged by the canvas. */
function drawLayer(context, ratio, { x, y }, { picture, start, step }, isSmooth) {
  context.imageSmoothingEnabled = isSmooth;
  context.imageSmoothingQuality = "medium";
  const first = start.map((place, i) => place - step[i] / 2);
  context.setTransform(x[0] * step[0] * ratio, 0, 0, y[0] * step[1] * ratio, (x[0] * first[0] + x[1]) * ratio, (y[0] * first[1] + y[1]) * ratio);
  context.drawImage(picture, 0, 0);
  context.setTransform(ratio, 0, 0, ratio, 0, 0);
}
