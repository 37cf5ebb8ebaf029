// What a page can do beyond being read. It is complete without.
"use strict";

/**
 * Add a button that copies a text.
 * @param {HTMLElement} text - its `data-copyable` is what the button says
 */
function addCopyButton(text) {
  const button = document.createElement("button");
  button.type = "button";
  button.dataset.copy = text.id;
  button.textContent = text.dataset.copyable;
  const told = document.createElement("span");
  told.setAttribute("role", "status");
  button.addEventListener("click", async () => {
    told.textContent = (await copy(text)) ? "Copied" : "Selected: copy it by Ctrl+C";
    setTimeout(() => { told.textContent = ""; }, 4000);
  });
  text.after(toolbar(button, told));
}

/**
 * Copy a text, or at least select it, for browsers that do not let a page copy.
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
 * Add a box that hides the rows of an area without the words typed, and opens the lists that have some.
 * @param {HTMLElement} area - its `data-searchable` says what is found
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
 * Show the rows that hold the words.
 * @param {HTMLElement} area
 * @param {string} words - in lower case; none shows all
 * @returns {string} how many there are
 */
function filter(area, words) {
  const rows = [...area.querySelectorAll("tbody tr, li")];
  for (const row of rows) row.hidden = !row.textContent.toLowerCase().includes(words);
  for (const list of area.querySelectorAll("details")) list.open = words !== "" && list.querySelector("tbody tr:not([hidden]), li:not([hidden])") !== null;
  return words === "" ? "" : `${rows.filter((row) => !row.hidden).length} of ${rows.length}`;
}

/** Put controls in a row. */
function toolbar(...controls) {
  const row = document.createElement("p");
  row.className = "toolbar";
  row.append(...controls);
  return row;
}

document.querySelectorAll("[data-copyable]").forEach(addCopyButton);
document.querySelectorAll("[data-searchable]").forEach(addSearchBox);
