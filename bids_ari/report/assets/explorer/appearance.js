// How voxels are shown: the picture, interpolation, outlines and opacity.

const APPEARANCE = { view: "slices", smooth: false, outlines: true, opacity: 1 };
const LEAST_OPACITY = 0.1;

/** Write what differs from the start into the parts of an address. */
function appearanceToHash(parts, state, viewport) {
  if (state.view !== APPEARANCE.view) parts.set("view", state.view);
  if (state.smooth) parts.set("smooth", "1");
  if (!state.outlines) parts.set("outlines", "0");
  if (state.opacity !== APPEARANCE.opacity) parts.set("opacity", String(state.opacity));
  if (viewport && viewport.state.zoom > 1) parts.set("zoom", viewport.toText());
}

/** @returns {Object} the part of the state in an address; what is not there, or invalid, is as at the start */
function appearanceFromHash(parts) {
  const view = ["slices", "beside", "mosaic", "glass"].find((each) => each === parts.get("view"));
  const opacity = Number(parts.get("opacity") ?? NaN);
  return {
    ...APPEARANCE,
    ...(view ? { view } : {}),
    smooth: parts.get("smooth") === "1",
    outlines: parts.get("outlines") !== "0",
    ...(opacity >= LEAST_OPACITY && opacity <= 1 ? { opacity } : {}),
  };
}

/** Connect the controls of outlines, and of the pictures of voxels. */
function connectAppearance({ history, shown, slices }) {
  byId("outlines").addEventListener("change", (event) => history.change({ outlines: event.target.checked }));
  if (!slices) return;
  const { viewport } = slices;
  for (const button of byId("pictures").querySelectorAll("button[data-picture]")) {
    button.addEventListener("click", () => history.change({ view: button.dataset.picture }));
  }
  byId("smooth").addEventListener("change", (event) => history.change({ smooth: event.target.checked }));
  byId("opacity").addEventListener("input", (event) => history.change({ opacity: Number(event.target.value) / 100 }, "opacity"));
  byId("opacity").addEventListener("change", history.endGesture);
  byId("zoom-in").addEventListener("click", () => viewport.zoom(ZOOM_STEP, shown().voxel));
  byId("zoom-out").addEventListener("click", () => viewport.zoom(1 / ZOOM_STEP, shown().voxel));
  byId("zoom-reset").addEventListener("click", viewport.reset);
}

/** Show the state in these controls. */
function showAppearance(data, { state, isFollowed }) {
  byId("outlines").checked = state.outlines;
  if (!data.points.voxel) return;
  for (const button of byId("pictures").querySelectorAll("button[data-picture]")) {
    button.setAttribute("aria-pressed", String(button.dataset.picture === state.view));
  }
  byId("smooth").checked = state.smooth;
  byId("opacity").value = String(Math.round(100 * state.opacity));
  byId("opacity-text").textContent = `${Math.round(100 * state.opacity)} %`;
  if (byId("following")) byId("following").textContent = followingText(data, state, isFollowed);
}

/** @returns {string} how slices relate to a crosshair on the cortex */
function followingText({ facts }, { vertex }, isFollowed) {
  if (!facts.isAnatomical) return "The slices do not follow the crosshair on the surfaces, which are not where the cortex is in the volume.";
  if (!vertex) return "A click on a surface leads the slices to the same place.";
  return isFollowed ? "The slices are at the vertex of the crosshair, marked by a ring." : "The slices stay where they were: the vertex is outside of their grid.";
}
