// Saved files: label image, table and picture.

const HEADER_BYTES = 352;
const LABEL_TYPES = [
  { most: 255, code: 2, array: Uint8Array },
  { most: 65535, code: 512, array: Uint16Array },
  { most: 4294967295, code: 768, array: Uint32Array },
];

function offer(name, blob) {
  const link = element("a");
  link.href = URL.createObjectURL(blob);
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 60000);
}

/** @returns {string} a name like those of the files of the result: the target TDP in percent, p for the point */
function fileName(shown, suffix) {
  const percent = Number((100 * shown.state.tdp).toFixed(10));
  const label = String(percent).replace(".", "p") + (shown.state.pinned === null ? "" : "ByHand");
  return `${shown.direction.file[0]}${label}${shown.direction.file[1]}_${suffix}`;
}

/**
 * The labels as a NIfTI-1 image with the header of the grid, first axis fastest.
 * @returns {Uint8Array}
 */
function labelImage(data, shown) {
  const { code, array } = LABEL_TYPES.find(({ most }) => shown.clusters.length <= most);
  const image = new Uint8Array(HEADER_BYTES + data.grid.nCells * array.BYTES_PER_ELEMENT);
  image.set(bytesOf(data.facts.header));
  const header = new DataView(image.buffer);
  header.setInt16(70, code, true);
  header.setInt16(72, 8 * array.BYTES_PER_ELEMENT, true);
  const values = new array(image.buffer, HEADER_BYTES);
  const [nx, ny] = data.grid.shape;
  data.mask.cell.forEach((cell, position) => {
    const label = shown.labelAt(position);
    if (label) {
      const [i, j, k] = data.grid.voxelOf(cell);
      values[i + nx * (j + ny * k)] = label;
    }
  });
  return image;
}

async function saveLabels(data, shown) {
  const bytes = await throughStream(labelImage(data, shown), new CompressionStream("gzip"));
  offer(fileName(shown, "dseg.nii.gz"), new Blob([bytes], { type: "application/gzip" }));
}

/** @returns {string} all clusters, with the first columns of the cluster tables */
function tableText(data, shown) {
  const columns = ["label", "size", "volume_mm3", "tdn", "tdp", "peak_stat", "peak_x", "peak_y", "peak_z"];
  if (data.atlas !== null) columns.push("peak_region");
  const rows = shown.clusters.map((cluster) => {
    const { label, size, tdn, peak } = cluster;
    const z = data.z[peak];
    const stat = Number.isFinite(z) ? String(Number(z.toFixed(2))) : z > 0 ? "inf" : "-inf";
    const row = [label, size, size * data.facts.voxelVolume, tdn, tdn / size, stat, ...peakPlace(data, cluster)];
    return data.atlas === null ? row : [...row, regionCell(data, peak)];
  });
  return [columns, ...rows].map((row) => `${row.join("\t")}\n`).join("");
}

/** @returns {string} the region of a voxel on one line; n/a for none */
function regionCell(data, position) {
  return data.atlas[position] ? regionOf(data, position).replace(/[\t\r\n]+/g, " ") : "n/a";
}

function saveTable(data, shown) {
  offer(fileName(shown, "clusters.tsv"), new Blob([tableText(data, shown)], { type: "text/tab-separated-values" }));
}

/** Save the slices with a caption and the colour bar. */
function savePicture(shown) {
  const ratio = Math.min(window.devicePixelRatio || 1, 3);
  const slices = VIEWS.map(({ name }) => byId(`slice-${name}`));
  const picture = element("canvas");
  picture.width = slices.reduce((sum, slice) => sum + slice.width + GAP * ratio, GAP * ratio);
  picture.height = Math.max(...slices.map((slice) => slice.height)) + 84 * ratio;
  const context = picture.getContext("2d");
  context.fillStyle = "#fff";
  context.fillRect(0, 0, picture.width, picture.height);
  let left = GAP * ratio;
  for (const slice of slices) {
    context.drawImage(slice, left, 40 * ratio);
    left += slice.width + GAP * ratio;
  }
  context.scale(ratio, ratio);
  captionPicture(context, shown, picture.height / ratio);
  picture.toBlob((blob) => offer(fileName(shown, "slices.png"), blob), "image/png");
}

function captionPicture(context, shown, height) {
  const colouring = byId("colour-by").selectedOptions[0].textContent;
  const found = `${document.title}: TDP at least ${shown.state.tdp}, ${byId("status").textContent}`;
  writeOutlined(context, found, GAP, 24, "left");
  const low = byId("bar-low").textContent;
  writeOutlined(context, low, GAP, height - 16, "left");
  const start = GAP + context.measureText(low).width + 8;
  context.drawImage(byId("colour-bar"), start, height - 27, 160, 12);
  writeOutlined(context, `${byId("bar-high").textContent}  (${colouring})`, start + 168, height - 16, "left");
}
