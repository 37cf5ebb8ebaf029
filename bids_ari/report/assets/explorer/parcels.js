// The list of regions: one stop of the Tab key, with arrow keys inside; Enter chooses, letters find.

const FIND_WITHIN = 800; // milliseconds between letters of one search

const tdpOf = ({ tdn, size }) => (size ? tdn / size : 0);

/** @returns {function(Object, boolean)} shows the list where anything of it has changed; all of it in another alternative */
function makeRegionList(data) {
  const before = { keys: "", strokes: null, region: undefined };
  return (shown, isAll) => {
    const [keys, strokes] = [String(data.regions.keys(shown.state)), shown.state.drawn];
    if (isAll) fillParcels(shown);
    const isRefilled = isAll || keys !== before.keys || strokes !== before.strokes;
    if (isRefilled) fillOwn(data, shown);
    if (isRefilled || shown.region !== before.region) showChosen(data, shown);
    Object.assign(before, { keys, strokes, region: shown.region });
  };
}

/** Fill the list with the parcels and masks of the analysis, highest TDP first. */
function fillParcels(shown) {
  const { parcels } = shown.direction;
  const order = parcels.map((_, i) => i).sort((a, b) => tdpOf(parcels[b]) - tdpOf(parcels[a]) || a - b);
  byId("parcels").tBodies[1].replaceChildren(...order.map((i) => regionRow(`parcel-${i}`, parcels[i])));
}

/** Fill the regions of the reader, which come first. */
function fillOwn(data, shown) {
  const { regions } = data;
  const hadFocus = byId("parcels").tBodies[0].contains(document.activeElement);
  const rows = regions.keys(shown.state).map((key) => regionRow(key, regions.of(key, shown.state)));
  byId("parcels").tBodies[0].replaceChildren(...rows);
  byId("region-list").hidden = !byId("parcels").tBodies[1].rows.length && !rows.length;
  if (hadFocus) currentButton()?.focus();
}

function regionRow(key, region) {
  const row = element("tr", "", { "data-region": key });
  const cell = element("th", "", { scope: "row" });
  cell.append(element("button", region.name, { type: "button", class: "link", tabindex: "-1" }));
  const cells = [thousands(region.size), thousands(region.tdn), proportion(region.tdn, region.size)];
  row.append(cell, ...cells.map((text) => element("td", text)));
  return row;
}

/** Mark the chosen region and say what is known of it. */
function showChosen(data, shown) {
  const { region } = shown;
  byId("region-line").hidden = !region;
  for (const row of byId("parcels").rows) {
    if (region && row.dataset.region === region.key) row.setAttribute("aria-current", "true");
    else row.removeAttribute("aria-current");
  }
  byId("region-text").textContent = region ? regionText(data.facts, shown, region) : "";
  byId("remove-region").hidden = !region || !isOfFile(region.key);
  setStop(currentButton());
}

/** @returns {string} size and bounds of a region in a sentence */
function regionText({ unit, units }, { direction }, { name, size, tdn, signs }) {
  if (!size) return `Outlined: ${isolated(name)}, no ${unit} of it was tested.`;
  const bySign = direction.signs.map(({ meaning }, i) => `, at least ${thousands(signs[i])} ${meaning}`).join("");
  return `Outlined: ${isolated(name)}, ${plural(size, unit, units)} tested, of which at least ${thousands(tdn)} are truly active${bySign} (${tdpText(tdn, size)}).`;
}

const regionButtons = () => [...byId("parcels").querySelectorAll("tbody button")];

/** @returns {?HTMLElement} the button with the focus, else that of the region chosen, else the one last used, else the first */
function currentButton() {
  const buttons = regionButtons();
  if (buttons.includes(document.activeElement)) return document.activeElement;
  return byId("parcels").querySelector("tr[aria-current] button") ?? buttons.find(({ tabIndex }) => tabIndex === 0) ?? buttons[0] ?? null;
}

/** Make one button the stop of the Tab key. */
function setStop(button) {
  for (const other of byId("parcels").querySelectorAll("button[tabindex='0']")) if (other !== button) other.tabIndex = -1;
  if (button) button.tabIndex = 0;
}

/** Connect the list: click or Enter chooses a region and leads to its most extreme point. */
function connectRegions(app) {
  const { data, history } = app;
  const table = byId("parcels");
  table.addEventListener("click", (event) => {
    const key = event.target.closest("tr")?.dataset.region;
    if (!key) return;
    chooseRegion(app, key);
    if (event.detail) bringIntoView(history.state);
    setStop(table.querySelector(`tr[data-region="${key}"] button`));
  });
  table.addEventListener("focusin", (event) => event.target.tagName === "BUTTON" && setStop(event.target));
  table.addEventListener("keydown", makeListKeys(() => history.change({ region: null })));
  byId("hide-region").addEventListener("click", () => history.change({ region: null }));
  byId("save-region").addEventListener("click", () => saveRegion(data, app.shown()));
  byId("remove-region").addEventListener("click", () => {
    data.regions.remove(history.state.region);
    history.change({ region: null });
    (currentButton() ?? byId("load-region")).focus();
  });
}

/** Outline a region, and move the crosshair to its most extreme point. */
function chooseRegion({ data, history }, key) {
  const strongest = strongestOf(data, history.state, key);
  history.change({ region: key, ...(strongest >= 0 ? data.points.to(strongest) : {}) });
}

/** @returns {number} the most extreme point of a region, as Python computed it where it did; -1 if it has none */
function strongestOf({ directions, regions }, state, key) {
  const parcel = directions[state.direction].parcels[Number(key.replace("parcel-", ""))];
  return (parcel ?? regions.of(key, state))?.strongest ?? -1;
}

/** @returns {function(KeyboardEvent)} arrows, Page, Home and End move; letters find the next name with them; Escape hides */
function makeListKeys(hide) {
  let [sought, at] = ["", 0];
  return (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const buttons = regionButtons();
    const now = Math.max(buttons.indexOf(event.target), 0);
    const steps = { ArrowDown: now + 1, ArrowUp: now - 1, PageDown: now + 10, PageUp: now - 10, Home: 0, End: buttons.length - 1 };
    let next = steps[event.key];
    if (event.key === "Escape") hide();
    if (event.key.length === 1 && (event.key !== " " || sought)) {
      const isNew = event.timeStamp - at > FIND_WITHIN;
      [sought, at] = [(isNew ? "" : sought) + event.key.toLowerCase(), event.timeStamp];
      next = foundFrom(buttons, isNew ? now + 1 : now, sought);
    }
    if (next === undefined || next < 0 && !(event.key in steps)) return;
    event.preventDefault();
    event.stopPropagation(); // letters are also keys of the page
    buttons[Math.min(Math.max(next, 0), buttons.length - 1)]?.focus();
  };
}

/** @returns {number} the first button from a place on, and round, whose text contains what is sought; -1 if none */
function foundFrom(buttons, start, sought) {
  const order = buttons.map((_, i) => (start + i) % buttons.length);
  return order.find((i) => buttons[i].textContent.toLowerCase().includes(sought)) ?? -1;
}
