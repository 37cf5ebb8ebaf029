// The curve of a point: size against TDP of every cluster that contains it.

const MARGIN = { left: 34, right: 12, top: 10, bottom: 34 };

/**
 * The points of a chain of clusters on the curve: for each column of pixels, the cluster with the highest TDP.
 * @returns {{place: number, x: number, y: number}[]} smallest cluster first
 */
function curvePoints(forest, chain, scale) {
  const points = [];
  let [nextSize, highest] = [0, 0]; // from which size on another column begins; logarithms of all sizes would take long
  for (const place of chain) {
    const [size, tdp] = [forest.size[place], forest.tdn[place] / forest.size[place]];
    if (size >= nextSize) {
      points.push({ place, x: scale.x(size), y: scale.y(tdp) });
      [nextSize, highest] = [scale.sizeAt(scale.x(size) + 1), tdp];
    } else if (tdp > highest) {
      points[points.length - 1] = { place, x: points[points.length - 1].x, y: scale.y(tdp) };
      highest = tdp;
    }
  }
  return points;
}

function curveScale(nPoints, [width, height]) {
  const [inner, high] = [width - MARGIN.left - MARGIN.right, height - MARGIN.top - MARGIN.bottom];
  const most = Math.log10(Math.max(nPoints, 10));
  return {
    x: (size) => MARGIN.left + (inner * Math.log10(size)) / most,
    sizeAt: (x) => 10 ** (((x - MARGIN.left) * most) / inner),
    y: (tdp) => MARGIN.top + high * (1 - tdp),
    right: MARGIN.left + inner,
    bottom: MARGIN.top + high,
  };
}

/**
 * Draw the curve.
 * @param {{chain: number[], width: number, all: Object[]}} before the previous drawing
 * @returns {Object} the drawing, for clicks and keys
 */
function drawCurve(data, shown, before) {
  const canvas = byId("curve");
  const size = [canvas.parentElement.clientWidth, 190];
  const ratio = Math.min(window.devicePixelRatio || 1, 3);
  setSize(canvas, ...size, ratio);
  const context = canvas.getContext("2d");
  context.setTransform(ratio, 0, 0, ratio, 0, 0);
  context.clearRect(0, 0, ...size);
  const scale = curveScale(data.facts.nPoints, size);
  const colours = curveColours(canvas);
  drawAxes(context, scale, data.facts, colours);
  drawTargetTdp(context, scale, shown.state.tdp, colours);
  const isSame = before.chain === shown.chain && before.width === size[0];
  const points = isSame ? before.all : curvePoints(shown.forest, shown.chain, scale);
  drawLine(context, points, colours);
  if (shown.current) drawPoint(context, scale, shown.current, colours);
  canvas.setAttribute("aria-label", curveText(data.facts, shown, points));
  return { chain: shown.chain, width: size[0], all: points };
}

function curveColours(canvas) {
  const style = getComputedStyle(canvas);
  const named = (name) => style.getPropertyValue(name).trim();
  return { ink: named("--ink"), soft: named("--soft"), line: named("--line"), accent: named("--accent") };
}

function drawAxes(context, scale, { nPoints, units }, colours) {
  context.font = "12px system-ui, sans-serif";
  context.lineWidth = 1;
  context.fillStyle = colours.soft;
  context.strokeStyle = colours.line;
  context.textAlign = "right";
  for (const tdp of [0, 0.5, 1]) {
    segment(context, MARGIN.left, scale.y(tdp), scale.right, scale.y(tdp));
    context.fillText(String(tdp), MARGIN.left - 6, scale.y(tdp) + 4);
  }
  context.textAlign = "center";
  for (let size = 1; size <= nPoints; size *= 10) {
    context.fillText(size < 1000 ? String(size) : `${size / 1000}k`, scale.x(size), scale.bottom + 15);
  }
  context.fillText(`${units} in the cluster`, (MARGIN.left + scale.right) / 2, scale.bottom + 30);
}

function drawTargetTdp(context, scale, tdp, colours) {
  context.setLineDash([4, 4]);
  context.strokeStyle = colours.soft;
  segment(context, MARGIN.left, scale.y(tdp), scale.right, scale.y(tdp));
  context.setLineDash([]);
}

function segment(context, x0, y0, x1, y1) {
  context.beginPath();
  context.moveTo(x0, y0);
  context.lineTo(x1, y1);
  context.stroke();
}

function drawLine(context, points, colours) {
  context.strokeStyle = colours.accent;
  context.lineWidth = 2;
  context.beginPath();
  points.forEach(({ x, y }, i) => (i ? context.lineTo(x, y) : context.moveTo(x, y)));
  context.stroke();
  context.fillStyle = colours.accent;
  if (points.length === 1) disc(context, points[0].x, points[0].y, 2);
}

function drawPoint(context, scale, cluster, colours) {
  context.fillStyle = colours.ink;
  disc(context, scale.x(cluster.size), scale.y(cluster.tdn / cluster.size), 5);
}

function disc(context, x, y, radius) {
  context.beginPath();
  context.arc(x, y, radius, 0, 2 * Math.PI);
  context.fill();
}

function curveText(facts, shown, points) {
  if (!points.length) return "Size against TDP: no cluster with a TDP above 0 contains this point";
  const now = shown.current ? `; shown: ${clusterText(facts, shown.current)}` : "";
  return `Size against TDP of ${plural(shown.chain.length, "cluster")} that contain this point${now}. Select with the left and right arrow keys`;
}

const clusterText = ({ unit, units }, { size, tdn }) => `${plural(size, unit, units)}, TDP at least ${proportion(tdn, size)}`;

/** @returns {?number} the place of the point nearest to a click */
function nearestPoint(points, x, y) {
  const apart = (point) => (point.x - x) ** 2 + (point.y - y) ** 2;
  const nearest = points.reduce((best, point) => (best && apart(best) <= apart(point) ? best : point), null);
  return nearest && nearest.place;
}

/** @returns {?number} the place of the next point with more (1) or fewer (-1) points than the cluster shown */
function neighbouringPoint(shown, points, direction) {
  const size = shown.current ? shown.current.size : 0;
  const beyond = points.filter(({ place }) => direction * (shown.forest.size[place] - size) > 0);
  const next = direction > 0 ? beyond[0] : beyond[beyond.length - 1];
  return next ? next.place : null;
}
