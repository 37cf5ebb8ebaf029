// Copy buttons and search boxes. A page is complete without them.
"use strict";

/**
 * Add a button that copies a text.
 * @param {HTMLElement} text - its `data-copyable` is the label of the button
 */
function addCopyButton(text) {
  const button = document.createElement("button");
  button.type = "button";
  button.dataset.copy = text.id;
  button.textContent = text.dataset.copyable;
  const status = document.createElement("span");
  status.setAttribute("role", "status");
  button.addEventListener("click", async () => {
    status.textContent = (await copy(text)) ? "Copied" : "Selected: press Ctrl+C";
    setTimeout(() => { status.textContent = ""; }, 4000);
  });
  text.after(toolbar(button, status));
}

/**
 * Copy a text, or select it in browsers that do not allow a page to copy.
 * @param {HTMLElement} text
 * @returns {Promise<boolean>} whether it was copied
 */
async function copy(text) {
  try {
    await navigator.clipboard.writeText(text.textContent.trim());
    return true;
  } catch {
    getSelection().selectAllChildren(text);
    return false;
  }
}

/**
 * Add a search box that hides the rows of an area without the text typed, and opens the lists with matches.
 * @param {HTMLElement} area - its `data-searchable` is the label of the box
 */
function addSearchBox(area) {
  const label = document.createElement("label");
  const box = document.createElement("input");
  const found = document.createElement("span");
  box.type = "search";
  box.dataset.filter = area.id;
  label.append(area.dataset.searchable, " ", box);
  found.setAttribute("role", "status");
  box.addEventListener("input", () => { found.textContent = filter(area, box.value.trim().toLowerCase()); });
  area.prepend(toolbar(label, found));
}

/**
 * Show the rows that contain a text.
 * @param {HTMLElement} area
 * @param {string} text - in lower case; an empty one shows all rows
 * @returns {string} the number of matches
 */
function filter(area, text) {
  const rows = [...area.querySelectorAll("tbody tr, li")];
  for (const row of rows) row.hidden = !row.textContent.toLowerCase().includes(text);
  for (const list of area.querySelectorAll("details")) list.open = text !== "" && list.querySelector("tbody tr:not([hidden]), li:not([hidden])") !== null;
  return text === "" ? "" : `${rows.filter((row) => !row.hidden).length} of ${rows.length}`;
}

/** @returns {HTMLElement} a row of controls */
function toolbar(...controls) {
  const row = document.createElement("p");
  row.className = "toolbar";
  row.append(...controls);
  return row;
}

document.querySelectorAll("[data-copyable]").forEach(addCopyButton);
document.querySelectorAll("[data-searchable]").forEach(addSearchBox);
