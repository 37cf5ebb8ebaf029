// The view of the surfaces: a picture of each hemisphere, with one camera for all.

const MOST_SURFACE = 420; // height of a picture in pixels
const HEIGHT_TO_WIDTH = 0.78;

/**
 * The view of the hemispheres: WebGL draws them into one canvas, in front of which each has one for texts and the crosshair.
 * @returns {Object} a view as `makeSliceView` describes it
 */
function makeSurfaceView(data, palettes, camera) {
  const { meshes } = data.points.vertex;
  const renderer = openRenderer(meshes);
  const boxes = sharedBoxes(meshes);
  const view = { meshes, renderer, projections: [], shown: null };
  let [painted, mask, drawn] = [null, undefined, null]; // what the colours, and the meshes on the screen, are made of
  view.shape = () => Math.max(meshes[0].shapes.findIndex(({ name }) => name === byId("shape")?.value), 0);
  view.pixelOf = (mesh, vertex) => pixelAt(view.projections[mesh], placeOn(meshes[mesh].shapes[view.shape()], vertex));
  view.redraw = (isForced = false) => {
    if (!renderer || !view.shown) return;
    const size = sizeOfPictures(byId("surfaces").clientWidth, meshes.length);
    view.projections = meshes.map(({ isRight }, i) => project(camera.state, isRight, boxes[view.shape()][i], size));
    meshes.forEach((mesh, i) => drawTexts(view, camera, i, size));
    const key = JSON.stringify([painted, camera.state, view.shape(), size, pixelRatio()]);
    if (isForced || drawn !== key) drawMeshes(view);
    drawn = key;
  };
  view.draw = (shown, paint, key) => {
    const isMoved = view.shown && JSON.stringify(view.shown.state.vertex) !== JSON.stringify(shown.state.vertex);
    view.shown = shown;
    const look = `${key} ${shown.state.outlines}`;
    if (renderer && (painted !== look || mask !== shown.region?.mask)) {
      meshes.forEach((mesh, i) => renderer.setColours(i, coloursOf(mesh, palettes, paint, shown)));
      [painted, mask, drawn] = [look, shown.region?.mask, null];
    }
    if (isMoved) reveal(view, camera, shown.state.vertex);
    view.redraw();
  };
  view.canvases = () => (renderer ? picturesOf(view) : []);
  return view;
}

/** @returns {?Object} the renderer; null after a message that there is none */
function openRenderer(meshes) {
  const warn = () => {
    byId("no-surfaces").hidden = false;
    for (const id of ["surfaces", "surface-controls", "surface-hint"]) byId(id).hidden = true;
    const picture = document.querySelector(".still"); // of the report
    if (picture) byId("no-surfaces").after(picture);
    picture?.classList.add("instead");
  };
  const renderer = makeRenderer(byId("surfaces-3d"), meshes, warn);
  if (!renderer) warn();
  return renderer;
}

const pixelRatio = () => Math.min(window.devicePixelRatio || 1, 2);

/** Draw the meshes behind their pictures. */
function drawMeshes({ renderer, meshes, projections, shape }) {
  const room = byId("surfaces");
  setSize(byId("surfaces-3d"), room.clientWidth, room.clientHeight, pixelRatio());
  const boxes = meshes.map((_, i) => boxIn(byId(`surface-${i}`)));
  renderer.draw(shape(), projections, boxes, pixelRatio());
}

const boxIn = ({ offsetLeft, offsetTop, offsetWidth, offsetHeight }) => [offsetLeft, offsetTop, offsetWidth, offsetHeight];

/** @returns {HTMLCanvasElement[]} the hemispheres with their texts */
function picturesOf(view) {
  view.redraw(true); // what WebGL has drawn can be read only at once
  return view.meshes.map((_, i) => {
    const [texts, picture] = [byId(`surface-${i}`), element("canvas")];
    [picture.width, picture.height] = [texts.width, texts.height];
    const context = picture.getContext("2d");
    const [left, top] = boxIn(texts).map((pixels) => Math.round(pixels * pixelRatio()));
    context.drawImage(byId("surfaces-3d"), -left, -top);
    context.drawImage(texts, 0, 0);
    return picture;
  });
}

/** @returns {number[]} width and height of each picture in CSS pixels */
function sizeOfPictures(room, number) {
  const across = room >= SIDE_BY_SIDE ? Math.min(number, 2) : 1;
  const width = Math.floor((room - GAP * (across - 1)) / across);
  const height = Math.min(Math.floor(width * HEIGHT_TO_WIDTH), MOST_SURFACE);
  return [Math.max(width, 1), Math.max(height, 1)];
}

