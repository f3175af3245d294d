// The page: which view is shown, and the way from one to another.

import * as account from "./account.js";
import { byId, h, showFailure } from "./dom.js";
import * as filters from "./filters.js";
import * as models from "./models.js";
import { address, onChange, state, update } from "./state.js";

const later = {
  plot: () => import("./plot.js"),
  queue: () => import("./queue.js"),
  submit: () => import("./submit.js"),
};
let title = document.title;
let shown;

async function show() {
  const { view } = state;
  for (const link of document.querySelectorAll("[data-view]")) {
    link.href = address({ ...state, view: link.dataset.view, compare: [] });
    if (link.dataset.view === view) link.setAttribute("aria-current", "page");
    else link.removeAttribute("aria-current");
  }
  for (const name of ["models", ...Object.keys(later)]) byId(name).hidden = name !== view;
  byId("query").hidden = !["models", "plot"].includes(view);
  filters.show();
  const moved = shown !== undefined && shown !== view;
  shown = view;
  const section = byId(view);
  try {
    const module = view === "models" ? models : await later[view]();
    if (view === state.view) module.show();
  } catch (failure) {
    const place = h("div");
    section.replaceChildren(place);
    showFailure(place, { message: "This part of the page could not be loaded." }, () => location.reload());
    throw failure;
  }
  const heading = section.querySelector("h2");
  document.title = view === "models" ? title : `${heading.textContent} · ${title}`;
  if (moved) heading.focus();
}

document.addEventListener("click", (event) => {
  const link = event.target.closest("[data-view]");
  if (!link || event.button !== 0 || event.metaKey || event.ctrlKey || event.shiftKey || event.altKey) return;
  event.preventDefault();
  update({ view: link.dataset.view, compare: [] });
});

// The leaderboard's own name. Without it the page is the same.
async function name() {
  const answer = await fetch("api/leaderboard/about");
  if (!answer.ok) return;
  const named = (await answer.json()).title;
  document.title = document.title.replace(title, () => named);
  byId("title").textContent = title = named;
}

account.start();
filters.start();
onChange(show);
show();
name().catch(() => {});
