// Label images as files: NIfTI of voxels, GIFTI of a hemisphere, CIFTI of grayordinates.

const HEADER_BYTES = 352;
const LABEL_TYPES = [
  { most: 255, code: 2, array: Uint8Array },
  { most: 65535, code: 512, array: Uint16Array },
  { most: 4294967295, code: 768, array: Uint32Array },
];

/**
 * The labels as a NIfTI-1 image with the header of the grid, first axis fastest.
 * @returns {Promise<Blob>}
 */
async function niftiLabels(data, shown) {
  const { grid, mask } = data.points.voxel;
  const { code, array } = LABEL_TYPES.find(({ most }) => shown.clusters.length <= most);
  const image = new Uint8Array(HEADER_BYTES + grid.nCells * array.BYTES_PER_ELEMENT);
  image.set(bytesOf(data.facts.header));
  const header = new DataView(image.buffer);
  header.setInt16(70, code, true);
  header.setInt16(72, 8 * array.BYTES_PER_ELEMENT, true);
  const values = new array(image.buffer, HEADER_BYTES);
  const [nx, ny] = grid.shape;
  mask.cell.forEach((cell, position) => {
    const label = shown.labelAt(position);
    if (label) {
      const [i, j, k] = grid.voxelOf(cell);
      values[i + nx * (j + ny * k)] = label;
    }
  });
  const bytes = await throughStream(image, new CompressionStream("gzip"));
  return new Blob([bytes], { type: "application/gzip" });
}

/** @returns {string} the keys, colours and names of the labels, as GIFTI and CIFTI have them */
function labelTable(data, shown) {
  const colours = data.facts.colours.clusters.match(/.{6}/g);
  const entry = (key, [red, green, blue, alpha], name) => {
    return `<Label Key="${key}" Red="${red}" Green="${green}" Blue="${blue}" Alpha="${alpha}">${name}</Label>`;
  };
  const escaped = (name) => name.replace(/[<>&"\u0000-\u001f]/g, " ");
  const entries = shown.clusters.map(({ label, name }) => {
    const channels = colours[(label - 1) % colours.length].match(/../g);
    return entry(label, [...channels.map((channel) => (parseInt(channel, 16) / 255).toFixed(4)), 1], escaped(name ?? `cluster ${label}`));
  });
  return `<LabelTable>${entry(0, [1, 1, 1, 0], "???")}${entries.join("")}</LabelTable>`;
}

/** @returns {string} bytes in base64 */
function base64Of(bytes) {
  const parts = [];
  for (let i = 0; i < bytes.length; i += 32768) parts.push(String.fromCharCode(...bytes.subarray(i, i + 32768)));
  return btoa(parts.join(""));
}

/**
 * The labels of one hemisphere as a GIFTI label file; vertices outside of all clusters are 0.
 * @returns {Promise<Blob>}
 */
async function giftiLabels(data, shown, { mesh }) {
  const { nVertices, position, structure } = data.points.vertex.meshes[mesh];
  const labels = Int32Array.from(position, (each) => shown.labelAt(each));
  const packed = await throughStream(new Uint8Array(labels.buffer), new CompressionStream("deflate"));
  const text = `<?xml version="1.0" encoding="UTF-8"?>
<GIFTI Version="1.0" NumberOfDataArrays="1">
<MetaData><MD><Name>AnatomicalStructurePrimary</Name><Value>${structure}</Value></MD></MetaData>
${labelTable(data, shown)}
<DataArray Intent="NIFTI_INTENT_LABEL" DataType="NIFTI_TYPE_INT32" ArrayIndexingOrder="RowMajorOrder" Dimensionality="1"
 Dim0="${nVertices}" Encoding="GZipBase64Binary" Endian="LittleEndian" ExternalFileName="" ExternalFileOffset="0">
<MetaData><MD><Name>Name</Name><Value>clusters</Value></MD></MetaData>
<Data>${base64Of(packed)}</Data>
</DataArray>
</GIFTI>
`;
  return new Blob([text], { type: "application/xml" });
}

/**
 * The labels as a CIFTI label file, from the header and the XML in the page, which has no label table.
 * @returns {Promise<Blob>}
 */
async function ciftiLabels(data, shown) {
  data.cifti ??= { xml: await readBlob("cifti"), mask: unpackMask(await readBlob("mask"), data.facts.nPositions, data.facts.nPoints) };
  const { xml, mask } = data.cifti;
  const table = new TextEncoder().encode(labelTable(data, shown));
  const length = 16 * Math.ceil((8 + xml.length + table.length) / 16); // of the extension
  const header = bytesOf(data.facts.header);
  const start = header.length + 4 + length;
  new DataView(header.buffer).setBigInt64(168, BigInt(start), true); // vox_offset
  const image = new Uint8Array(start + 4 * data.facts.nPositions);
  const split = data.facts.labelTableAt;
  let at = header.length + 12;
  image.set(header);
  image[header.length] = 1; // an extension follows
  for (const part of [xml.subarray(0, split), table, xml.subarray(split)]) {
    image.set(part, at);
    at += part.length;
  }
  const view = new DataView(image.buffer);
  view.setInt32(header.length + 4, length, true);
  view.setInt32(header.length + 8, 32, true); // the code of CIFTI
  mask.cell.forEach((each, position) => view.setInt32(start + 4 * each, shown.labelAt(position), true));
  return new Blob([image], { type: "application/octet-stream" });
}
