// Outlines of sets of voxels in a slice: along the edges of voxels, or between their centres where maps are interpolated.

/**
 * @param {{values: Uint32Array, width: number, height: number, start: number[]}} plane 0 outside of the set
 * @returns {Path2D} in voxels along two axes of the file
 */
function outlineOf(plane, isSmooth) {
  const { values, width, height } = plane;
  const path = new Path2D();
  const inside = (column, row) => column >= 0 && row >= 0 && column < width && row < height && values[row * width + column] > 0;
  (isSmooth ? addContours : addEdges)(path, plane, inside);
  return path;
}

/** Add the edges between voxels inside and outside; those in a line are one. */
function addEdges(path, { width, height, start: [left, top] }, inside) {
  const line = (length, isEdge, draw) => {
    for (let i = 0, first = -1; i <= length; i++) {
      const isOne = i < length && isEdge(i);
      if (isOne && first < 0) first = i;
      if (isOne || first < 0) continue;
      draw(first - 0.5, i - 0.5);
      first = -1;
    }
  };
  for (let row = 0; row <= height; row++) {
    line(width, (column) => inside(column, row) !== inside(column, row - 1), (from, to) => {
      path.moveTo(left + from, top + row - 0.5);
      path.lineTo(left + to, top + row - 0.5);
    });
  }
  for (let column = 0; column <= width; column++) {
    line(height, (row) => inside(column, row) !== inside(column - 1, row), (from, to) => {
      path.moveTo(left + column - 0.5, top + from);
      path.lineTo(left + column - 0.5, top + to);
    });
  }
}

/** Add lines between the centres of voxels inside and outside, as marching squares: half way from each to the next. */
function addContours(path, { width, height, start: [left, top] }, inside) {
  const middles = { n: [0.5, 0], e: [1, 0.5], s: [0.5, 1], w: [0, 0.5] };
  for (let row = -1; row < height; row++) {
    for (let column = -1; column < width; column++) {
      const corners = [inside(column, row), inside(column + 1, row), inside(column + 1, row + 1), inside(column, row + 1)];
      for (const [from, to] of CONTOURS[corners.reduce((sum, corner, i) => sum + (corner ? 2 ** i : 0), 0)]) {
        path.moveTo(left + column + middles[from][0], top + row + middles[from][1]);
        path.lineTo(left + column + middles[to][0], top + row + middles[to][1]);
      }
    }
  }
}

// of four corners, clockwise from the upper left one: those inside, as a sum of 1, 2, 4 and 8
const CONTOURS = ["", "wn", "ne", "we", "es", "wn es", "ns", "ws", "sw", "ns", "ne sw", "es", "we", "ne", "wn", ""].map((text) => {
  return text.split(" ").filter(Boolean);
});

const FULL_LINES_FROM = 1.5; // pixels per mm: lines are thinner in small pictures

/** Draw an outline in the plane of a frame by lines, the first ones below: [colour, width]. */
function drawOutline(context, { x, y, perMm }, path, lines) {
  const part = bounded(perMm / FULL_LINES_FROM, 0.6, 1);
  const moved = new Path2D();
  moved.addPath(path, { a: x[0], b: 0, c: 0, d: y[0], e: x[1], f: y[1] });
  context.lineJoin = context.lineCap = "round";
  for (const [colour, width] of lines) {
    context.strokeStyle = colour;
    context.lineWidth = part * width;
    context.stroke(moved);
  }
}
