// Colours of vertices, and borders of clusters and of the chosen region on meshes: the vertices around them.

const BORDER = packed(32, 38, 46);
const REGION_BORDER = packed(18, 115, 196);

/** @returns {Uint32Array} the colour of each vertex */
function coloursOf(mesh, palettes, paint, { state, region, labelAt }) {
  const { nVertices, position, levels } = mesh;
  const colours = new Uint32Array(nVertices);
  for (let vertex = 0; vertex < nVertices; vertex++) {
    const grey = palettes.greys[levels[vertex]];
    const colour = position[vertex] >= 0 ? paint(position[vertex]) : CLEAR;
    colours[vertex] = colour ? over(colour, grey) : grey;
  }
  if (state.outlines) drawBorder(mesh, colours, labelAt, BORDER);
  if (region) drawBorder(mesh, colours, (each) => (each < 0 ? 0 : region.mask[each]), REGION_BORDER);
  return colours;
}

/** Colour the vertices without a label, 0 or less, next to one with a label: all vertices of a set keep their colours. */
function drawBorder(mesh, colours, labelAt, colour) {
  const { starts, neighbours } = edgesOf(mesh);
  const labels = Int32Array.from(mesh.position, labelAt);
  for (let vertex = 0; vertex < labels.length; vertex++) {
    if (labels[vertex] < 1) continue;
    for (let i = starts[vertex]; i < starts[vertex + 1]; i++) {
      if (labels[neighbours[i]] < 1) colours[neighbours[i]] = colour;
    }
  }
}
