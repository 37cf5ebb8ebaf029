// Glass brain: what is coloured, projected onto the outline of the brain; the strongest point of each line is in front.

const GLASS_VIEWS = [
  { title: "left side", axis: 0, across: 1, up: 2, side: -1, isFromLeft: true, lines: "side" },
  { title: "back", opposite: "front", axis: 1, across: 0, up: 2, side: 0, lines: "back" },
  { title: "right side", axis: 0, across: 1, up: 2, side: 1, lines: "side" },
  { title: "top", opposite: "bottom", axis: 2, across: 0, up: 1, side: 0, lines: "top" },
];
const GLASS_MARGIN = 12; // mm around what slices show: outlines are larger
const GLASS_ROW = 640; // minimum width in pixels for all views in a row
const TITLE = 20; // pixels above a view

/** @returns {Object} the picture of projections, as `makeSliceView` describes it */
function makeGlass(data, palettes, viewport) {
  const canvas = () => byId("glass");
  const silhouettes = makeSilhouettes(data);
  let [key, projections, painted, frames] = ["", [], null, []];
  const viewAt = ([x, y]) => frames.findIndex(({ box: [left, top, width, height] }) => x >= left && y >= top && x < left + width && y < top + height);
  return {
    canvases: () => [canvas()],
    take: (shown, paint, colours) => {
      const now = `${colours} ${shown.state.smooth} ${shown.state.direction}`;
      if (now !== key) [projections, painted] = [GLASS_VIEWS.map((view) => projected(data, view, paint)), paint];
      key = now;
    },
    draw: (shown) => {
      const { boxes, scale, whole } = layGlass(data, byId("slices").clientWidth);
      frames = GLASS_VIEWS.map((view, i) => frameOf(data, view, shown.state.radiological, viewport.state, scale, boxes[i]));
      const context = cleared(canvas(), whole);
      frames.forEach((frame, i) => {
        projections[i].layer ??= projectionLayer(data, frame, projections[i], painted, shown.state.smooth);
        if (shown.state.outlines) projections[i].border ??= borderOf(data, frame.view, shown.labelAt, shown.state.smooth);
        drawProjection(context, data, shown, frame, projections[i], silhouettes);
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

/**
 * Project what is coloured along an axis; of a hemisphere for views from a side.
 * @returns {{plane: Object, positions: Int32Array, positionAt: function(number[]): number}} the colours, as of `planeOf`;
 *   the position in front, -1 for none; and that on the line through a voxel
 */
function projected(data, view, paint) {
  const { grid, mask, box: [low, high] } = data.points.voxel;
  const [normal, across, up] = [view.axis, view.across, view.up].map((axis) => grid.axes[axis][0]);
  const [width, height] = [high[across] - low[across], high[up] - low[up]];
  const [values, positions] = [new Uint32Array(width * height), new Int32Array(width * height).fill(-1)];
  const best = new Float64Array(width * height).fill(-Infinity);
  const steps = [0, 1, 2].map((axis) => ({ [across]: 1, [up]: width })[axis] ?? 0);
  const middle = transformed(grid.inverse, [0, 0, 0])[normal];
  const side = view.side * grid.axes[view.axis][1];
  for (let i = low[0]; i < high[0]; i++) {
    for (let j = low[1]; j < high[1]; j++) {
      for (let k = low[2], cell = grid.cellOf([i, j, k]); k < high[2]; k++, cell++) {
        const position = mask.position[cell];
        if (position < 0 || side * ((normal === 0 ? i : normal === 1 ? j : k) - middle) < 0) continue;
        const colour = paint(position);
        if (!colour) continue;
        const pixel = (i - low[0]) * steps[0] + (j - low[1]) * steps[1] + (k - low[2]) * steps[2];
        const strength = paint.strength(position);
        if (strength <= best[pixel]) continue;
        best[pixel] = strength;
        values[pixel] = colour;
        positions[pixel] = position;
      }
    }
  }
  const positionAt = (voxel) => {
    const [column, row] = [voxel[across] - low[across], voxel[up] - low[up]];
    return column >= 0 && row >= 0 && column < width && row < height ? positions[row * width + column] : -1;
  };
  return { plane: { values, width, height, start: [low[across], low[up]] }, positions, positionAt };
}

/** @returns {string} from where a view is seen; mirrored, it is seen from the opposite side */
const titleOf = ({ title, opposite }, { radiological }) => (radiological && opposite ? opposite : title);

/** @returns {Layer} */
function projectionLayer(data, frame, { plane }, paint, isSmooth) {
  return isSmooth ? smoothLayer(plane, pixelsAVoxel(data, frame), paint.isMixed) : sharpLayer(plane);
}

/** @returns {Path2D} the outline of a projection of the points that have a label above 0 */
function borderOf(data, view, labelAt, isSmooth) {
  const isInside = (position) => Number(labelAt(position) > 0);
  return outlineOf(projected(data, view, Object.assign(isInside, { strength: () => 0 })).plane, isSmooth);
}

function drawProjection(context, data, shown, frame, { layer, border, plane, positions }, silhouettes) {
  const [left, top, width, height] = frame.box;
  context.save();
  context.beginPath();
  context.rect(left, top, width, height);
  context.clip();
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

/** @returns {Object} the outlines of projections of sets of voxels, kept until the set changes */
function makeSilhouettes(data) {
  let [kept, mask] = [makeStore(), null];
  const brain = makeStore();
  return {
    ofBrain: (view) => brain(view.title, () => borderOf(data, view, () => 1, true)),
    ofRegion: (view, region) => {
      if (region.mask !== mask) [kept, mask] = [makeStore(), region.mask];
      return kept(view.title, () => borderOf(data, view, (position) => region.mask[position], true));
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
