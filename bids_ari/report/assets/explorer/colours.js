// Colours of points. A colour is four bytes in one number, in the order of a little-endian canvas.

const packed = (red, green, blue, alpha = 255) => ((alpha << 24) | (blue << 16) | (green << 8) | red) >>> 0;

const CLEAR = 0;
const FULL_OPACITY_AT = 3.09; // |z| with p = .001

/** @returns {Uint32Array} the colours of hexadecimal digits, six each */
function paletteOf(digits) {
  return Uint32Array.from(digits.match(/.{6}/g), (six) => {
    const number = parseInt(six, 16);
    return packed(number >> 16, (number >> 8) & 255, number & 255);
  });
}

/** @returns {Object<string, Uint32Array>} */
function makePalettes(facts) {
  const greys = Uint32Array.from({ length: facts.greyLevels + 1 }, (_, level) => {
    const grey = level ? Math.round(255 * (0.33 + (0.67 * level) / facts.greyLevels)) : 255;
    return packed(grey, grey, grey);
  });
  const { sequential, diverging, clusters } = facts.colours;
  return { greys, sequential: paletteOf(sequential), diverging: paletteOf(diverging), clusters: paletteOf(clusters) };
}

const cssColour = (colour) => (colour === CLEAR ? "transparent" : `rgb(${colour & 255} ${(colour >> 8) & 255} ${(colour >> 16) & 255})`);

const along = (palette, fraction) => palette[Math.min(Math.max(Math.round(fraction * 255), 0), 255)];

/** @returns {number} the colour of a TDP; none for 0 */
const ofTdp = (palettes, tdp) => (tdp > 0 ? along(palettes.sequential, tdp) : CLEAR);

const ofCluster = (palettes, label) => palettes.clusters[(label - 1) % palettes.clusters.length];

/** @returns {number} a colour above a grey */
function over(colour, grey) {
  const opacity = (colour >>> 24) / 255;
  const mixed = (shift) => Math.round(opacity * ((colour >> shift) & 255) + (1 - opacity) * (grey & 255));
  return packed(mixed(0), mixed(8), mixed(16));
}

/**
 * Return the function that colours points.
 * @param {Object} view state, forest, clusters and labels shown
 * @returns {function(number): number} colour of a position, 0 for none; `strength` of a position says which of two is
 *   in front of the other in a projection, and `isMixed` whether colours may be mixed
 */
function makePainter(data, palettes, view) {
  const { forest, clusters, labels } = view;
  const { colourBy } = view.state;
  const ofZ = (z) => along(palettes.diverging, 0.5 + z / (2 * data.facts.zTop));
  const tdpOfCluster = (place) => clusters[labels[place] - 1].tdn / clusters[labels[place] - 1].size;
  const [colour, strength] = {
    highest: [(place) => ofTdp(palettes, forest.highest[place]), (place) => forest.highest[place]],
    cluster: [(place) => ofCluster(palettes, labels[place]), (place) => -labels[place]],
    tdp: [(place) => ofTdp(palettes, tdpOfCluster(place)), tdpOfCluster],
    statistic: [(place, position) => ofZ(data.z[position]), (place, position) => Math.abs(data.z[position])],
  }[colourBy.replace(/-(everywhere|above)$/, "")];
  const isBeyond = beyondThreshold(view);
  const painters = {
    "highest-everywhere": (position) => (forest.placeOf[position] >= 0 ? colour(forest.placeOf[position]) : CLEAR),
    "statistic-above": (position) => (isBeyond(data.z[position]) ? ofZ(data.z[position]) : CLEAR),
    "statistic-everywhere": (position) => faded(ofZ(data.z[position]), Math.min((data.z[position] / FULL_OPACITY_AT) ** 2, 1)),
  };
  const inside = (position) => {
    const place = forest.placeOf[position];
    return place >= 0 && labels[place] ? colour(place, position) : CLEAR;
  };
  return Object.assign(painters[colourBy] ?? inside, {
    strength: (position) => strength(forest.placeOf[position], position),
    isMixed: colourBy !== "cluster",
  });
}

/** @returns {number} a colour with an opacity; at least the least that is not none */
const faded = (colour, opacity) => (((colour & 0xffffff) | (Math.max(Math.round(255 * opacity), 1) << 24)) >>> 0);
