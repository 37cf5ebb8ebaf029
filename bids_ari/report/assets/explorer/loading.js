// Regions from files on disk: what is inside, by the rules of --roi, and one clear message where a file does not fit.

const MOST_BYTES = 2 ** 29;
const MOST_NUMBERS = 1000; // of regions in a file
const BACKGROUND = /\?\?\?|unknown|background|medial[ _-]?wall/i; // names of labels that are no parcels
const NEAR = 1e-3; // a value this close to a whole number counts as it
const ON_ANOTHER_GRID = "Resample it first, e.g. nilearn.image.resample_to_img(region, a_map, interpolation='nearest')";
const SIDE_TEXTS = { CortexLeft: "left", CortexRight: "right" };

/**
 * What a file has: whole values of all its voxels or vertices, and the points at which it has them.
 * @typedef {{values: ArrayLike<number>, positions: ArrayLike<number>, step: number, labels: Map<number, string>, side: string}} Part
 */

/**
 * Read the regions of files that were chosen together; the two hemispheres of a name are one region.
 * @returns {Promise<{name: string, mask: Uint8Array}[]>}
 */
async function regionsOfFiles(data, files) {
  const groups = new Map();
  for (const file of files) {
    const key = /\.gii(\.gz)?$/i.test(file.name) ? nameOfRegion(file.name) : file.name;
    groups.set(key, [...(groups.get(key) ?? []), file]);
  }
  const regions = [];
  for (const group of groups.values()) {
    const parts = [];
    for (const file of group) parts.push(await named(file.name, () => partOf(data, file)));
    const names = group.map(({ name }) => name).join(" and ");
    regions.push(...(await named(names, () => regionsOfParts(parts, nameOfRegion(group[0].name), data.facts))));
  }
  return regions;
}

/** Do something with a file; its name begins the message of an error. */
async function named(name, action) {
  try {
    return await action();
  } catch (error) {
    throw new Error(`${name} ${error.message}.`);
  }
}

/** @returns {Promise<Part>} */
async function partOf(data, file) {
  if (file.size > MOST_BYTES) throw new Error(`has ${thousands(file.size / 2 ** 20)} MB; expected a region, which is smaller`);
  const { voxel, vertex } = data.points;
  const isOnSurfaces = /\.gii(\.gz)?$/i.test(file.name);
  const isCifti = /\.d(label|scalar)\.nii$/i.test(file.name);
  if (!vertex && (isOnSurfaces || isCifti)) throw new Error("is on surfaces, the maps are volumes; expected an image of volumes (.nii.gz)");
  if (vertex && !isOnSurfaces && !isCifti) throw new Error(`is ${/\.nii(\.gz)?$/i.test(file.name) ? "a volume, the maps are on surfaces" : "of another kind"}; expected a GIFTI file (.label.gii, .func.gii, .shape.gii)${data.facts.labelTableAt === undefined ? "" : " or a CIFTI file (.dlabel.nii, .dscalar.nii)"}`);
  const bytes = await contentOf(file);
  if (!vertex) return volumePart(voxel, readNifti(bytes));
  return isCifti ? ciftiPart(data, readCifti(bytes)) : surfacePart(vertex, await readGifti(bytes, file.name));
}

function volumePart({ grid, mask }, image) {
  if (!isSameGrid(grid, image)) {
    throw new Error(`is on another grid: ${gridText(image)}; expected the grid of the maps: ${gridText(grid)}. ${ON_ANOTHER_GRID}`);
  }
  const values = Float64Array.from({ length: grid.nCells }, (_, cell) => image.values(...grid.voxelOf(cell)));
  return { values, positions: mask.position, step: image.step, labels: new Map(), side: "" };
}

function surfacePart({ meshes }, { structure, values, labels }) {
  const mesh = meshes.find((each) => each.structure === structure);
  if (!mesh) throw new Error(`is of the ${SIDE_TEXTS[structure]} hemisphere; expected ${meshes.map(({ title }) => title).join(" or ")}`);
  if (values.length !== mesh.nVertices) {
    throw new Error(`has ${values.length} vertices, the maps have ${mesh.nVertices} in the ${SIDE_TEXTS[structure]} hemisphere; expected the mesh of the maps. Resample it, for example with wb_command -label-resample`);
  }
  return { values, positions: mesh.position, step: 0, labels, side: SIDE_TEXTS[structure] };
}

