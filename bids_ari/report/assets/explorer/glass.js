// Glass brain: what is coloured, projected onto the outline of the brain; the strongest point of each line is in front.

const GLASS_VIEWS = [
  { title: "left side", axis: 0, across: 1, up: 2, side: -1, isFromLeft: true, lines: "side" },
  { title: "back", axis: 1, across: 0, up: 2, side: 0, lines: "back" },
  { title: "right side", axis: 0, across: 1, up: 2, side: 1, lines: "side" },
  { title: "top", axis: 2, across: 0, up: 1, side: 0, lines: "top" },
];
const GLASS_MARGIN = 12; // mm around what slices show: outlines are larger
const GLASS_ROW = 640; // minimum width in pixels for all views in a row
const TITLE = 20; // pixels above a view

/** @returns {Object} the picture of projections, as `makeSliceView` describes it */
function makeGlass(data, viewport) {
  const canvas = () => byId("glass");
  const silhouettes = makeSilhouettes(data);
  let [key, projections, borders, painted, frames] = ["", [], null, null, []];
  const viewAt = ([x, y]) => frames.findIndex(({ box: [left, top, width, height] }) => x >= left && y >= top && x < left + width && y < top + height);
  return {
    canvases: () => [canvas()],
    take: (shown, paint, colours) => {
      const now = `${colours} ${shown.state.smooth} ${shown.state.direction}`;
      if (now !== key) {
        const coloured = colouredVoxels(data, paint);
        [projections, borders, painted] = [GLASS_VIEWS.map((view) => projected(data, view, coloured)), null, paint];
      }
      key = now;
    },
    draw: (shown) => {
      const { boxes, scale, whole } = layGlass(data, byId("slices").clientWidth);
      frames = GLASS_VIEWS.map((view, i) => frameOf(data, view, shown.state.radiological, viewport.state, scale, boxes[i]));
      const context = cleared(canvas(), whole);
      frames.forEach((frame, i) => {
        projections[i].layer ??= projectionLayer(data, frame, projections[i], painted, shown.state.smooth);
        if (shown.state.outlines) borders ??= bordersOf(data, shown.labelAt, shown.state.smooth);
        drawProjection(context, data, shown, frame, { ...projections[i], border: borders?.[i] }, silhouettes);
      });
      canvas().setAttribute("aria-label", `Glass brain: ${GLASS_VIEWS.map((view) => titleOf(view, shown.state)).join(", ")}; all that is coloured`);
    },
    frameAt: (each, pixel) => frames[Math.max(viewAt(pixel), 0)],
    voxelAt: (each, pixel, voxel) => {
      const number = viewAt(pixel);
      if (number < 0) return voxel;
      const place = data.points.voxel.clamped(placeIn(frames[number], pixel, voxel));
      const position = projections[number].positionAt(place);
      return position < 0 ? place : data.points.voxel.placeOf(position);
    },
  };
}

/** @returns {{boxes: number[][], scale: number, whole: number[]}} of the views in a row, or two by two */
function layGlass(data, room) {
  const [sagittal, coronal, axial] = sizesInMm(data).map((size) => size.map((length) => length + 2 * GLASS_MARGIN));
  const sizes = [sagittal, coronal, sagittal, axial];
  const rows = room >= GLASS_ROW ? [[0, 1, 2, 3]] : [[0, 2], [1, 3]];
  const scale = Math.min(...rows.map((row) => room / row.reduce((sum, i) => sum + sizes[i][0], 0)));
  const boxes = [];
  let top = 0;
  for (const row of rows) {
    const height = TITLE + scale * Math.max(...row.map((i) => sizes[i][1]));
    let left = (room - scale * row.reduce((sum, i) => sum + sizes[i][0], 0)) / 2;
    for (const i of row) {
      const [width, own] = sizes[i].map((length) => length * scale);
      boxes[i] = [left, top + TITLE + (height - TITLE - own) / 2, width, own];
      left += width;
    }
    top += height;
  }
  return { boxes, scale, whole: [room, Math.ceil(top)] };
}

/** @returns {{positions: number[], colours: number[], strengths: number[]}} the voxels that a painter colours */
function colouredVoxels({ facts, points: { voxel: { mask } } }, paint) {
  const found = { positions: [], colours: [], strengths: [] };
  for (let position = 0; position < facts.nPoints; position++) {
    if (mask.position[mask.cell[position]] !== position) continue; // a vertex
    const colour = paint(position);
    if (!colour) continue;
    found.positions.push(position);
    found.colours.push(colour);
    found.strengths.push(paint.strength(position));
  }
  return found;
}

/**
 * Project coloured voxels along an axis; of a hemisphere for views from a side.
 * @returns {{plane: Object, positions: Int32Array, positionAt: function(number[]): number}} the colours, as of `planeOf`;
 *   the position in front, -1 for none; and that on the line through a voxel
 */
