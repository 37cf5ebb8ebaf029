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
 * @returns {Promise<{facts: Object, grid: Object, mask: Object, z: Float64Array, atlas: ?Uint16Array,
 *   underlay: Uint8Array, directions: Object[]}>}
 */
async function readData() {
  const facts = JSON.parse(byId("facts").textContent);
  const grid = makeGrid(facts.grid);
  const mask = unpackMask(await readBlob("mask"), grid.nCells, facts.nVoxels);
  const directions = [];
  for (let i = 0; i < facts.directions.length; i++) directions.push(await readDirection(facts, i));
  const z = unpackZ(facts, directions[0].forest, await readBlob("z"), await readBlob("z-elsewhere"));
  const atlas = facts.atlas === null ? null : await readBlob("atlas");
  return { facts, grid, mask, z, atlas, underlay: await readBlob("underlay"), directions };
}

async function readDirection(facts, i) {
  const [preorder, size] = [await readBlob(`preorder-${i}`), await readBlob(`size-${i}`)];
  const [tdn, rank] = [await readBlob(`tdn-${i}`), await readBlob(`rank-${i}`)];
  const forest = makeForest(preorder, size, tdn, rank, facts.nVoxels);
  return { ...facts.directions[i], forest, category: await readBlob(`category-${i}`) };
}

/** @returns {{cell: Uint32Array, position: Int32Array}} cell of each tested voxel, and position at each cell or -1 */
function unpackMask(bits, nCells, nVoxels) {
  const cell = new Uint32Array(nVoxels);
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

/** @returns {Float64Array} z of each tested voxel */
function unpackZ(facts, forest, near, elsewhere) {
  const z = new Float64Array(facts.nVoxels);
  const value = (steps, step) => (Math.abs(steps) === facts.zInfinite ? Math.sign(steps) * Infinity : steps * step);
  for (let i = 0; i < near.length; i++) z[forest.preorder[i]] = value(near[i], facts.zStep);
  for (let position = 0, i = 0; position < z.length; position++) {
    if (forest.placeOf[position] < 0) z[position] = value(elsewhere[i++], facts.zStepElsewhere);
  }
  return z;
}
