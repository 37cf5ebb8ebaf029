// Slices: the underlay, the map and outlines; and three of them through the crosshair.

const GAP = 12; // pixels between slices
const MOST_HEIGHT = 520; // of a slice in pixels
const MOST_HEIGHT_BESIDE = 300; // where there are also surfaces
const SIDE_BY_SIDE = 540; // minimum width in pixels for slices side by side

const CLUSTER_LINES = [[INK, 1.25]];
const CURRENT_LINES = [[PAPER, 3.5], [INK, 1.75]];
const REGION_LINES = [[PAPER, 3.5], ["#1273c4", 2]];

/**
 * What slices are drawn with.
 * @typedef {Object} Slicer
 * @property {function(Object, function, string): void} take what is shown, its painter, and the key of its colours
 * @property {function(CanvasRenderingContext2D, number, Object, number): void} draw a frame of an index in a context
 */

/** @returns {Slicer} layers are kept until the colours change */
function makeSlicer(data) {
  const greys = underlayGreys(data.facts.underlay.levels);
  const underlays = makeStore();
  let [layers, paths, borders, key, shown, paint] = [makeStore(), makeStore(), makeStore(), "", null, null];
  const plane = (axes, index, of) => planeOf(data, axes, index, of);
  const layerOf = ({ fileAxes }, index, n) => {
    const colours = plane(fileAxes, index, paint);
    return shown.state.smooth ? smoothLayer(colours, n, paint.isMixed) : sharpLayer(colours);
  };
  const outline = (context, frame, index, name, of, lines) => {
    const store = name === "region" ? borders : paths;
    const path = store(`${name} ${frame.fileAxes} ${index}`, () => outlineOf(plane(frame.fileAxes, index, of), shown.state.smooth));
    drawOutline(context, frame, path, lines);
  };
  return {
    take(next, painter, colours) {
      if (shown?.region?.mask !== next.region?.mask || shown?.state.smooth !== next.state.smooth) borders = makeStore();
      [shown, paint] = [next, painter];
      const now = `${colours} ${next.state.smooth} ${next.state.direction}`;
      if (now !== key) [layers, paths, key] = [makeStore(), makeStore(), now];
    },
    draw(context, ratio, frame, index) {
      const { fileAxes: axes } = frame;
      const beneath = underlays(`${axes} ${index}`, () => underlayLayer(data, greys, axes, index));
      if (beneath) drawLayer(context, ratio, frame, beneath, true);
      context.globalAlpha = shown.state.opacity;
      const n = pixelsAVoxel(data, frame);
      drawLayer(context, ratio, frame, layers(`${axes} ${index} ${n}`, () => layerOf(frame, index, n)), shown.state.smooth);
      context.globalAlpha = 1;
      const { current, region, state: { outlines } } = shown;
      if (outlines) outline(context, frame, index, "clusters", shown.labelAt, CLUSTER_LINES);
      if (outlines && current) outline(context, frame, index, `cluster ${current.label}`, (each) => shown.labelAt(each) === current.label, CURRENT_LINES);
      if (region) outline(context, frame, index, "region", (each) => region.mask[each], REGION_LINES);
    },
  };
}

/** @returns {number[][]} the size of each slice on the screen, and the scale in pixels per mm that fits */
function fitSlices(data, room) {
  const sizes = sizesInMm(data);
  const most = data.points.vertex ? MOST_HEIGHT_BESIDE : MOST_HEIGHT;
  const wide = room >= SIDE_BY_SIDE;
  const across = wide ? sizes.reduce((sum, [width]) => sum + width, 0) : Math.max(...sizes.map(([width]) => width));
  const scale = Math.min((room - (wide ? 2 * GAP : 0)) / across, most / Math.max(...sizes.map(([, height]) => height)));
  return [sizes.map((size) => size.map((length) => Math.max(Math.floor(length * scale), 1))), scale];
}

const ratioOfSlices = () => Math.min(window.devicePixelRatio || 1, 3);

/** @returns {CanvasRenderingContext2D} of an empty canvas with a size in CSS pixels */
function cleared(canvas, [width, height]) {
  setSize(canvas, width, height, ratioOfSlices());
  const context = canvas.getContext("2d");
  context.setTransform(1, 0, 0, 1, 0, 0);
  context.clearRect(0, 0, canvas.width, canvas.height);
  context.setTransform(ratioOfSlices(), 0, 0, ratioOfSlices(), 0, 0);
  return context;
}

function setSize(canvas, width, height, ratio) {
  const [w, h] = [Math.round(width * ratio), Math.round(height * ratio)];
  if (canvas.width !== w || canvas.height !== h) [canvas.width, canvas.height] = [w, h];
  canvas.style.width = `${width}px`;
  canvas.style.height = `${height}px`;
}

/** @returns {Object} the picture of three slices, as `makeSliceView` describes it */
function makeThreeSlices(data, slicer, viewport, prefix = "slice") {
  let frames = {};
  return {
    canvases: () => VIEWS.map(({ name }) => byId(`${prefix}-${name}`)),
    draw: (shown) => {
      const [sizes, scale] = fitSlices(data, byId("slices").clientWidth);
      VIEWS.forEach((view, i) => {
        const frame = frameOf(data, view, shown.state.radiological, viewport.state, scale, [0, 0, ...sizes[i]]);
        frames[`${prefix}-${view.name}`] = frame;
        drawSlice(data, slicer, shown, frame, byId(`${prefix}-${view.name}`));
      });
    },
    frameAt: (canvas) => frames[canvas.id],
    voxelAt: (canvas, pixel, voxel) => data.points.voxel.clamped(placeIn(frames[canvas.id], pixel, voxel)),
  };
}

/** Draw a slice with cluster numbers, crosshair and letters into a canvas. */
function drawSlice(data, slicer, shown, frame, canvas) {
  const { view, fileAxes, box: [, , width, height] } = frame;
  const context = cleared(canvas, [width, height]);
  const index = shown.voxel[fileAxes[0]];
  slicer.draw(context, ratioOfSlices(), frame, index);
  if (shown.state.colourBy === "cluster") writeNumbers(context, frame, planeOf(data, fileAxes, index, shown.labelAt));
  markCrosshair(context, frame, shown);
  writeLetters(context, frame);
  const place = millimetreText(data.points.voxel.grid.millimetres(shown.voxel)[view.axis]);
  writeOutlined(context, `${view.name} = ${place} mm`, 5, height - 6, "left");
  canvas.setAttribute("aria-label", `${canvas.dataset.name} slice at ${view.name} = ${place} mm, ${frame.ends[0][0]} on the left`);
}
