// On paper lists are open, also in browsers whose style cannot open them, and links to files beside the page lead nowhere: a PDF
// would have the folders of this computer in them. Afterwards all is as it was.
"use strict";

const unprinted = [];

addEventListener("beforeprint", () => {
  for (const list of document.querySelectorAll("details:not([open])")) {
    list.open = true;
    unprinted.push(() => { list.open = false; });
  }
  for (const link of document.querySelectorAll("a[href]")) {
    const href = link.getAttribute("href");
    if (/^(#|https?:)/.test(href)) continue;
    link.removeAttribute("href");
    unprinted.push(() => link.setAttribute("href", href));
  }
});

addEventListener("afterprint", () => { for (const restore of unprinted.splice(0)) restore(); });
