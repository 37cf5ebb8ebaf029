// The camera of the surfaces. It looks at a left hemisphere; a right one is seen as in a mirror, so that lateral is lateral.

const CAMERA_VIEWS = {
  lateral: [-90, 0],
  medial: [90, 0],
  dorsal: [0, 90],
  ventral: [180, -90],
  anterior: [180, 0],
  posterior: [0, 0],
};
const MOST_ZOOM = 12;

/**
 * Keep where the camera is: degrees around the vertical axis (0 from behind, -90 from the left) and above the horizon,
 * zoom, and mm to the right and up of what is at the middle.
 * @param {function(): void} onChange
 */
function makeCamera(onChange) {
  const start = { around: -90, above: 0, zoom: 1, shift: [0, 0] };
  let now = start;
  const set = (part) => {
    now = { ...now, ...part };
    onChange();
  };
  return {
    get state() {
      return now;
    },
    reset: () => set(start),
    see: (name) => set({ around: CAMERA_VIEWS[name][0], above: CAMERA_VIEWS[name][1], shift: [0, 0] }),
    turn: (around, above) => {
      set({ around: wrapped(now.around + around), above: Math.min(Math.max(now.above + above, -90), 90) });
    },
    /** Zoom by a factor around a place, mm to the right and up of the middle of the picture. */
    zoom: (factor, [x, y] = [0, 0]) => {
      const zoom = Math.min(Math.max(now.zoom * factor, 1), MOST_ZOOM);
      const part = zoom === 1 ? 0 : 1 - now.zoom / zoom;
      set({ zoom, shift: zoom === 1 ? [0, 0] : [now.shift[0] + part * x, now.shift[1] + part * y] });
    },
    toText: () => [now.around, now.above, now.zoom.toFixed(2), ...now.shift.map((mm) => mm.toFixed(1))].join("_"),
    fromText: (text) => {
      const [around, above, zoom, x, y] = text.split("_").map((part) => (part.trim() === "" ? NaN : Number(part)));
      if (![around, above, zoom, x, y].every(Number.isFinite) || Math.abs(above) > 90) return;
      set({ around: wrapped(around), above, zoom: Math.min(Math.max(zoom, 1), MOST_ZOOM), shift: [x, y] });
    },
  };
}

/** @returns {number} degrees from -180 up to 180 */
const wrapped = (degrees) => ((((degrees + 180) % 360) + 360) % 360) - 180;

/**
 * @param {{around: number, above: number}} state
 * @param {boolean} isMirrored for a right hemisphere
 * @returns {number[][]} unit vectors to the right, up and toward the viewer
 */
function axesOf({ around, above }, isMirrored) {
  const [a, b] = [((isMirrored ? -around : around) * Math.PI) / 180, (above * Math.PI) / 180];
  const toward = [Math.sin(a) * Math.cos(b), -Math.cos(a) * Math.cos(b), Math.sin(b)];
  const right = [Math.cos(a), Math.sin(a), 0];
  const up = [-Math.sin(a) * Math.sin(b), Math.cos(a) * Math.sin(b), Math.cos(b)];
  return [right, up, toward];
}

const dot = (a, b) => a[0] * b[0] + a[1] * b[1] + a[2] * b[2];

/**
 * The projection of a shape onto a picture.
 * @param {{middle: number[], half: number[]}} box of the shape in mm; half of the largest shape
 * @returns {{axes: number[][], origin: number[], scale: number, size: number[]}} pixels per mm; origin at the middle
 */
function project(state, isMirrored, box, [width, height]) {
  const axes = axesOf(state, isMirrored);
  const reach = (axis) => Math.hypot(...axis.map((part, i) => part * box.half[i])); // of an ellipsoid
  const scale = (0.94 * state.zoom * Math.min(width / reach(axes[0]), height / reach(axes[1]))) / 2;
  const [x, y] = [isMirrored ? -state.shift[0] : state.shift[0], state.shift[1]];
  const origin = box.middle.map((mm, i) => mm + x * axes[0][i] + y * axes[1][i]);
  return { axes, origin, scale, size: [width, height], depth: 1.1 * Math.hypot(...box.half) };
}

