// NIfTI files from disk: the values and the grid of one volume, NIfTI-1 or NIfTI-2, also compressed.

const NIFTI_TYPES = {
  2: "Uint8", 4: "Int16", 8: "Int32", 16: "Float32", 64: "Float64", 256: "Int8", 512: "Uint16", 768: "Uint32", 1024: "BigInt64", 1280: "BigUint64",
};

/** @returns {Promise<Uint8Array>} the content of a file, decompressed if it is gzip */
async function contentOf(file) {
  const bytes = new Uint8Array(await file.arrayBuffer());
  if (bytes[0] !== 31 || bytes[1] !== 139) return bytes;
  return throughStream(bytes, new DecompressionStream("gzip")).catch(() => {
    throw new Error("is damaged: it cannot be decompressed; expected a complete file. Copy it again");
  });
}

/** Where the two versions have their fields, and how they store whole numbers. */
const NIFTI_1 = { dim: 40, type: 70, pixdim: 76, offset: 108, slope: 112, inter: 116, qform: 252, sform: 254, quatern: 256, shift: 268, srow: 280 };
const NIFTI_2 = { dim: 16, type: 12, pixdim: 104, offset: 168, slope: 176, inter: 184, qform: 344, sform: 348, quatern: 352, shift: 376, srow: 400 };

/** @returns {?Object} the fields of a header; null for other files */
function niftiHeader(bytes) {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (bytes.length < 348) return null;
  for (const little of [true, false]) {
    const size = view.getInt32(0, little);
    if (size !== 348 && size !== 540) continue;
    if (size === 540 && bytes.length < 540) return null;
    return headerFields(view, size === 348 ? NIFTI_1 : NIFTI_2, little, size);
  }
  return null;
}

function headerFields(view, at, little, size) {
  const isFirst = size === 348;
  const float = (place, i = 0) => (isFirst ? view.getFloat32(place + 4 * i, little) : view.getFloat64(place + 8 * i, little));
  const whole = (place, i = 0) => (isFirst ? view.getInt16(place + 2 * i, little) : Number(view.getBigInt64(place + 8 * i, little)));
  const code = (place) => (isFirst ? view.getInt16(place, little) : view.getInt32(place, little));
  const floats = (place, n) => Array.from({ length: n }, (_, i) => float(place, i));
  const nDims = whole(at.dim);
  const dims = Array.from({ length: Math.min(Math.max(nDims, 0), 7) }, (_, i) => whole(at.dim, i + 1));
  const offset = isFirst ? view.getFloat32(at.offset, little) : Number(view.getBigInt64(at.offset, little));
  const header = { little, size, dims, offset: Math.max(offset, size + 4), type: view.getInt16(at.type, little), slope: float(at.slope), inter: float(at.inter) };
  const pixdim = floats(at.pixdim, 4);
  if (code(at.sform) > 0) header.affine = [0, 1, 2].map((row) => floats(at.srow + (isFirst ? 16 : 32) * row, 4));
  else if (code(at.qform) > 0) header.affine = quaternionAffine(pixdim, floats(at.quatern, 3), floats(at.shift, 3));
  else header.affine = centredAffine(pixdim, dims);
  return header;
}

/** @returns {number[][]} three rows of the affine of a qform */
function quaternionAffine(pixdim, [b, c, d], shift) {
  const a = Math.sqrt(Math.max(0, 1 - (b * b + c * c + d * d)));
  const rotation = [
    [a * a + b * b - c * c - d * d, 2 * (b * c - a * d), 2 * (b * d + a * c)],
    [2 * (b * c + a * d), a * a + c * c - b * b - d * d, 2 * (c * d - a * b)],
    [2 * (b * d - a * c), 2 * (c * d + a * b), a * a + d * d - c * c - b * b],
  ];
  const sizes = [pixdim[1], pixdim[2], pixdim[3] * (pixdim[0] < 0 ? -1 : 1)];
  return rotation.map((row, i) => [...row.map((x, axis) => x * sizes[axis]), shift[i]]);
}

/** @returns {number[][]} the affine of a file without sform and qform, as nibabel has it: centred, x to the left */
function centredAffine([, x, y, z], dims) {
  const sizes = [-x, y, z];
  return sizes.map((size, row) => [0, 1, 2].map((axis) => (axis === row ? size : 0)).concat(-size * ((dims[row] - 1) / 2)));
}

/**
 * Read one volume.
 * @param {Uint8Array} bytes
 * @returns {{shape: number[], affine: number[][], values: function(number, number, number): number, step: number}}
 */
function readNifti(bytes) {
  const header = niftiHeader(bytes);
  if (!header) throw new Error("is no NIfTI image; expected a file .nii.gz or .nii");
  const shape = [...header.dims];
  while (shape.length > 3 && shape[shape.length - 1] === 1) shape.pop();
  if (shape.length !== 3) throw new Error(`has ${header.dims.length} dimensions (${header.dims.join(" x ")}); expected one volume, x by y by z`);
  const type = NIFTI_TYPES[header.type];
  if (!type) throw new Error(`has values of the type ${header.type}; expected whole or real numbers`);
  const width = globalThis[`${type}Array`].BYTES_PER_ELEMENT;
  const n = shape[0] * shape[1] * shape[2];
  if (bytes.length < header.offset + n * width) throw new Error("is damaged: it ends too early; expected a complete file. Copy it again");
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const isScaled = Number.isFinite(header.slope) && header.slope !== 0;
  const [slope, inter] = isScaled ? [header.slope, header.inter] : [1, 0];
  const stored = (i) => Number(view[`get${type}`](header.offset + i * width, header.little));
  const values = (i, j, k) => slope * stored(i + shape[0] * (j + shape[1] * k)) + inter;
  const isWhole = !type.startsWith("Float");
  return { shape, affine: header.affine, values, step: isWhole && (slope !== 1 || inter !== 0) ? Math.abs(slope) : 0 };
}

/** @returns {boolean} whether two grids have the same voxels: corners at most a hundredth of a voxel apart */
function isSameGrid(grid, { shape, affine }) {
  if (shape.some((n, axis) => n !== grid.shape[axis])) return false;
  const ends = shape.map((n) => [0, n - 1]);
  const corners = ends[0].flatMap((i) => ends[1].flatMap((j) => ends[2].map((k) => [i, j, k])));
  const apart = corners.map((corner) => {
    const there = transformed(affine, corner);
    return Math.hypot(...transformed(grid.affine, corner).map((x, axis) => x - there[axis]));
  });
  return Math.max(...apart) <= 0.01 * Math.min(...grid.zooms);
}

/** @returns {string} size of voxels, shape and origin, for messages */
function gridText({ shape, affine }) {
  const size = [0, 1, 2].map((axis) => Number(Math.hypot(...affine.map((row) => row[axis])).toPrecision(3))).join(" x ");
  const origin = affine.slice(0, 3).map((row) => Number(row[3].toPrecision(4))).join(", ");
  return `${size} mm (${shape.join(", ")}) from (${origin})`;
}
