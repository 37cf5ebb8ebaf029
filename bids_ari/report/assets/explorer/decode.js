// From the text of the page to arrays; explorer_arrays.py documents them.

const ARRAYS = { uint8: Uint8Array, uint16: Uint16Array, int16: Int16Array, uint32: Uint32Array, int32: Int32Array };

/** @returns {Uint8Array} the bytes of a text in base64 */
function bytesOf(text) {
  const binary = atob(text);
  const bytes = new Uint8Array(binary.length);
  for (let i = 0; i < binary.length; i++) bytes[i] = binary.charCodeAt(i);
  return bytes;
}

/** @returns {Promise<Uint8Array>} */
async function throughStream(bytes, stream) {
  return new Uint8Array(await new Response(new Blob([bytes]).stream().pipeThrough(stream)).arrayBuffer());
}

/** Undo the byte shuffle: all first bytes, then all second ones, ... */
function inOrder(bytes, width) {
  if (width === 1) return bytes;
  const n = bytes.length / width;
  const ordered = new Uint8Array(bytes.length);
  for (let part = 0; part < width; part++) {
    for (let i = 0; i < n; i++) ordered[i * width + part] = bytes[part * n + i];
  }
  return ordered;
}

/** Replace first differences by values, in place; they wrap around as the type does. */
function summed(values) {
  for (let i = 1; i < values.length; i++) values[i] += values[i - 1];
  return values;
}

/** Replace differences along the last and the second axis by values, in place. */
function summedTwice(values, [n, rows, columns]) {
  for (let i = 0, cell = 0; i < n; i++) {
    for (let row = 0; row < rows; row++) {
      for (let column = 0, sum = 0; column < columns; column++, cell++) {
        sum += values[cell];
        values[cell] = row ? sum + values[cell - columns] : sum;
      }
    }
  }
  return values;
}

/** @returns {Promise<TypedArray>} the array in a script element of the page */
async function readBlob(name) {
  const element = byId(`blob-${name}`);
  const type = ARRAYS[element.dataset.type];
  const shuffled = await throughStream(bytesOf(element.textContent), new DecompressionStream("gzip"));
  const values = new type(inOrder(shuffled, type.BYTES_PER_ELEMENT).buffer);
  element.textContent = "";
  return element.dataset.delta === "1" ? summed(values) : values;
}

/**
 * Read everything that is stored in the page.
 * @returns {Promise<{facts: Object, points: Object, z: Float64Array, atlas: ?Uint16Array, rois: ?Uint8Array, underlay: ?Uint8Array,
 *   glass: ?Object, directions: Object[]}>}
 */
async function readData() {
  const facts = JSON.parse(byId("facts").textContent);
  const points = makePoints(facts, facts.meshes ? await readGrayordinates(facts) : { voxel: await readVolume(facts) });
  const directions = [];
  for (let i = 0; i < facts.directions.length; i++) directions.push(await readDirection(facts, i));
  const z = unpackZ(facts, directions[0].forest, await readBlob("z"), await readBlob("z-elsewhere"));
  const atlas = facts.atlas === null ? null : await readBlob("atlas");
  const underlay = facts.underlay ? summedTwice(await readBlob("underlay"), facts.underlay.shape) : null;
  const glass = facts.hasGlass ? pathsOf(await readBlob("glass")) : null;
  const rois = byId("blob-rois") ? await readBlob("rois") : null;
  return { facts, points, z, atlas, rois, underlay, glass, directions };
}

/** @returns {Object<string, Array[]>} colour, width and path of the lines of each view of a glass brain */
function pathsOf(bytes) {
  const views = Object.entries(JSON.parse(new TextDecoder().decode(bytes)));
  return Object.fromEntries(views.map(([view, lines]) => [view, lines.map(([colour, width, path]) => [colour, width, new Path2D(path)])]));
}

async function readVolume(facts) {
  const grid = makeGrid(facts.grid);
  return makeVolume(grid, unpackMask(await readBlob("mask"), grid.nCells, facts.nPoints), facts.voxelVolume);
}

