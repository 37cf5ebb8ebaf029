// Sorting and filtering of the table of results. The page is complete without them; what is chosen is in its address.
"use strict";

const FEW = 6; // values up to which each has a button of its own
const FACETS = [["study", "Study", ".study"], ["task", "Task", ".task"], ["contrast", "Contrast", ".label"], ["test", "Test", ".test"], ["alternative", "Alternative", ".alternative"], ["method", "Method", ".method"]];
const NAMES = new Intl.Collator(undefined, { numeric: true });
const ROLES = { TABLE: "table", THEAD: "rowgroup", TBODY: "rowgroup", TR: "row", TD: "cell", TH: "rowheader" };
const table = document.getElementById("results");

/**
 * @typedef {object} Row
 * @property {HTMLTableRowElement} element
 * @property {string} text - all words of it, and the name of its report, in lower case
 * @property {Object<string, string>} values - by facet
 * @property {Object<string, number | string>} keys - by column, to sort by
 */

/** @returns {Row} what is sorted and filtered by, read once */
function readRow(element, columns) {
  const text = (selector) => element.querySelector(selector)?.textContent.trim() ?? "";
  const file = decodeURIComponent(element.querySelector("a")?.getAttribute("href") ?? "").replace(/_report\.html$/, "");
  const keys = {};
  columns.forEach((column, i) => { keys[column] = keyOf(column, element.cells[i]); });
  return {
    element,
    keys,
    text: `${element.textContent} ${file}`.toLowerCase(),
    values: Object.fromEntries(FACETS.map(([name, , selector]) => [name, text(selector)])),
  };
}

/** @returns {number | string} what a cell is sorted by; nothing known is NaN, the last in each direction */
function keyOf(column, cell) {
  if (column === "contrast") return cell.querySelector(".label").textContent.trim();
  const text = cell.textContent.trim();
  if (["study", "test", "method", "date"].includes(column)) return text;
  return text.startsWith("<") ? 1e-9 : Number.parseFloat(text.replaceAll(",", ""));
}

/** @returns {number} the order of two keys: names as people order them, numbers by size */
function compare(one, other) {
  return typeof one === "string" ? NAMES.compare(one, other) : one - other;
}

/** @returns {Row[]} rows sorted by a column; `direction` is 1 or -1 */
function sorted(rows, column, direction) {
  if (!column) return rows;
  const known = (row) => !Number.isNaN(row.keys[column]);
  const order = (one, other) => known(other) - known(one) || (known(one) ? direction * compare(one.keys[column], other.keys[column]) : 0);
  return [...rows].sort(order);
}

/** The choices of a reader, their controls, and the rows that they leave. */
class Index {
  constructor() {
    this.heads = [...table.tHead.rows[0].cells];
    const columns = this.heads.map((head) => head.dataset.sort);
    this.rows = [...table.tBodies[0].rows].map((element) => readRow(element, columns));
    this.chosen = new URLSearchParams();
    this.status = create("span", { role: "status" });
    this.nothing = create("p", { className: "nothing", hidden: true, textContent: "No result has all that was chosen." });
    this.heads.forEach((head) => this.addSorting(head));
    this.facets = new Map();
    const bar = create("div", { className: "toolbar choices", role: "search", ariaLabel: "Results" });
    const more = create("div", { className: "facets", id: "choices" });
    more.append(...FACETS.flatMap((facet) => this.facet(...facet)), this.withTdn(), this.sorting());
    bar.append(this.search(), this.opening(more), more, this.clearing(), this.status);
    const box = table.closest(".scroll");
    box.before(bar);
    box.after(this.nothing);
    addEventListener("hashchange", () => this.read());
    this.read();
  }

  addSorting(head) {
    const button = create("button", { type: "button", className: "sort" });
    button.append(...head.childNodes);
    head.append(button);
    button.addEventListener("click", () => this.choose("sort", this.next(head.dataset.sort)));
  }

  /** @returns {string} the next of the three orders by a column: the better one first, the other one, that of the page */
  next(column) {
    const isText = typeof this.rows[0].keys[column] === "string" && column !== "date";
    const orders = isText ? [column, `-${column}`, ""] : [`-${column}`, column, ""];
    return orders[(orders.indexOf(this.chosen.get("sort") ?? "") + 1) % 3];
  }

  search() {
    const label = create("label");
    this.box = create("input", { type: "search", autocomplete: "off", spellcheck: false, dir: "auto" });
    this.box.addEventListener("input", () => this.choose("q", this.box.value.trim()));
    label.append("Filter ", this.box);
    return label;
  }

  /** @returns {HTMLElement[]} controls that choose one of the values of a facet, if there are several */
  facet(name, title) {
    const counts = new Map();
    for (const { values } of this.rows) if (values[name]) counts.set(values[name], (counts.get(values[name]) ?? 0) + 1);
    if (counts.size < 2) return [];
    const found = [...counts].sort(([one], [other]) => compare(one, other));
    return [found.length <= FEW && name !== "contrast" ? this.buttons(name, title, found) : this.list(name, title, found)];
  }

