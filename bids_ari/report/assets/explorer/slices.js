// Three slices through the crosshair. A view is one of them: x (sagittal), y (coronal) or z (axial).

const VIEWS = [
  { name: "x", axis: 0, across: 1, up: 2 },
  { name: "y", axis: 1, across: 0, up: 2 },
  { name: "z", axis: 2, across: 0, up: 1 },
];
const ENDS = [["L", "R"], ["P", "A"], ["I", "S"]]; // low and high end of x, y, z
const GAP = 12; // pixels between slices
const MOST_HEIGHT = 520; // of a slice in pixels
const MOST_HEIGHT_BESIDE = 300; // where there are also surfaces
const SIDE_BY_SIDE = 540; // minimum width in pixels for slices side by side

/**
 * Return the voxel of each pixel of a slice.
 * @returns {{width: number, height: number, columns: number[], rows: number[], fileAxes: number[], left: string,
 *   right: string, top: string, bottom: string}} indices along the file's axes of across and up
 */
function layOut(data, view, radiological) {
  const { axes } = data.points.voxel.grid;
  const { start, stop } = data.facts.underlay;
  const ascending = (axis) => {
    const [fileAxis, sense] = axes[axis];
    const indices = [];
    for (let i = start[fileAxis]; i < stop[fileAxis]; i++) indices.push(i);
    return sense > 0 ? indices : indices.reverse();
  };
  const columns = ascending(view.across);
  const mirrored = radiological && view.across === 0;
  if (mirrored) columns.reverse();
  const rows = ascending(view.up).reverse();
  const [left, right] = mirrored ? [...ENDS[view.across]].reverse() : ENDS[view.across];
  const [bottom, top] = ENDS[view.up];
  const fileAxes = [view.axis, view.across, view.up].map((axis) => axes[axis][0]);
  return { width: columns.length, height: rows.length, columns, rows, fileAxes, left, right, top, bottom };
}

/** Paint a slice, one pixel a voxel. */
function paintSlice(data, palettes, layout, voxel, paint) {
  const { width, height, columns, rows, fileAxes } = layout;
  const pixels = new Uint32Array(width * height);
  const at = [...voxel];
  const steps = [data.points.voxel.grid.shape[1] * data.points.voxel.grid.shape[2], data.points.voxel.grid.shape[2], 1];
  for (let row = 0, pixel = 0; row < height; row++) {
    at[fileAxes[2]] = rows[row];
    for (let column = 0; column < width; column++, pixel++) {
      at[fileAxes[1]] = columns[column];
      const position = data.points.voxel.mask.position[at[0] * steps[0] + at[1] * steps[1] + at[2]];
      const grey = palettes.greys[levelAt(data, at)];
      pixels[pixel] = (position >= 0 && paint(position, grey)) || grey;
    }
  }
  return new ImageData(new Uint8ClampedArray(pixels.buffer), width, height);
}

/** @returns {number} the brightness of the underlay at a voxel */
function levelAt(data, [i, j, k]) {
  const { start, stop, stride, shape } = data.facts.underlay;
  if (i < start[0] || j < start[1] || k < start[2] || i >= stop[0] || j >= stop[1] || k >= stop[2]) return 0;
  const [a, b, c] = [i - start[0], j - start[1], k - start[2]].map((offset) => Math.floor(offset / stride));
  return data.underlay[(a * shape[1] + b) * shape[2] + c];
}

/** @returns {number[][]} the size of each slice on the screen, with one scale in pixels per mm that fits */
function fitSlices(data, room) {
  const { zooms } = data.points.voxel.grid;
  const sizes = VIEWS.map((view) => {
    const { width, height, fileAxes } = layOut(data, view, false);
    return [width * zooms[fileAxes[1]], height * zooms[fileAxes[2]]];
  });
  const most = data.points.vertex ? MOST_HEIGHT_BESIDE : MOST_HEIGHT;
  const wide = room >= SIDE_BY_SIDE;
  const across = wide ? sizes.reduce((sum, [width]) => sum + width, 0) : Math.max(...sizes.map(([width]) => width));
  const scale = Math.min((room - (wide ? 2 * GAP : 0)) / across, most / Math.max(...sizes.map(([, height]) => height)));
  return sizes.map((size) => size.map((length) => Math.max(Math.floor(length * scale), 1)));
}

/** Draw a slice with orientation labels, cluster numbers and the crosshair. */
function drawSlice(data, palettes, shown, view, [width, height], paint) {
  const canvas = byId(`slice-${view.name}`);
  const ratio = Math.min(window.devicePixelRatio || 1, 3);
  setSize(canvas, width, height, ratio);
  const layout = layOut(data, view, shown.state.radiological);
  const context = canvas.getContext("2d");
  context.setTransform(1, 0, 0, 1, 0, 0);
  context.imageSmoothingEnabled = false;
  const small = new OffscreenCanvas(layout.width, layout.height);
  small.getContext("2d").putImageData(paintSlice(data, palettes, layout, shown.state.voxel, paint), 0, 0);
  context.drawImage(small, 0, 0, canvas.width, canvas.height);
  context.setTransform(ratio, 0, 0, ratio, 0, 0);
  if (shown.state.colourBy === "cluster") writeNumbers(context, data, shown, layout, [width, height]);
  if (!shown.state.vertex) drawCross(context, layout, shown.state.voxel, [width, height]);
  writeLetters(context, layout, [width, height]);
  const place = millimetreText(data.points.voxel.grid.millimetres(shown.state.voxel)[view.axis]);
  writeOutlined(context, `${view.name} = ${place} mm`, 5, height - 6, "left");
  canvas.setAttribute("aria-label", `${canvas.dataset.name} slice at ${view.name} = ${place} mm, ${layout.left} on the left`);
}

