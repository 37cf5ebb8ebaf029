// The TDP and z side by side: three slices of what is chosen above three of the other one, with one crosshair and zoom.

/** @returns {Object} what is shown, but coloured by z above the threshold, or by TDP where z is chosen */
function otherColouring(shown) {
  const colourBy = shown.state.colourBy.startsWith("statistic") ? "highest" : "statistic-above";
  return { ...shown, state: { ...shown.state, colourBy } };
}

/** @returns {string} what a row of slices shows */
function rowTitle(shown) {
  const { colourBy } = shown.state;
  if (colourBy === "cluster") return "clusters";
  if (colourBy === "statistic-above") return thresholdText(shown);
  return colourBy.startsWith("statistic") ? "z" : "TDP";
}

/** @returns {Object} the picture of two rows of slices, as `makeSliceView` describes it */
function makeBeside(data, palettes, slicer, viewport) {
  const other = makeSlicer(data);
  const rows = [
    { slicer, picture: makeThreeSlices(data, slicer, viewport, "slice") },
    { slicer: other, picture: makeThreeSlices(data, other, viewport, "beside") },
  ];
  const rowOf = (canvas) => rows[canvas.id.startsWith("beside") ? 1 : 0].picture;
  return {
    canvases: () => rows.flatMap(({ picture }) => picture.canvases()),
    take: (shown) => {
      if (shown.state.view !== "beside") return;
      const next = otherColouring(shown);
      other.take(next, makePainter(data, palettes, next), `${next.key} ${colouringOf(next.state)}`);
    },
    draw: (shown) => {
      [shown, otherColouring(shown)].forEach((each, i) => {
        rows[i].picture.draw(each);
        writeOutlined(rows[i].picture.canvases()[0].getContext("2d"), rowTitle(each), 5, 15, "left");
      });
    },
    frameAt: (canvas) => rowOf(canvas).frameAt(canvas),
    voxelAt: (canvas, pixel, voxel) => rowOf(canvas).voxelAt(canvas, pixel, voxel),
  };
}