function projected(data, view, coloured) {
  const { grid, mask, box: [low, high] } = data.points.voxel;
  const [normal, across, up] = [view.axis, view.across, view.up].map((axis) => grid.axes[axis][0]);
  const [width, height] = [high[across] - low[across], high[up] - low[up]];
  const [values, positions] = [new Uint32Array(width * height), new Int32Array(width * height).fill(-1)];
  const best = new Float64Array(width * height).fill(-Infinity);
  const middle = transformed(grid.inverse, [0, 0, 0])[normal];
  const side = view.side * grid.axes[view.axis][1];
  const [, ny, nz] = grid.shape;
  const voxel = [0, 0, 0];
  coloured.positions.forEach((position, i) => {
    const cell = mask.cell[position];
    voxel[0] = Math.floor(cell / (ny * nz));
    voxel[1] = Math.floor(cell / nz) % ny;
    voxel[2] = cell % nz;
    const pixel = voxel[across] - low[across] + width * (voxel[up] - low[up]);
    if (side * (voxel[normal] - middle) < 0 || coloured.strengths[i] <= best[pixel]) return;
    best[pixel] = coloured.strengths[i];
    values[pixel] = coloured.colours[i];
    positions[pixel] = position;
  });
  const positionAt = (voxel) => {
    const [column, row] = [voxel[across] - low[across], voxel[up] - low[up]];
    return column >= 0 && row >= 0 && column < width && row < height ? positions[row * width + column] : -1;
  };
  return { plane: { values, width, height, start: [low[across], low[up]] }, positions, positionAt };
}

/** @returns {string} from where a view is seen */
const titleOf = ({ title, side }, { radiological }) => (radiological && !side ? `${title}, mirrored` : title);

/** @returns {Layer} */
function projectionLayer(data, frame, { plane }, paint, isSmooth) {
  return isSmooth ? smoothLayer(plane, pixelsAVoxel(data, frame), paint.isMixed) : sharpLayer(plane);
}

/** @returns {Path2D[]} the outline, in each view, of the projection of the voxels that have a label above 0 */
function bordersOf(data, labelAt, isSmooth) {
  const isInside = Object.assign((position) => Number(labelAt(position) > 0), { strength: () => 0 });
  const inside = colouredVoxels(data, isInside);
  return GLASS_VIEWS.map((view) => outlineOf(projected(data, view, inside).plane, isSmooth));
}

function drawProjection(context, data, shown, frame, { layer, border, plane, positions }, silhouettes) {
  const [left, top, width, height] = frame.box;
  clipTo(context, frame.box);
  context.globalAlpha = shown.state.opacity;
  drawLayer(context, ratioOfSlices(), frame, layer, shown.state.smooth);
  context.globalAlpha = 1;
  if (shown.state.outlines) drawOutline(context, frame, border, CLUSTER_LINES);
  drawBrain(context, data, frame, silhouettes);
  if (shown.region) drawOutline(context, frame, silhouettes.ofRegion(frame.view, shown.region), REGION_LINES);
  if (shown.state.colourBy === "cluster") writeNumbers(context, frame, { ...plane, values: positions.map((each) => Math.max(shown.labelAt(each), 0)) });
  markCrosshair(context, frame, shown, 5);
  if (!frame.view.side) {
    writeOutlined(context, frame.ends[0][0], left + 6, top + height / 2, "left");
    writeOutlined(context, frame.ends[0][1], left + width - 6, top + height / 2, "right");
  }
  context.restore();
  writeOutlined(context, titleOf(frame.view, shown.state), left + width / 2, top - 5, "center");
}

/** @returns {Object} the outlines of the brain and of the region chosen in each view, kept until they change */
function makeSilhouettes(data) {
  let [brain, region, mask] = [null, null, null];
  return {
    ofBrain: (view) => (brain ??= bordersOf(data, () => 1, true))[GLASS_VIEWS.indexOf(view)],
    ofRegion: (view, { mask: now }) => {
      if (now !== mask) [region, mask] = [bordersOf(data, (position) => now[position], true), now];
      return region[GLASS_VIEWS.indexOf(view)];
    },
  };
}

/** Draw the outline of the brain: lines in mm in spaces like MNI152, else the outline of the voxels tested. */
function drawBrain(context, data, frame, silhouettes) {
  const { grid: { affine } } = data.points.voxel;
  const { view, fileAxes: [, across, up] } = frame;
  if (!data.glass) {
    drawOutline(context, frame, silhouettes.ofBrain(view), [["#666", 1.5]]);
    return;
  }
  const [x, y] = [[frame.x, view.across, across], [frame.y, view.up, up]].map(([[scale, shift], axis, fileAxis]) => {
    const perMm = scale / affine[axis][fileAxis];
    return [perMm / 10, shift - perMm * affine[axis][3]]; // paths are in tenths of mm
  });
  for (const [colour, width, path] of data.glass[view.lines]) drawOutline(context, { x, y, perMm: frame.perMm }, path, [[colour, width]]);
}