/** @returns {Promise<{voxel: ?Object, vertex: ?Object}>} points of a CIFTI file, or of meshes */
async function readGrayordinates(facts) {
  const places = await readBlob("place");
  const areas = await readBlob("area");
  const meshOf = new Int8Array(facts.nPoints).fill(-1);
  for (const { mesh, start, stop } of facts.structures) meshOf.fill(mesh, start, stop);
  const meshes = [];
  for (let i = 0; i < facts.meshes.length; i++) meshes.push(await readMesh(facts.meshes[i], i));
  places.forEach((place, position) => {
    if (meshOf[position] >= 0) meshes[meshOf[position]].position[place] = position;
  });
  const areaOf = (position) => areas[position] * facts.areaStep;
  return {
    vertex: meshes.length ? makeSurfaces(meshes, meshOf, places, areaOf) : null,
    voxel: facts.grid ? someVoxels(facts, places, meshOf) : null,
  };
}

/** @returns {Object} the points of a CIFTI file that are voxels */
function someVoxels(facts, places, meshOf) {
  const grid = makeGrid(facts.grid);
  const position = new Int32Array(grid.nCells).fill(-1);
  places.forEach((cell, i) => {
    if (meshOf[i] < 0) position[cell] = i;
  });
  return makeVolume(grid, { cell: places, position }, facts.voxelVolume);
}

async function readMesh({ shapes, nVertices, ...facts }, i) {
  const columns = await readBlob(`triangles-${i}`);
  const triangles = interleaved(columns, new Uint32Array(columns.length), 1);
  const mesh = { ...facts, nVertices, triangles, levels: await readBlob(`sulci-${i}`), shapes: [] };
  mesh.position = new Int32Array(nVertices).fill(-1);
  for (let shape = 0; shape < shapes.length; shape++) {
    const steps = await readBlob(`coordinates-${i}-${shape}`);
    const coordinates = interleaved(steps, new Float32Array(steps.length), shapes[shape].step);
    mesh.shapes.push({ name: shapes[shape].name, coordinates, normals: normalsOf(coordinates, triangles) });
  }
  return mesh;
}

/** @returns {TypedArray} three columns, one after the other, as rows, times a step */
function interleaved(columns, rows, step) {
  const n = columns.length / 3;
  for (let i = 0; i < n; i++) {
    for (let column = 0; column < 3; column++) rows[3 * i + column] = columns[column * n + i] * step;
  }
  return rows;
}

async function readDirection(facts, i) {
  const [preorder, size] = [await readBlob(`preorder-${i}`), await readBlob(`size-${i}`)];
  const [tdn, rank] = [await readBlob(`tdn-${i}`), await readBlob(`rank-${i}`)];
  const forest = makeForest(preorder, size, tdn, rank, facts.nPoints);
  const direction = facts.directions[i];
  const fwe = direction.nPermutations ? await readBlob(`fwe-${i}`) : null;
  const signs = direction.signs.length ? [await readBlob(`positive-${i}`), await readBlob(`negative-${i}`)] : [];
  return { ...direction, forest, fwe, signCategories: signs, category: await readBlob(`category-${i}`) };
}

/** @returns {{cell: Uint32Array, position: Int32Array}} cell of each point, and point at each cell or -1 */
function unpackMask(bits, nCells, nPoints) {
  const cell = new Uint32Array(nPoints);
  const position = new Int32Array(nCells).fill(-1);
  let n = 0;
  for (let i = 0; i < nCells; i++) {
    if (bits[i >> 3] & (128 >> (i & 7))) {
      cell[n] = i;
      position[i] = n++;
    }
  }
  return { cell, position };
}

/** @returns {Float64Array} z of each point */
function unpackZ(facts, forest, near, elsewhere) {
  const z = new Float64Array(facts.nPoints);
  const value = (steps, step) => (Math.abs(steps) === facts.zInfinite ? Math.sign(steps) * Infinity : steps * step);
  for (let i = 0; i < near.length; i++) z[forest.preorder[i]] = value(near[i], facts.zStep);
  for (let position = 0, i = 0; position < z.length; position++) {
    if (forest.placeOf[position] < 0) z[position] = value(elsewhere[i++], facts.zStepElsewhere);
  }
  return z;
}
