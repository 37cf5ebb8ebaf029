// GIFTI files from disk: the values of one hemisphere, and the names of labels.

const GIFTI_TYPES = { NIFTI_TYPE_UINT8: Uint8Array, NIFTI_TYPE_INT32: Int32Array, NIFTI_TYPE_FLOAT32: Float32Array };
const NO_MAP = { NIFTI_INTENT_POINTSET: "coordinates", NIFTI_INTENT_TRIANGLE: "triangles", NIFTI_INTENT_NODE_INDEX: "numbers of vertices" };
const HEMISPHERE_MARKS = [/(?:^|_)hemi-(l|lh|left|r|rh|right)(?=[_.])/i, /(?:^|[._-])([lr]h)(?=[._-])/i, /\.([LR])(?=\.)/];

/** @returns {?RegExpExecArray} where the name of a file says its hemisphere */
const hemisphereMark = (name) => HEMISPHERE_MARKS.map((mark) => mark.exec(name)).find(Boolean) ?? null;

/** @returns {string} the structure of GIFTI that the name of a file says; empty if it says none */
function structureInName(name) {
  const mark = hemisphereMark(name);
  return mark ? { l: "CortexLeft", r: "CortexRight" }[mark[1][0].toLowerCase()] : "";
}

/** @returns {string} the name of a file without its hemisphere and extensions */
function nameOfRegion(name) {
  const mark = hemisphereMark(name);
  const plain = mark ? (name.slice(0, mark.index) + name.slice(mark.index + mark[0].length)).replace(/^[._-]+/, "") : name;
  return plain.replace(/\.(gz|gii|nii)$/i, "").replace(/\.(gz|gii|nii|dlabel|dscalar|label|func|shape)$/i, "").replace(/\.(label|func|shape|dlabel|dscalar)$/i, "") || name;
}

/**
 * Read one map.
 * @returns {Promise<{structure: string, values: TypedArray, labels: Map<number, string>}>}
 */
async function readGifti(bytes, name) {
  const document = new DOMParser().parseFromString(new TextDecoder().decode(bytes), "application/xml");
  if (document.documentElement.nodeName !== "GIFTI") throw new Error("is no GIFTI file; expected a file .label.gii, .func.gii or .shape.gii");
  const arrays = [...document.documentElement.children].filter(({ nodeName }) => nodeName === "DataArray");
  const intents = arrays.map((array) => array.getAttribute("Intent"));
  const other = intents.find((intent) => intent in NO_MAP);
  if (other) throw new Error(`has ${NO_MAP[other]}, so it is a mesh or has some vertices only; expected one value per vertex`);
  if (arrays.length !== 1) throw new Error(`has ${arrays.length} data arrays; expected one map. Extract it, for example with wb_command -metric-merge`);
  const structure = structureOfFile(document, name);
  const type = GIFTI_TYPES[arrays[0].getAttribute("DataType")];
  if (!type) throw new Error(`has values of the type ${arrays[0].getAttribute("DataType")}; expected UINT8, INT32 or FLOAT32`);
  return { structure, values: await giftiValues(arrays[0], type), labels: giftiLabelNames(document) };
}

function structureOfFile(document, name) {
  const entries = [...document.querySelectorAll("MD")].map((each) => [each.querySelector("Name")?.textContent.trim(), each.querySelector("Value")?.textContent.trim()]);
  const stated = (new Map(entries).get("AnatomicalStructurePrimary") ?? "").toLowerCase().replace(/[^a-z]/g, "");
  const found = { cortexleft: "CortexLeft", cortexright: "CortexRight" }[stated] ?? "";
  const inName = structureInName(name);
  if (found && inName && found !== inName) throw new Error(`has the structure ${found}, and its name the other hemisphere; expected the same`);
  if (!found && !inName) throw new Error("does not tell its hemisphere; expected hemi-L or hemi-R in its name, or AnatomicalStructurePrimary in it");
  return found || inName;
}

/** @returns {Map<number, string>} names of numbers */
function giftiLabelNames(document) {
  return new Map([...document.querySelectorAll("LabelTable > Label")].map((each) => [Number(each.getAttribute("Key") ?? each.getAttribute("Index")), each.textContent.trim()]));
}

async function giftiValues(array, type) {
  const attribute = (name) => array.getAttribute(name);
  const sizes = Array.from({ length: Number(attribute("Dimensionality")) }, (_, i) => Number(attribute(`Dim${i}`))).filter((n) => n !== 1);
  if (sizes.length > 1) throw new Error(`has a data array of ${sizes.join(" x ")} values; expected one value per vertex`);
  const [n, text] = [sizes[0] ?? 1, array.querySelector("Data")?.textContent ?? ""];
  const values = attribute("Encoding") === "ASCII" ? type.from(text.trim().split(/\s+/), Number) : await decodedValues(attribute, text, type, n);
  if (values.length !== n) throw new Error(`is damaged: it has ${values.length} values in place of ${n}`);
  return values;
}

async function decodedValues(attribute, text, type, n) {
  const isCompressed = attribute("Encoding") === "GZipBase64Binary";
  if (!isCompressed && attribute("Encoding") !== "Base64Binary") throw new Error(`has its values in ${attribute("Encoding")}; expected them inside the file`);
  const width = type.BYTES_PER_ELEMENT;
  try {
    const stored = bytesOf(text.replace(/\s+/g, ""));
    const bytes = isCompressed ? await throughStream(stored, new DecompressionStream("deflate")) : stored;
    if (attribute("Endian") === "BigEndian") for (let i = 0; i < bytes.length; i += width) bytes.subarray(i, i + width).reverse();
    return new type(bytes.buffer, 0, Math.floor(bytes.length / width));
  } catch {
    throw new Error(`is damaged: its ${n} values cannot be decoded; expected a complete file. Copy it again`);
  }
}