/** @returns {{name: string, mask: Uint8Array}[]} one region, or one per number where there are several */
function regionsOfParts(parts, name, facts) {
  const numbers = numbersIn(parts, facts.units);
  if (numbers.length === 1) return [{ name, mask: maskOf(parts, numbers[0], facts.nPoints) }];
  if (numbers.length > MOST_NUMBERS) throw new Error(`contains ${thousands(numbers.length)} different numbers; expected at most ${thousands(MOST_NUMBERS)} regions`);
  const regions = parts.flatMap((part) => numbers.map((number) => ({ number, part, label: part.labels.get(number) ?? "" })));
  const found = regions.map(({ number, part, label }) => ({
    name: [parts.length > 1 ? part.side : "", label || `${name} ${number}`].filter(Boolean).join(" "),
    isParcel: !BACKGROUND.test(label) && part.values.some((value) => Math.round(value) === number),
    mask: maskOf([part], number, facts.nPoints),
  }));
  return found.filter(({ isParcel }) => isParcel);
}

/** @returns {Uint8Array} 1 for the points whose value is a number */
function maskOf(parts, number, nPoints) {
  const mask = new Uint8Array(nPoints);
  for (const { values, positions } of parts) {
    for (let i = 0; i < values.length; i++) if (positions[i] >= 0 && Math.round(values[i]) === number) mask[positions[i]] = 1;
  }
  return mask;
}

/**
 * The numbers above 0 in files: 1, or one other whole number, in a mask; several in an atlas. NaN is outside.
 * @returns {number[]} ascending
 */
function numbersIn(parts, units) {
  const [found, near] = [new Set(), Math.max(NEAR, ...parts.map(({ step }) => Math.min(step, 1) / 2))];
  let [low, high, fraction] = [Infinity, -Infinity, null];
  for (const { values } of parts) {
    for (const value of values) {
      if (Number.isNaN(value)) continue;
      [low, high] = [Math.min(low, value), Math.max(high, value)];
      const whole = Math.round(value);
      if (Math.abs(value - whole) < Math.max(near, 1e-6 * Math.abs(whole))) found.add(whole);
      else if (fraction === null || Math.abs(value - 0.5) < Math.abs(fraction - 0.5)) fraction = value;
    }
  }
  found.delete(0);
  if (high === -Infinity || (!found.size && fraction === null)) throw new Error(`is empty; expected at least one of the ${units} that is not 0`);
  const short = (number) => String(Number(number.toPrecision(4)));
  if (low <= -near || !Number.isFinite(high)) throw new Error(`contains values from ${short(low)} to ${short(high)}; expected 0 outside and 1 inside`);
  if (fraction !== null && high < 1 + near) {
    throw new Error(`contains values between 0 and 1, such as ${short(fraction)}: these are probabilities; expected 0 outside and 1 inside. Make a mask of it first`);
  }
  if (fraction !== null) throw new Error(`contains fractions, such as ${short(fraction)}, and values up to ${short(high)}; expected 0 outside and 1 inside`);
  return [...found].sort((a, b) => a - b);
}

/** Connect the control that opens files, and files that are dropped on the page. */
function connectFiles(app) {
  const open = async (files) => {
    if (!files.length) return;
    byId("file-message").hidden = true;
    try {
      const keys = (await regionsOfFiles(app.data, files)).map((region) => app.data.regions.add(region));
      if (keys.length) chooseRegion(app, keys[0]);
      app.refreshSoon();
    } catch (error) {
      byId("file-message").textContent = error.message;
      byId("file-message").hidden = false;
    }
  };
  byId("load-region").addEventListener("click", () => byId("region-file").click());
  byId("region-file").addEventListener("change", async (event) => {
    await open([...event.target.files]);
    event.target.value = ""; // so that the same file can be opened again
  });
  document.addEventListener("dragover", (event) => event.preventDefault());
  document.addEventListener("drop", (event) => {
    event.preventDefault();
    if (event.dataTransfer?.files.length) open([...event.dataTransfer.files]);
  });
}
