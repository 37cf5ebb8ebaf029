// What part of the slices is seen: one zoom and one centre, in voxels, for all of them; and what a slice is on the screen.

const VIEWS = [
  { name: "x", axis: 0, across: 1, up: 2 },
  { name: "y", axis: 1, across: 0, up: 2 },
  { name: "z", axis: 2, across: 0, up: 1 },
];
const ENDS = [["L", "R"], ["P", "A"], ["I", "S"]]; // low and high end of x, y, z
const MOST_MAGNIFIED = 12;

const bounded = (value, low, high) => Math.min(Math.max(value, low), high);

/**
 * Keep the zoom, from 1 on, and the voxel at the middle, with fractions.
 * @param {number[][]} field the ends of what is shown along each axis of the file, in voxels
 * @param {function(): void} onChange
 */
function makeViewport(field, onChange) {
  const middle = field.map(([low, high]) => (low + high) / 2);
  let now = { zoom: 1, centre: middle };
  const half = (zoom) => field.map(([low, high]) => (high - low) / 2 / zoom);
  const set = (zoom, centre) => {
    const room = half(1).map((whole, axis) => whole - half(zoom)[axis]);
    now = { zoom, centre: centre.map((place, axis) => bounded(place, middle[axis] - room[axis], middle[axis] + room[axis])) };
    onChange();
  };
  return {
    get state() {
      return now;
    },
    reset: () => set(1, middle),
    /** Zoom by a factor; a place, in voxels, stays where it is on the screen. */
    zoom: (factor, place) => {
      const zoom = bounded(now.zoom * factor, 1, MOST_MAGNIFIED);
      set(zoom, place.map((at, axis) => at + ((now.centre[axis] - at) * now.zoom) / zoom));
    },
    pan: (step) => set(now.zoom, now.centre.map((place, axis) => place + step[axis])),
    /** Bring a voxel that is out of sight to the middle. */
    follow: (voxel) => {
      const apart = half(now.zoom);
      if (voxel.some((place, axis) => Math.abs(place - now.centre[axis]) > apart[axis])) set(now.zoom, voxel);
    },
    toText: () => [now.zoom, ...now.centre].map((part) => Number(part.toFixed(2))).join("_"),
    fromText: (text) => {
      const [zoom, ...centre] = text.split("_").map((part) => (part.trim() === "" ? NaN : Number(part)));
      if (centre.length === 3 && [zoom, ...centre].every(Number.isFinite)) set(bounded(zoom, 1, MOST_MAGNIFIED), centre);
    },
  };
}

/**
 * Return how a slice is on the screen: x and y have pixels per voxel, and the pixel of voxel 0, along an axis of the file;
 * perMm has pixels per mm, and scale those without zoom.
 * @param {Object} view one of `VIEWS`
 * @param {number} scale pixels per mm without zoom
 * @param {number[]} box left, top, width and height of the picture in its canvas
 */
function frameOf(data, view, radiological, { zoom, centre }, scale, [left, top, width, height]) {
  const { axes, zooms } = data.points.voxel.grid;
  const mirrored = view.isFromLeft || (radiological && view.across === 0);
  const [across, up] = [axes[view.across], axes[view.up]];
  const x = scale * zoom * zooms[across[0]] * across[1] * (mirrored ? -1 : 1);
  const y = -scale * zoom * zooms[up[0]] * up[1];
  return {
    view,
    box: [left, top, width, height],
    scale,
    perMm: scale * zoom,
    fileAxes: [axes[view.axis][0], across[0], up[0]],
    x: [x, left + width / 2 - x * centre[across[0]]],
    y: [y, top + height / 2 - y * centre[up[0]]],
    ends: [mirrored ? [...ENDS[view.across]].reverse() : ENDS[view.across], ENDS[view.up]],
  };
}

/** @returns {number[]} pixels from the left and top of the canvas */
function pixelIn({ x, y, fileAxes }, voxel) {
  return [x[0] * voxel[fileAxes[1]] + x[1], y[0] * voxel[fileAxes[2]] + y[1]];
}

/** @returns {number[]} the place at a pixel in voxels, with fractions; that of `voxel` across the slice */
function placeIn({ x, y, fileAxes }, [column, row], voxel) {
  const place = [...voxel];
  place[fileAxes[1]] = (column - x[1]) / x[0];
  place[fileAxes[2]] = (row - y[1]) / y[0];
  return place;
}

/** @returns {number[][]} the size in mm of the slices without zoom, as they are on the screen */
function sizesInMm({ facts, points }) {
  const { zooms, axes } = points.voxel.grid;
  const length = (axis) => (facts.field[axes[axis][0]][1] - facts.field[axes[axis][0]][0]) * zooms[axes[axis][0]];
  return VIEWS.map(({ across, up }) => [length(across), length(up)]);
}
