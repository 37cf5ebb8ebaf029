// The pictures of voxels: three slices, a mosaic or a glass brain, with one zoom for all.

/**
 * The view of voxels.
 *
 * Each picture has `canvases()`, `draw(shown)`, `frameAt(canvas, pixel)` and `voxelAt(canvas, pixel, voxel)`: the voxel that
 * a pixel leads to from the one at the crosshair.
 * @param {function(): void} onMove when another part is seen
 * @returns {{draw: function(Object, function, string), canvases: function(): HTMLCanvasElement[], redraw: function(),
 *   viewport: Object, picture: function(): Object}} a view draws what is shown, with the function that colours points, into
 *   its canvases; the key is that of the colours
 */
function makeSliceView(data, palettes, onMove) {
  const viewport = makeViewport(data.facts.field, onMove);
  const slicer = makeSlicer(data);
  const pictures = {
    slices: makeThreeSlices(data, slicer, viewport),
    mosaic: makeMosaic(data, slicer, viewport),
    glass: makeGlass(data, viewport),
    beside: makeBeside(data, palettes, slicer, viewport),
  };
  let [shown, isDue] = [null, false];
  const picture = () => pictures[shown.state.view];
  const redraw = () => {
    const seen = picture().canvases();
    for (const { canvases } of Object.values(pictures)) for (const canvas of canvases()) canvas.hidden = !seen.includes(canvas);
    picture().draw(shown);
  };
  return {
    viewport,
    picture,
    canvases: () => picture().canvases(),
    draw: (next, paint, key) => {
      const isMoved = shown && String(shown.voxel) !== String(next.voxel);
      shown = next;
      slicer.take(next, paint, key);
      picture().take?.(next, paint, key);
      if (isMoved) viewport.follow(next.voxel);
      redraw();
    },
    /** Draw again before the next frame, after a change of zoom or centre only. */
    redraw: () => {
      if (isDue || !shown) return;
      isDue = true;
      requestAnimationFrame(() => {
        isDue = false;
        redraw();
      });
    },
  };
}

/** @returns {{voxel: ?number[], isFollowed: boolean}} where slices are: also at a vertex, if its mesh is in the same space */
function placeOfSlices({ facts, points }, { voxel, vertex }) {
  if (!vertex || !voxel || !facts.isAnatomical) return { voxel, isFollowed: false };
  const { grid } = points.voxel;
  const place = transformed(grid.inverse, points.vertex.millimetres(vertex)).map(Math.round);
  return grid.holds(place) ? { voxel: place, isFollowed: true } : { voxel, isFollowed: false };
}
