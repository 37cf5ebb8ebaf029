// Saved files: labels, table and picture.

function offer(name, blob) {
  const link = element("a");
  link.href = URL.createObjectURL(blob);
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 60000);
}

/** @returns {string} a name like those of the files of the result: the target TDP in percent, p for the point */
function fileName(shown, suffix, [before, after] = shown.direction.file) {
  const percent = Number((100 * shown.state.tdp).toFixed(10));
  const label = String(percent).replace(".", "p") + (shown.state.pinned === null ? "" : "ByHand");
  return `${before}${label}${after}_${suffix}`;
}

/** Save the labels of the clusters in one of the files of `facts.labelFiles`. */
async function saveLabels(data, shown, number) {
  const file = data.facts.labelFiles[number];
  offer(fileName(shown, file.suffix, shown.direction.labelFiles[number]), await makeLabels(data, shown, file));
}

const makeLabels = (data, shown, file) => ({ nifti: niftiLabels, gifti: giftiLabels, cifti: ciftiLabels })[file.kind](data, shown, file);

/** Save a region as masks that --roi reads: an image, a file for each hemisphere that it reaches, or a CIFTI file. */
async function saveRegion(data, shown) {
  const { name, mask } = shown.region;
  const plain = name.normalize("NFKD").replace(/[^A-Za-z0-9]+/g, " ").trim().replace(/ /g, "-") || "region";
  const inside = { ...shown, clusters: [{ label: 1, name }], labelAt: (position) => (position >= 0 ? mask[position] : 0) };
  for (const file of data.facts.labelFiles) {
    const isReached = file.mesh === undefined || data.points.vertex.meshes[file.mesh].position.some((position) => inside.labelAt(position));
    const hemisphere = file.hemi ? `_hemi-${file.hemi}` : "";
    if (isReached) offer(`${plain}${hemisphere}_${file.suffix.replace("dseg", "mask")}`, await makeLabels(data, inside, file));
  }
}

/** @returns {string} all clusters, with the first columns of the cluster tables */
function tableText(data, shown) {
  const active = data.points.vertex ? ["active_area_mm2"] : [];
  const { fwe, nPermutations } = shown.direction;
  const familywise = fwe ? ["p_fwe_peak"] : [];
  const signs = shown.direction.signs.length ? ["tdn_positive", "tdn_negative"] : [];
  const columns = ["label", "size", ...data.facts.sizes, "tdn", "tdp", ...signs, ...active, ...familywise, "peak_stat", "peak_x", "peak_y", "peak_z"];
  if (data.facts.structures) columns.push("peak_structure", "peak_vertex");
  if (data.atlas !== null) columns.push("peak_region");
  const rows = shown.clusters.map((cluster) => {
    const { label, size, tdn, peak } = cluster;
    const z = data.z[peak];
    const stat = Number.isFinite(z) ? String(Number(z.toFixed(2))) : z > 0 ? "inf" : "-inf";
    const sizes = clusterSizes(data, shown.forest, cluster);
    const areas = active.map(() => Math.floor(100 * activeAreaOf(data, shown.forest, cluster)) / 100);
    const row = [label, size, ...sizes, tdn, tdn / size, ...signsOf(shown, cluster), ...areas, ...familywise.map(() => fwe[peak] / nPermutations), stat, ...peakPlace(data, cluster), ...peakCells(data, cluster)];
    return data.atlas === null ? row : [...row, regionCell(data, peak)];
  });
  return [columns, ...rows].map((row) => `${row.join("\t")}\n`).join("");
}

/** @returns {string[]} structure, as CIFTI names it, and vertex of a peak, where points have structures */
function peakCells(data, cluster) {
  const names = peakNames(data, cluster);
  return names.length ? [data.points.structureOf(cluster.peak).name, names[1]] : [];
}

/** @returns {string} the label in the atlas of the region of a point, on one line; n/a for none */
function regionCell(data, position) {
  const number = data.atlas[position];
  return number ? data.facts.atlas.labels[number - 1].replace(/[\t\r\n]+/g, " ") : "n/a";
}

function saveTable(data, shown) {
  offer(fileName(shown, "clusters.tsv"), new Blob([tableText(data, shown)], { type: "text/tab-separated-values" }));
}

/** @returns {HTMLCanvasElement[][]} canvases in rows: those of a second row of slices apart */
function rowsOf(canvases) {
  const isSecond = ({ id }) => id.startsWith("beside");
  return [canvases.filter((each) => !isSecond(each)), canvases.filter(isSecond)].filter((row) => row.length);
}

/** Save what all views show, one below the other, with a caption and the colour bar. */
function savePicture(data, shown, views) {
  const ratio = Math.min(window.devicePixelRatio || 1, 3);
  const rows = views.flatMap((view) => rowsOf(view.canvases()));
  const gap = GAP * ratio;
  const sum = (numbers) => numbers.reduce((total, number) => total + number + gap, gap);
  const heights = rows.map((row) => Math.max(...row.map(({ height }) => height)));
  const picture = element("canvas");
  picture.width = Math.max(...rows.map((row) => sum(row.map(({ width }) => width))));
  picture.height = sum(heights) + (84 - 2 * GAP) * ratio;
  const context = picture.getContext("2d");
  context.fillStyle = "#fff";
  context.fillRect(0, 0, picture.width, picture.height);
  rows.reduce((top, row, i) => {
    row.reduce((left, canvas) => {
      context.drawImage(canvas, left, top);
      return left + canvas.width + gap;
    }, gap);
    return top + heights[i] + gap;
  }, 40 * ratio);
  context.scale(ratio, ratio);
  captionPicture(context, shown, picture.height / ratio);
  picture.toBlob((blob) => offer(fileName(shown, data.points.vertex ? "surfaces.png" : `${shown.state.view}.png`), blob), "image/png");
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
