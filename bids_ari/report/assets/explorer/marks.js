// What is written and marked above slices.

const MOST_NUMBERED = 20; // clusters
const INK = "#20262e";
const PAPER = "#fff";
const CROSS = "#12405a";

/** Draw the lines of the crosshair, with a gap at the voxel. */
function drawCross(context, frame, { voxel }, gap = 7) {
  const [left, top, width, height] = frame.box;
  const [x, y] = pixelIn(frame, voxel);
  const lines = [[x, top, x, y - gap], [x, y + gap, x, top + height], [left, y, x - gap, y], [x + gap, y, left + width, y]];
  for (const [colour, thickness] of [["rgb(255 255 255 / .7)", 3], [CROSS, 1]]) {
    context.strokeStyle = colour;
    context.lineWidth = thickness;
    context.beginPath();
    for (const [x0, y0, x1, y1] of lines) {
      if (x0 > x1 || y0 > y1) continue;
      context.moveTo(x0, y0);
      context.lineTo(x1, y1);
    }
    context.stroke();
  }
}

/** Draw a ring where the vertex is at which slices are, else the crosshair of the slices, unless it is elsewhere. */
function markCrosshair(context, frame, shown, gap) {
  if (!shown.state.vertex) drawCross(context, frame, shown, gap);
  else if (shown.isFollowed) drawRing(context, ...pixelIn(frame, shown.voxel));
}

function drawRing(context, x, y) {
  for (const [colour, thickness] of [[PAPER, 4], [CROSS, 2]]) {
    context.strokeStyle = colour;
    context.lineWidth = thickness;
    context.beginPath();
    context.arc(x, y, 7, 0, 2 * Math.PI);
    context.stroke();
  }
}

/** Draw within a box only, until the context is restored. */
function clipTo(context, box) {
  context.save();
  context.beginPath();
  context.rect(...box);
  context.clip();
}

function writeLetters(context, { box: [left, top, width, height], ends: [[first, last], [bottom, high]] }) {
  writeOutlined(context, first, left + 5, top + height / 2, "left");
  writeOutlined(context, last, left + width - 5, top + height / 2, "right");
  writeOutlined(context, high, left + width / 2, top + 15, "center");
  writeOutlined(context, bottom, left + width / 2, top + height - 6, "center");
}

function writeOutlined(context, text, x, y, align, [ink, paper] = [INK, PAPER]) {
  context.font = "600 13px system-ui, sans-serif";
  context.textAlign = align;
  context.lineJoin = "round";
  context.lineWidth = 3;
  context.strokeStyle = paper;
  context.strokeText(text, x, y);
  context.fillStyle = ink;
  context.fillText(text, x, y);
}

/** Write the numbers of the larger clusters in a plane of labels near the centres of their parts. */
function writeNumbers(context, frame, { values, width, start }) {
  const seen = new Map();
  values.forEach((label, i) => {
    if (label < 1 || label > MOST_NUMBERED) return;
    if (!seen.has(label)) seen.set(label, []);
    seen.get(label).push([start[0] + (i % width), start[1] + Math.floor(i / width)]);
  });
  for (const [label, places] of seen) {
    const [column, row] = centralOf(places);
    writeOutlined(context, String(label), frame.x[0] * column + frame.x[1], frame.y[0] * row + frame.y[1] + 5, "center");
  }
}

/** @returns {number[]} the pixel nearest to the mean of several */
function centralOf(pixels) {
  const [x, y] = [0, 1].map((part) => pixels.reduce((sum, pixel) => sum + pixel[part], 0) / pixels.length);
  const apart = (pixel) => (pixel[0] - x) ** 2 + (pixel[1] - y) ** 2;
  return pixels.reduce((best, pixel) => (apart(pixel) < apart(best) ? pixel : best));
}