/** @returns {number[]} pixels from the left and top, and mm toward the viewer */
function pixelAt({ axes, origin, scale, size }, place) {
  const from = [place[0] - origin[0], place[1] - origin[1], place[2] - origin[2]];
  return [size[0] / 2 + scale * dot(axes[0], from), size[1] / 2 - scale * dot(axes[1], from), dot(axes[2], from)];
}

/** @returns {{middle: number[], half: number[]}} */
function boxOf({ coordinates }) {
  const [low, high] = [[Infinity, Infinity, Infinity], [-Infinity, -Infinity, -Infinity]];
  for (let i = 0; i < coordinates.length; i++) {
    low[i % 3] = Math.min(low[i % 3], coordinates[i]);
    high[i % 3] = Math.max(high[i % 3], coordinates[i]);
  }
  return { middle: low.map((x, i) => (x + high[i]) / 2), half: low.map((x, i) => (high[i] - x) / 2) };
}

/** @returns {string} the letter of the direction that an axis mostly has, or nothing */
function letterOf(axis) {
  const nearest = [0, 1, 2].reduce((best, i) => (Math.abs(axis[i]) > Math.abs(axis[best]) ? i : best), 0);
  return Math.abs(axis[nearest]) < 0.8 ? "" : ENDS[nearest][axis[nearest] > 0 ? 1 : 0];
}

/** @returns {string} from where the camera looks at a hemisphere, in words */
function directionText({ around, above }) {
  const name = Object.keys(CAMERA_VIEWS).find((each) => {
    return CAMERA_VIEWS[each][1] === above && (Math.abs(above) === 90 || wrapped(CAMERA_VIEWS[each][0]) === wrapped(around));
  });
  return name ? `${name} view` : `turned to ${Math.round(around)} degrees around and ${Math.round(above)} above`;
}

/**
 * The vertex that is seen at a pixel: of the front triangle there, the nearest corner.
 * @returns {number} -1 for none
 */
function vertexAtPixel(mesh, shape, projection, [x, y]) {
  const pixels = new Float32Array(3 * mesh.nVertices);
  for (let vertex = 0; vertex < mesh.nVertices; vertex++) pixels.set(pixelAt(projection, placeOn(shape, vertex)), 3 * vertex);
  const { triangles } = mesh;
  let best = { depth: -Infinity, triangle: -1 };
  for (let t = 0; t < triangles.length; t += 3) {
    const depth = depthAt(pixels, 3 * triangles[t], 3 * triangles[t + 1], 3 * triangles[t + 2], x, y);
    if (depth > best.depth) best = { depth, triangle: t };
  }
  if (best.triangle < 0) return -1;
  const apart = (vertex) => Math.hypot(pixels[3 * vertex] - x, pixels[3 * vertex + 1] - y);
  return [...triangles.subarray(best.triangle, best.triangle + 3)].reduce((a, b) => (apart(b) < apart(a) ? b : a));
}

/** @returns {number} the depth of a triangle at a pixel, -Infinity outside of it */
function depthAt(pixels, a, b, c, x, y) {
  const [ax, ay] = [pixels[a] - x, pixels[a + 1] - y];
  const [bx, by] = [pixels[b] - x, pixels[b + 1] - y];
  const [cx, cy] = [pixels[c] - x, pixels[c + 1] - y];
  const [u, v, w] = [bx * cy - by * cx, cx * ay - cy * ax, ax * by - ay * bx];
  const sum = u + v + w;
  if (!sum || u * sum < 0 || v * sum < 0 || w * sum < 0) return -Infinity;
  return (u * pixels[a + 2] + v * pixels[b + 2] + w * pixels[c + 2]) / sum;
}