function setSize(canvas, width, height, ratio) {
  const [w, h] = [Math.round(width * ratio), Math.round(height * ratio)];
  if (canvas.width !== w || canvas.height !== h) [canvas.width, canvas.height] = [w, h];
  canvas.style.width = `${width}px`;
  canvas.style.height = `${height}px`;
}

/** @returns {number[]} the pixel at the centre of a voxel, and whether it is visible */
function pixelOf(layout, voxel, [width, height]) {
  const column = layout.columns.indexOf(voxel[layout.fileAxes[1]]);
  const row = layout.rows.indexOf(voxel[layout.fileAxes[2]]);
  return [((column + 0.5) * width) / layout.width, ((row + 0.5) * height) / layout.height, column >= 0 && row >= 0];
}

function drawCross(context, layout, voxel, size) {
  const [x, y, isVisible] = pixelOf(layout, voxel, size);
  if (!isVisible) return;
  const lines = [[x, 0, x, y - 7], [x, y + 7, x, size[1]], [0, y, x - 7, y], [x + 7, y, size[0], y]];
  for (const [colour, thickness] of [["rgb(255 255 255 / .7)", 3], ["#12405a", 1]]) {
    context.strokeStyle = colour;
    context.lineWidth = thickness;
    context.beginPath();
    for (const [x0, y0, x1, y1] of lines) {
      context.moveTo(x0, y0);
      context.lineTo(x1, y1);
    }
    context.stroke();
  }
}

function writeLetters(context, layout, [width, height]) {
  writeOutlined(context, layout.left, 5, height / 2, "left");
  writeOutlined(context, layout.right, width - 5, height / 2, "right");
  writeOutlined(context, layout.top, width / 2, 15, "center");
  writeOutlined(context, layout.bottom, width / 2, height - 6, "center");
}

function writeOutlined(context, text, x, y, align, [ink, paper] = ["#20262e", "#fff"]) {
  context.font = "600 13px system-ui, sans-serif";
  context.textAlign = align;
  context.lineJoin = "round";
  context.lineWidth = 3;
  context.strokeStyle = paper;
  context.strokeText(text, x, y);
  context.fillStyle = ink;
  context.fillText(text, x, y);
}

/** Write the numbers of the larger clusters near the centres of their visible parts. */
function writeNumbers(context, data, shown, layout, [width, height]) {
  for (const [label, pixels] of seenOf(data, shown, layout)) {
    const [c, r] = centralOf(pixels);
    const [x, y] = [((c + 0.5) * width) / layout.width, ((r + 0.5) * height) / layout.height];
    writeOutlined(context, String(label), x, y + 5, "center");
  }
}

/** @returns {number[]} the pixel nearest to the mean of several */
function centralOf(pixels) {
  const [x, y] = [0, 1].map((part) => pixels.reduce((sum, pixel) => sum + pixel[part], 0) / pixels.length);
  const apart = (pixel) => (pixel[0] - x) ** 2 + (pixel[1] - y) ** 2;
  return pixels.reduce((best, pixel) => (apart(pixel) < apart(best) ? pixel : best));
}

/** @returns {Map<number, number[][]>} the pixels, column and row, of each of the first clusters in a slice */
function seenOf(data, shown, layout) {
  const seen = new Map();
  const at = [...shown.state.voxel];
  layout.rows.forEach((index, row) => {
    at[layout.fileAxes[2]] = index;
    layout.columns.forEach((other, column) => {
      at[layout.fileAxes[1]] = other;
      const label = shown.labelAt(data.points.voxel.mask.position[data.points.voxel.grid.cellOf(at)]);
      if (label < 1 || label > 20) return;
      if (!seen.has(label)) seen.set(label, []);
      seen.get(label).push([column, row]);
    });
  });
  return seen;
}

/**
 * The view of three slices.
 * @returns {{draw: function(Object, function), canvases: function(): HTMLCanvasElement[]}} a view draws what is shown,
 *   with the function that colours points, into its canvases
 */
function makeSliceView(data, palettes) {
  return {
    draw: (shown, paint) => {
      const sizes = fitSlices(data, byId("slices").clientWidth);
      VIEWS.forEach((view, i) => drawSlice(data, palettes, shown, view, sizes[i], paint));
    },
    canvases: () => VIEWS.map(({ name }) => byId(`slice-${name}`)),
  };
}
