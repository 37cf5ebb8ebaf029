// Colour bars: that of the picture, and of the second row of slices.

/** Draw the colour bar of the picture, and that of the second row of slices. */
function drawColourBars(data, palettes, shown) {
  drawColourBar(data, palettes, shown);
  if (byId("beside-bar-box")) drawColourBar(data, palettes, otherColouring(shown), "beside-");
}

/** Draw a colour bar and its labels into elements whose names begin with a prefix. */
function drawColourBar(data, palettes, shown, prefix = "") {
  const canvas = byId(`${prefix}colour-bar`);
  const bar = barOf(data, palettes, shown);
  const context = canvas.getContext("2d");
  for (let column = 0; column < canvas.width; column++) {
    context.fillStyle = cssColour(bar.colourAt((column + 0.5) / canvas.width) || palettes.greys[Math.round(palettes.greys.length / 2)]);
    context.fillRect(column, 0, 1, canvas.height);
  }
  byId(`${prefix}bar-low`).textContent = bar.low;
  byId(`${prefix}bar-high`).textContent = bar.high;
  canvas.setAttribute("aria-label", `Colours: ${bar.title}, from ${bar.low} to ${bar.high}`);
}

/** @returns {{low: string, high: string, title: string, colourAt: function(number): number}} from 0 to 1; none where uncoloured */
function barOf({ facts }, palettes, shown) {
  const { colourBy } = shown.state;
  const { clusters } = palettes;
  if (colourBy === "cluster") {
    return { low: "cluster 1", high: `${clusters.length}, repeated`, title: "clusters", colourAt: (part) => clusters[Math.floor(part * clusters.length)] };
  }
  if (!colourBy.startsWith("statistic")) return { low: "TDP 0", high: "1", title: "TDP", colourAt: (part) => along(palettes.sequential, part) };
  const [low, high] = endsOfZ(facts, shown);
  const isShown = colourBy === "statistic-above" ? beyondThreshold(shown) : () => true;
  const colourAt = (part) => {
    const z = low + part * (high - low);
    return isShown(z) ? along(palettes.diverging, 0.5 + z / (2 * facts.zTop)) : CLEAR;
  };
  return { low: `z ${low}`, high: String(high), title: colourBy === "statistic-above" ? thresholdText(shown) : "z", colourAt };
}

/** @returns {number[]} the ends of a bar of z: from the threshold on, where only one side is shown */
function endsOfZ({ zTop }, { direction, state: { colourBy, zThreshold } }) {
  const sense = colourBy === "statistic-above" ? senseOf(direction) : 0;
  if (!sense) return [-zTop, zTop];
  return sense > 0 ? [zThreshold, Math.max(zTop, zThreshold)] : [-Math.max(zTop, zThreshold), -zThreshold];
}
