// Copy buttons, search boxes and the section in the menu. A page is complete without them.
"use strict";

const said = document.createElement("p");
said.className = "said";
said.setAttribute("role", "status");
let silence = 0;

/** Show for some seconds what was done. */
function say(text) {
  said.textContent = text;
  clearTimeout(silence);
  silence = setTimeout(() => { said.textContent = ""; }, 6000);
}

/**
 * Copy a text, or select it in browsers that do not allow a page to copy.
 * @param {HTMLElement} element - its text is copied; of a list, each item on a line of its own
 * @param {string} [what] - what to call a long text
 */
async function copy(element, what = "") {
  const items = [...element.querySelectorAll("li")];
  const text = (items.length > 0 ? items : [element]).map((item) => item.textContent.trim().replaceAll("\u00a0", " ")).join("\n");
  try {
    await navigator.clipboard.writeText(text);
  } catch {
    reveal(element);
    getSelection().selectAllChildren(element);
    if (!document.execCommand("copy")) {
      say("Selected: press Ctrl+C to copy");
      return;
    }
  }
  say(what === "" ? `Copied: ${text}` : `Copied: ${what}`);
}

/** @returns {HTMLButtonElement} a button that copies the text of an element; without words, it is a symbol */
function copyButton(element, words, name, what) {
  const button = document.createElement("button");
  button.type = "button";
  button.dataset.copy = element.id;
  button.textContent = words;
  if (words === "") {
    button.className = "copy";
    button.title = name;
    button.setAttribute("aria-label", name);
  }
  button.addEventListener("click", () => copy(element, what));
  return button;
}

/** Add the button of a text or of a list: its `data-copyable` is the label. */
function addCopyButton(element) {
  element.after(toolbar(copyButton(element, element.dataset.copyable, "", element.dataset.copyable.replace("Copy ", ""))));
}

/** Add the button of a sentence beside it, or to what has it as `data-sentence`: the name of a row, or the headline. */
function addSentenceButton(element) {
  const {sentence} = element.dataset;
  if (sentence === undefined) element.after(copyButton(element, "", "Copy this sentence"));
  else (element.querySelector("th") ?? element).append(copyButton(document.getElementById(sentence), "", "Copy a sentence about it"));
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

/** Open the lists that an element is in, and itself. */
function reveal(element) {
  for (let list = element; list !== null; list = list.parentElement) if (list.tagName === "DETAILS") list.open = true;
}

/** Open what the address leads to. */
function revealTarget() {
  const target = document.getElementById(decodeURIComponent(location.hash.slice(1)));
  if (target !== null) reveal(target);
}

/** Mark the link of the section that is being read. */
function markSection() {
  const links = [...document.querySelectorAll(".menu a[href^='#']")];
  const isAbove = (link) => document.querySelector(link.hash).getBoundingClientRect().top < innerHeight / 3;
  const isAtEnd = innerHeight + scrollY >= document.documentElement.scrollHeight - 2;
  const current = isAtEnd ? links.at(-1) : links.findLast(isAbove) ?? links[0];
  for (const link of links) {
    if (link !== current) link.removeAttribute("aria-current");
    else if (!link.hasAttribute("aria-current")) {
      link.setAttribute("aria-current", "location");
      showInMenu(link);
    }
  }
}

/** Scroll the menu, and nothing else, so that a link is in sight. */
function showInMenu(link) {
  const menu = link.closest(".menu");
  const [box, room] = [link.getBoundingClientRect(), menu.getBoundingClientRect()];
  menu.scrollBy(box.left + box.width / 2 - room.left - room.width / 2, box.top + box.height / 2 - room.top - room.height / 2);
}

document.body.append(said);
document.querySelectorAll("[data-copyable]").forEach(addCopyButton);
document.querySelectorAll(".sentence > span, .sentences li > span, [data-sentence]").forEach(addSentenceButton);
document.querySelectorAll("[data-searchable]").forEach(addSearchBox);
if (document.querySelector(".menu") !== null) {
  addEventListener("hashchange", revealTarget);
  addEventListener("scroll", () => requestAnimationFrame(markSection), {passive: true});
  addEventListener("resize", markSection);
  revealTarget();
  markSection();
}