/** @returns {Object[][]} the box of each shape and mesh, all meshes of a shape with the same size */
function sharedBoxes(meshes) {
  return meshes[0].shapes.map((_, shape) => {
    const boxes = meshes.map(({ shapes }) => boxOf(shapes[shape]));
    const half = [0, 1, 2].map((i) => Math.max(...boxes.map((box) => box.half[i])));
    return boxes.map(({ middle }) => ({ middle, half }));
  });
}

/** Write the name of a hemisphere, directions and cluster numbers, and draw the crosshair. */
function drawTexts(view, camera, number, [width, height]) {
  const { meshes, projections, shown } = view;
  const canvas = byId(`surface-${number}`);
  setSize(canvas, width, height, pixelRatio());
  const context = canvas.getContext("2d");
  context.setTransform(1, 0, 0, 1, 0, 0);
  context.clearRect(0, 0, canvas.width, canvas.height);
  context.setTransform(pixelRatio(), 0, 0, pixelRatio(), 0, 0);
  const shape = meshes[number].shapes[view.shape()];
  if (shown.state.colourBy === "cluster") numberClusters(context, shown, meshes[number], shape, projections[number]);
  const vertex = shown.state.vertex?.[0] === number ? shown.state.vertex[1] : null;
  if (vertex !== null) markVertex(context, projections[number], shape, vertex);
  writeDirections(context, projections[number], meshes[number].title, [width, height]);
  canvas.setAttribute("aria-label", surfaceText(meshes[number], shape, camera.state, vertex));
}

function surfaceText({ title }, { name }, state, vertex) {
  const marked = vertex === null ? "" : `; crosshair at vertex ${vertex}`;
  return `${title}, ${name}, ${directionText(state)}${marked}. Turn with the arrow keys, zoom with plus and minus`;
}

/** @returns {number} the cosine of the angle between the normal of a vertex and the direction of the camera */
const facing = ({ axes }, { normals }, vertex) => dot(axes[2], normals.subarray(3 * vertex, 3 * vertex + 3));

/** Draw a ring at a vertex; a dashed one where the vertex is on the other side. */
function markVertex(context, projection, shape, vertex) {
  context.setLineDash(facing(projection, shape, vertex) > 0 ? [] : [3, 3]);
  drawRing(context, ...pixelAt(projection, placeOn(shape, vertex)));
  context.setLineDash([]);
}

function writeDirections(context, { axes: [right, up] }, title, [width, height]) {
  const opposite = (axis) => axis.map((part) => -part);
  const style = getComputedStyle(context.canvas);
  const colours = ["--ink", "--card"].map((name) => style.getPropertyValue(name).trim());
  const write = (...text) => writeOutlined(context, ...text, colours);
  write(title, 6, 16, "left");
  write(letterOf(opposite(right)), 5, height / 2, "left");
  write(letterOf(right), width - 5, height / 2, "right");
  write(letterOf(up), width / 2, 15, "center");
  write(letterOf(opposite(up)), width / 2, height - 6, "center");
}

/** Write the numbers of the larger clusters near the centres of their parts that face the camera. */
function numberClusters(context, shown, mesh, shape, projection) {
  const seen = new Map();
  for (let vertex = 0; vertex < mesh.nVertices; vertex++) {
    const label = shown.labelAt(mesh.position[vertex]);
    if (label < 1 || label > 20 || facing(projection, shape, vertex) < 0.2) continue;
    if (!seen.has(label)) seen.set(label, []);
    seen.get(label).push(pixelAt(projection, placeOn(shape, vertex)));
  }
  for (const [label, pixels] of seen) {
    const [x, y] = centralOf(pixels);
    writeOutlined(context, String(label), x, y + 5, "center");
  }
}

/** Turn the camera, where a vertex is hidden, to the first of the views that see it best. */
function reveal({ meshes, renderer, shape }, camera, place) {
  if (!renderer || !place) return;
  const [number, vertex] = place;
  const { shapes, isRight } = meshes[number];
  const seenFrom = (state) => facing({ axes: axesOf(state, isRight) }, shapes[shape()], vertex);
  if (seenFrom(camera.state) > 0.25) return;
  const from = (name) => seenFrom({ around: CAMERA_VIEWS[name][0], above: CAMERA_VIEWS[name][1] });
  camera.see(Object.keys(CAMERA_VIEWS).reduce((best, name) => (from(name) > from(best) + 0.05 ? name : best)));
}
