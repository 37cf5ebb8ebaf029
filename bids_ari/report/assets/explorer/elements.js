// Elements of the page, and numbers as text.

const byId = (id) => document.getElementById(id);

const thousands = (number) => Math.round(number).toLocaleString("en-US");

const plural = (number, one, many = `${one}s`) => `${number ? thousands(number) : "no"} ${number === 1 ? one : many}`;

/** A proportion that is a lower bound: rounded down, never up. */
function proportion(part, whole) {
  if (!whole) return "none";
  if (part === 0 || part === whole) return part ? "1" : "0";
  const thousandths = Math.floor((1000 * part) / whole);
  return thousandths ? (thousandths / 1000).toFixed(3) : "< 0.001";
}

/** A TDP with at most three decimals, rounded down. */
const shortTdp = (tdp) => String(Math.floor(tdp * 1000 + 1e-9) / 1000);

function zText(z) {
  if (Math.abs(z) === Infinity) return z > 0 ? "∞" : "-∞";
  if (Math.abs(z) > 327.655) return z > 0 ? "> 327.66" : "< -327.66";
  return z.toFixed(2);
}

const millimetreText = (x) => String(Math.round(x * 10) / 10 + 0);

const FROM_THE_RIGHT = /[\u0590-\u08ff\ufb1d-\ufdff\ufe70-\ufefc]/u;

/** @returns {string} a name that does not reorder what is beside it, also if its letters run from right to left */
const isolated = (name) => (FROM_THE_RIGHT.test(name) ? `\u2068${name}\u2069` : name);

/** @returns {HTMLElement} an element with text, never markup: names come from the data */
function element(tag, text = "", attributes = {}) {
  const made = document.createElement(tag);
  made.textContent = text;
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
  return made;
}

/** Fill a list of facts with pairs of term and description. */
function fillFacts(list, pairs) {
  list.replaceChildren(
    ...pairs.map(([term, description]) => {
      const row = element("div");
      row.append(element("dt", term), element("dd", description));
      return row;
    }),
  );
}