  buttons(name, title, found) {
    const group = create("fieldset");
    group.append(create("legend", { textContent: title }));
    const buttons = found.map(([value, n]) => {
      const button = create("button", { type: "button", className: "choice", value, textContent: value, dir: "auto", title: `${n} of ${this.rows.length}` });
      button.addEventListener("click", () => this.choose(name, this.chosen.get(name) === value ? "" : value));
      return button;
    });
    group.append(...buttons);
    this.facets.set(name, (chosen) => buttons.forEach((button) => button.setAttribute("aria-pressed", button.value === chosen)));
    return group;
  }

  list(name, title, found) {
    const label = create("label"), list = create("select");
    list.append(new Option("all", ""), ...found.map(([value, n]) => new Option(n > 1 ? `${value} (${n})` : value, value)));
    list.addEventListener("change", () => this.choose(name, list.value));
    label.append(`${title} `, list);
    this.facets.set(name, (chosen) => { list.value = chosen; });
    return label;
  }

  withTdn() {
    const button = create("button", { type: "button", className: "choice", textContent: "TDN above 0" });
    button.addEventListener("click", () => this.choose("tdn", this.chosen.get("tdn") ? "" : "1"));
    this.facets.set("tdn", (chosen) => button.setAttribute("aria-pressed", chosen === "1"));
    return button;
  }

  /** @returns {HTMLElement} the list of orders where the table has no heads, since it is shown as cards */
  sorting() {
    const label = create("label", { className: "sorting" }), list = create("select");
    list.append(new Option("as listed", ""));
    for (const head of this.heads) {
      const [first, second] = ["", "-"].map((sign) => `${sign}${head.dataset.sort}`);
      const title = head.textContent.trim().replace(/\s+/g, " ");
      list.append(new Option(`${title} ↑`, first), new Option(`${title} ↓`, second));
    }
    list.addEventListener("change", () => this.choose("sort", list.value));
    this.facets.set("sort", (chosen) => { list.value = chosen; });
    label.append("Sort ", list);
    return label;
  }

  /** @returns {HTMLElement} what opens the other controls on a narrow screen, where they would fill it */
  opening(more) {
    const button = create("button", { type: "button", className: "open", textContent: "Filter and sort by …" });
    button.setAttribute("aria-controls", more.id);
    button.setAttribute("aria-expanded", "false");
    button.addEventListener("click", () => button.setAttribute("aria-expanded", more.classList.toggle("opened")));
    return button;
  }

  clearing() {
    this.clear = create("button", { type: "button", className: "clear", textContent: "Show all" });
    this.clear.addEventListener("click", () => {
      for (const name of ["q", "tdn", ...FACETS.map(([facet]) => facet)]) this.chosen.delete(name);
      this.write();
      this.box.focus();
    });
    return this.clear;
  }

  choose(name, value) {
    if (value) this.chosen.set(name, value);
    else this.chosen.delete(name);
    this.write();
  }

  write() {
    const address = `#${this.chosen}`;
    history.replaceState(null, "", address === "#" ? location.pathname + location.search : address);
    this.show();
  }

  /** Take the choices from the address, unless it is that of a place in the page. */
  read() {
    const place = location.hash.slice(1);
    if (place && document.getElementById(place)) return;
    this.chosen = new URLSearchParams(place);
    this.show();
  }

  show() {
    const sort = this.chosen.get("sort") ?? "", column = sort.replace(/^-/, "");
    const rows = sorted(this.rows, this.heads.some((head) => head.dataset.sort === column) ? column : "", sort.startsWith("-") ? -1 : 1);
    const words = (this.chosen.get("q") ?? "").toLowerCase().split(/\s+/).filter(Boolean);
    const facets = FACETS.map(([name]) => [name, this.chosen.get(name)]).filter(([, value]) => value);
    const isShown = (row) => words.every((word) => row.text.includes(word)) && facets.every(([name, value]) => row.values[name] === value)
      && (this.chosen.get("tdn") !== "1" || row.keys.tdn > 0);
    let n = 0;
    for (const row of rows) n += !(row.element.hidden = !isShown(row));
    if (rows.some((row, i) => row.element !== table.tBodies[0].rows[i])) table.tBodies[0].append(...rows.map((row) => row.element));
    for (const head of this.heads) {
      if (head.dataset.sort === column) head.setAttribute("aria-sort", sort.startsWith("-") ? "descending" : "ascending");
      else head.removeAttribute("aria-sort");
    }
    if (this.box.value.trim() !== (this.chosen.get("q") ?? "")) this.box.value = this.chosen.get("q") ?? "";
    for (const [name, update] of this.facets) update(this.chosen.get(name) ?? "");
    this.clear.hidden = n === this.rows.length;
    this.nothing.hidden = n > 0;
    this.status.textContent = n === this.rows.length ? "" : `${n} of ${this.rows.length} results`;
  }
}

/** @returns {HTMLElement} an element with properties */
function create(tag, properties = {}) {
  const { role, ...others } = properties, element = Object.assign(document.createElement(tag), others);
  if (role) element.setAttribute("role", role);
  return element;
}

/** Say that a table is one, which some browsers forget when a style arranges it as cards. */
function keepRoles() {
  for (const element of [table, ...table.querySelectorAll("thead, tbody, tr, th, td")]) element.setAttribute("role", ROLES[element.tagName]);
  for (const head of table.tHead.rows[0].cells) head.setAttribute("role", "columnheader");
}

if (table) keepRoles();
if (table && table.tBodies[0].rows.length > 1) new Index();
