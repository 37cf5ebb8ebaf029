// Axial slices side by side, from the lowest to the highest.

const TILE = 130; // pixels across, about
const TILE_STEP = 8; // mm from slice to slice, at most
const TILE_GAP = 4; // pixels
const TILE_TRIM = 5; // mm without slices at both ends, where there is nearly nothing

/** @returns {Object} the picture of many slices, as `makeSliceView` describes it */
function makeMosaic(data, slicer, viewport) {
  const canvas = () => byId("mosaic");
  let tiles = [];
  const tileAt = ([x, y]) => tiles.find(({ frame: { box: [left, top, width, height] } }) => x >= left && y >= top && x < left + width && y < top + height);
  return {
    canvases: () => [canvas()],
    draw: (shown) => {
      const size = layTiles(data, byId("slices").clientWidth);
      tiles = tilesOf(data, shown, viewport, size);
      const context = cleared(canvas(), size.whole);
      tiles.forEach((tile, i) => drawTile(context, data, slicer, shown, tile, i === 0));
      const [first, last] = [tiles[0], tiles[tiles.length - 1]].map(({ place }) => place);
      canvas().setAttribute("aria-label", `${tiles.length} axial slices from z = ${first} to ${last} mm, ${tiles[0].frame.ends[0][0]} on the left`);
    },
    frameAt: (each, pixel) => (tileAt(pixel) ?? tiles[0]).frame,
    voxelAt: (each, pixel, voxel) => {
      const tile = tileAt(pixel);
      return tile ? data.points.voxel.clamped(placeIn(tile.frame, pixel, atIndex(voxel, tile))) : voxel;
    },
  };
}

const atIndex = (voxel, { frame: { fileAxes }, index }) => voxel.map((each, axis) => (axis === fileAxes[0] ? index : each));

/** @returns {{columns: number, rows: number, scale: number, tile: number[], whole: number[]}} scale in pixels per mm */
function layTiles(data, room) {
  const sizes = sizesInMm(data);
  const [across, up, through] = [...sizes[2], sizes[0][1]];
  const columns = bounded(Math.round(room / TILE), 3, 9);
  const rows = Math.max(Math.ceil(through / TILE_STEP / columns), 1);
  const width = Math.floor((room - TILE_GAP * (columns - 1)) / columns);
  const scale = width / across;
  const height = Math.floor(up * scale);
  return { columns, rows, scale, tile: [width, height], whole: [room, rows * (height + TILE_GAP) - TILE_GAP] };
}

/** @returns {{frame: Object, index: number, place: string, isHere: boolean}[]} the tile of the crosshair has its slice */
function tilesOf(data, shown, viewport, { columns, rows, scale, tile: [width, height] }) {
  const { grid } = data.points.voxel;
  const [axis, sense] = grid.axes[2];
  const trim = TILE_TRIM / grid.zooms[axis];
  const [low, high] = [data.facts.field[axis][0] + trim, data.facts.field[axis][1] - trim];
  const step = (sense * (high - low)) / (columns * rows);
  const start = sense > 0 ? low : high;
  return Array.from({ length: columns * rows }, (_, i) => {
    const box = [(i % columns) * (width + TILE_GAP), Math.floor(i / columns) * (height + TILE_GAP), width, height];
    const frame = frameOf(data, VIEWS[2], shown.state.radiological, viewport.state, scale, box);
    const isHere = bounded(Math.floor((shown.voxel[axis] - start) / step), 0, columns * rows - 1) === i;
    const index = isHere ? shown.voxel[axis] : Math.round(start + (i + 0.5) * step);
    const place = millimetreText(grid.millimetres(atIndex(shown.voxel, { frame, index }))[2]);
    return { frame, index, place, isHere };
  });
}

function drawTile(context, data, slicer, shown, { frame, index, place, isHere }, isFirst) {
  const [left, top, width, height] = frame.box;
  clipTo(context, frame.box);
  slicer.draw(context, ratioOfSlices(), frame, index);
  if (shown.state.colourBy === "cluster") writeNumbers(context, frame, planeOf(data, frame.fileAxes, index, shown.labelAt));
  if (isHere) markCrosshair(context, frame, shown, 5);
  if (isFirst) {
    writeOutlined(context, frame.ends[0][0], left + 4, top + height / 2, "left");
    writeOutlined(context, frame.ends[0][1], left + width - 4, top + height / 2, "right");
  }
  writeOutlined(context, isFirst ? `z = ${place} mm` : place, left + 4, top + height - 5, "left");
  context.restore();
}
