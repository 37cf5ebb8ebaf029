// A tour of four steps for first-time readers, and the list of keys. Both can be opened again, and neither stops anything.

const TOUR_SEEN = "bids_ari explorer tour"; // key in the storage of the browser

/** @returns {boolean} whether the reader closed the tour before; false where the browser stores nothing for files */
function hasSeenTour() {
  try {
    return localStorage.getItem(TOUR_SEEN) !== null;
  } catch {
    return false;
  }
}

function rememberTour() {
  try {
    localStorage.setItem(TOUR_SEEN, "closed");
  } catch {
    // then it is shown again next time
  }
}

/** Connect the tour. It starts by itself on the first visit, unless the address leads to a certain view, or the page is
 *  within another one, such as a notebook, where a browser cannot remember that it was seen. */
function connectTour() {
  const [box, steps] = [byId("tour"), [...byId("tour").querySelectorAll("[data-about]")]];
  let now = 0;
  const light = (step) => {
    document.querySelector(".toured")?.classList.remove("toured");
    const about = step && document.querySelector(step.dataset.about);
    about?.classList.add("toured");
    return about;
  };
  const show = (number, moves = true) => {
    now = number;
    box.hidden = false;
    steps.forEach((step, i) => (step.hidden = i !== now));
    byId("tour-number").textContent = String(now + 1);
    byId("tour-back").disabled = now === 0;
    byId("tour-next").textContent = now === steps.length - 1 ? "Done" : "Next";
    const about = light(steps[now]);
    if (moves) about?.scrollIntoView({ block: "start" });
    box.classList.toggle("aside", about?.getBoundingClientRect().left > window.innerWidth / 2); // not on what it is about
  };
  const close = () => {
    const hadFocus = box.contains(document.activeElement);
    box.hidden = true;
    light(null);
    rememberTour();
    if (hadFocus) byId("start-tour").focus();
  };
  byId("start-tour").addEventListener("click", () => {
    show(0);
    byId("tour-next").focus();
  });
  byId("tour-next").addEventListener("click", () => (now === steps.length - 1 ? close() : show(now + 1)));
  byId("tour-back").addEventListener("click", () => {
    show(now - 1);
    if (now === 0) byId("tour-next").focus(); // a disabled button loses the focus
  });
  byId("tour-close").addEventListener("click", close);
  box.addEventListener("keydown", (event) => event.key === "Escape" && close());
  if (!hasSeenTour() && location.hash.length < 2 && window.self === window.top) show(0, false);
}

/** Connect the list of keys, and the keys that work in the views and on the curve. */
function connectKeys() {
  const open = () => byId("keys").open || byId("keys").showModal();
  byId("show-keys").addEventListener("click", open);
  byId("close-keys").addEventListener("click", () => byId("keys").close());
  byId("keys").addEventListener("click", (event) => event.target === byId("keys") && byId("keys").close()); // beside it
  const buttons = { g: "grow", s: "shrink", b: "follow", t: "swap" };
  document.addEventListener("keydown", (event) => {
    const isText = event.target.matches("input:not([type=range], [type=checkbox], [type=file]), select, textarea");
    if (isText || event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.key === "?") open();
    const button = buttons[event.key.toLowerCase()];
    if (button && event.target.tagName === "CANVAS") byId(button).click();
  });
}
