// CIFTI files of labels or scalars from disk: one map of vertices and voxels.

const CIFTI_CODE = 32; // of the extension with the XML

/** @returns {{values: function(number): number, models: Object[], names: string[], isLabel: boolean}} one map */
function readCifti(bytes) {
  const header = niftiHeader(bytes);
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (!header || header.size !== 540 || view.getInt32(548, header.little) !== CIFTI_CODE) throw new Error("is no CIFTI file; expected a file .dlabel.nii or .dscalar.nii");
  const [nMaps, n] = header.dims.slice(4, 6);
  if (header.dims.length !== 6 || nMaps !== 1) throw new Error(`has ${nMaps ?? "no"} maps; expected one. Extract it, for example with wb_command -cifti-merge`);
  const type = NIFTI_TYPES[header.type];
  const width = type ? globalThis[`${type}Array`].BYTES_PER_ELEMENT : 0;
  if (!type || bytes.length < header.offset + n * width) throw new Error("is damaged: it ends too early; expected a complete file. Copy it again");
  const xml = new TextDecoder().decode(bytes.subarray(552, 544 + view.getInt32(544, header.little))).replace(/\0+$/, "");
  const document = new DOMParser().parseFromString(xml, "application/xml");
  const values = Float64Array.from({ length: n }, (_, i) => Number(view[`get${type}`](header.offset + i * width, header.little)));
  return { values, models: modelsOf(document), volume: volumeOf(document), labels: new Map([...document.querySelectorAll("LabelTable > Label")].map((each) => [Number(each.getAttribute("Key")), each.textContent.trim()])) };
}

const wholeNumbers = (element) => (element?.textContent.trim() ? element.textContent.trim().split(/\s+/).map(Number) : []);

/** @returns {{structure: string, offset: number, vertices: ?number[], nVertices: number, voxels: number[]}[]} */
function modelsOf(document) {
  return [...document.querySelectorAll("BrainModel")].map((each) => {
    const isSurface = each.getAttribute("ModelType") === "CIFTI_MODEL_TYPE_SURFACE";
    return {
      structure: each.getAttribute("BrainStructure").replace("CIFTI_STRUCTURE_", ""),
      offset: Number(each.getAttribute("IndexOffset")),
      nVertices: Number(each.getAttribute("SurfaceNumberOfVertices")),
      vertices: isSurface ? wholeNumbers(each.querySelector("VertexIndices")) : null,
      voxels: wholeNumbers(each.querySelector("VoxelIndicesIJK")),
    };
  });
}

/** @returns {?{shape: number[], affine: number[][]}} the grid of the voxels */
function volumeOf(document) {
  const volume = document.querySelector("Volume");
  if (!volume) return null;
  const matrix = volume.querySelector("TransformationMatrixVoxelIndicesIJKtoXYZ");
  const scale = 10 ** (Number(matrix.getAttribute("MeterExponent")) + 3);
  const numbers = wholeNumbers(matrix).map((number) => number * scale);
  return { shape: volume.getAttribute("VolumeDimensions").split(",").map(Number), affine: [0, 4, 8].map((row) => numbers.slice(row, row + 4)) };
}

/** @returns {Part} the values of a CIFTI file, and the points at which it has them */
function ciftiPart({ points: { vertex, voxel } }, { values, models, volume, labels }) {
  const positions = new Int32Array(values.length).fill(-1);
  let isFound = false;
  for (const { structure, offset, nVertices, vertices, voxels } of models) {
    const mesh = vertex.meshes.find(({ name }) => name === structure);
    if (mesh && vertices) {
      if (mesh.nVertices !== nVertices) throw new Error(`has ${nVertices} vertices in the ${mesh.title}, the maps have ${mesh.nVertices}; expected the mesh of the maps. Resample it, for example with wb_command -cifti-resample`);
      vertices.forEach((each, i) => (positions[offset + i] = mesh.position[each]));
      isFound = true;
    } else if (!vertices && voxel) {
      checkVoxels(voxel.grid, volume);
      for (let i = 0; i < voxels.length / 3; i++) positions[offset + i] = voxel.positionAt(voxels.slice(3 * i, 3 * i + 3));
      isFound = true;
    }
  }
  if (!isFound) throw new Error(`has ${models.map(({ structure }) => structure).join(", ")}; expected the structures of the maps`);
  return { values, positions, step: 0, labels, side: "" };
}

function checkVoxels(grid, volume) {
  if (volume && isSameGrid(grid, volume)) return;
  throw new Error(`has its voxels on another grid${volume ? `: ${gridText(volume)}` : ""}; expected that of the maps: ${gridText(grid)}. Resample it first, for example with wb_command -cifti-resample`);
}
