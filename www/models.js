// The table of models: one page of what the server finds.

import * as api from "./api.js";
import { byId, count, h, keepFocus, modelName, plural, showFailure, toast } from "./dom.js";
import { cellOf, defaultColumns, fieldsOf, mainScore, modelOf, nameOf, valueOf } from "./fields.js";
import { clear, drawColumns } from "./filters.js";
import { PER_PAGE, state, togglePin, update } from "./state.js";

const table = byId("table");
const [head, pinned, rows] = [table.tHead, ...table.tBodies];
const scroll = byId("models-scroll");
const one = api.latest();

let asked = ""; // the query whose answer is shown
let answer = { models: [], total: 0 };
let fields = [];
const known = new Map(); // entries by name, for pins

const sortKey = () => state.sort.split(",")[0].replace(/^-/, "") || mainScore(fields)?.key;
const descending = () => state.sort === "" || state.sort.startsWith("-");

// What an entry holds. A leaderboard without an average is in the order of its first score.
export async function theFields() {
  if (!fields.length) fields = fieldsOf((await api.models({ limit: PER_PAGE[0] })).models);
  return fields;
}

export async function show() {
  const sort = state.sort || `-${mainScore(fields)?.key ?? "average"}`;
  const query = { ...state.filters, sort, limit: state.per, offset: (state.page - 1) * state.per, rank: "true" };
  const key = JSON.stringify(query);
  if (key === asked) return draw();
  scroll.setAttribute("aria-busy", "true");
  try {
    const got = await one((signal) => api.models(query, signal));
    asked = key;
    answer = got;
    for (const entry of answer.models) known.set(nameOf(entry), entry);
    if (answer.models.length) fields = fieldsOf(answer.models);
    showFailure(byId("models-error"));
    const last = Math.max(1, Math.ceil(answer.total / state.per));
    if (state.page > last) return update({ page: last }, { quietly: true });
    draw();
  } catch (failure) {
    asked = "";
    if (failure.status === 400 && !state.sort && !fields.length && (await theFields().catch(() => [])).length) return show();
    showFailure(byId("models-error"), failure, failure.status === 400 ? clear : show, failure.status === 400 && "Clear the filters");
    byId("count").textContent = "";
  } finally {
    scroll.setAttribute("aria-busy", "false");
  }
}

// Entries of these names, in their order and without those that are gone; what is not known is asked for.
export async function entries(names) {
  const missing = names.filter((name) => !known.has(name));
  if (missing.length) {
    const { models } = await api.models({ name: missing.map(modelOf).join(","), rank: "true" });
    for (const entry of models) known.set(nameOf(entry), entry);
    for (const name of missing) if (!known.has(name)) known.set(name, models.find(({ model }) => model.name === name));
    if (!fields.length) fields = fieldsOf(models);
  }
  return names.map((name) => known.get(name)).filter(Boolean);
}

function draw() {
  const first = answer.total === 0 ? 0 : (state.page - 1) * state.per + 1;
  byId("count").textContent = answer.total === 0 ? "No model matches."
    : `${plural(answer.total, "model")}, ${count(first)} to ${count(first + answer.models.length - 1)}`;
  byId("as-of").textContent = answer.as_of ? `As of ${when(answer.as_of.published_at)}.` : "";
  drawColumns(fields);
  keepFocus(table, drawTable);
  drawPages();
  drawPins();
}

const when = (time) => {
  const date = new Date(time);
  return Number.isNaN(date.getTime()) ? String(time) : date.toLocaleString([], { dateStyle: "medium", timeStyle: "short" });
};

// ---- the table ----

function drawTable() {
  const wanted = state.columns ?? defaultColumns(fields);
  const shown = fields.filter(({ key }) => wanted.includes(key));
  for (const field of shown) if (field.group === "Scores") field.top = topOf(field);
  head.replaceChildren(h("tr", {}, header({ key: "name", label: "Model", kind: "text" }), ...shown.map(header)));
  rows.replaceChildren(...answer.models.map((entry) => row(entry, shown, entry.rank ?? {}, "row")));
  if (answer.total === 0 && answer.models.length === 0)
    rows.append(h("tr", {}, h("td", { colspan: shown.length + 1, class: "empty" },
      "No model matches. ", h("button", { type: "button", onclick: clear }, "Clear the filters"))));
}

// What a full bar stands for: 100, or what the scale of this benchmark seems to be.
function topOf(field) {
  const top = Math.max(...answer.models.map((entry) => field.of(entry) ?? 0));
  return top <= 1 ? 1 : Math.max(top, 100);
}

function header({ key, label, kind }) {
  const sorted = sortKey() === key ? (descending() ? "descending" : "ascending") : null;
  const next = sorted ? (sorted === "descending" ? key : `-${key}`) : kind === "number" ? `-${key}` : key;
  return h("th", { scope: "col", "aria-sort": sorted, class: kind },
    h("button", {
      type: "button", data: { key: `sort ${key}` }, onclick: () => update({ sort: next, page: 1 }),
    }, label, h("span", { class: "arrow", "aria-hidden": "true" }, sorted ? (sorted === "descending" ? "▼" : "▲") : "")));
}

function row(entry, shown, rank, place) {
  const name = entry.model.name;
  const key = nameOf(entry);
  const isPinned = state.pins.includes(key);
  const features = entry.features ?? {};
  const position = place === "row" ? rank.result : rank.overall;
  const explained = rank.overall && `${count(rank.overall)} among all${rank.tied > 1 ? `, with ${rank.tied - 1} more` : ""}; percentile ${rank.percentile}`;
  return h("tr", { class: isPinned ? "is-pinned" : null },
    h("th", { scope: "row" }, h("div", { class: "who" },
      h("button", {
        type: "button", class: "pin", "aria-pressed": String(isPinned), "aria-label": `Pin ${name}`, data: { key: `${place} ${key}` },
        onclick: () => togglePin(key) || toast("No more than 16 models can be pinned."),
      }, isPinned ? "★" : "☆"),
      h("span", { class: "rank", title: explained }, position ? count(position) : ""),
      h("span", { class: "names" }, modelName(name),
        features.is_official_provider && h("span", { class: "badge good" }, "official"),
        features.is_flagged && h("span", { class: "badge bad" }, "flagged")))),
    ...shown.map((field) => cell(field, entry)));
}

function cell(field, entry) {
  const value = valueOf(field, entry);
  const element = h("td", { class: field.kind }, cellOf(field, value));
  if (field.top && typeof value === "number") {
    element.classList.add("score");
    element.style.setProperty("--fraction", Math.max(0, Math.min(1, value / field.top)).toFixed(3));
  }
  return element;
}

// Up and down go to the same button of the next row, Home and End to that of the first and last.
table.addEventListener("keydown", (event) => {
  const here = event.target.closest("tbody tr");
  if (!here || event.altKey || event.ctrlKey || event.metaKey) return;
  const all = [...table.querySelectorAll("tbody tr")];
  const to = { ArrowDown: all.indexOf(here) + 1, ArrowUp: all.indexOf(here) - 1, Home: 0, End: all.length - 1 }[event.key];
  if (to === undefined || !all[to]) return;
  const kind = event.target.matches(".pin") ? ".pin" : "a, button";
  (all[to].querySelector(kind) ?? all[to].querySelector("button"))?.focus();
  event.preventDefault();
});

// ---- pages ----

const pages = byId("pages");
const lastPage = () => Math.max(1, Math.ceil(answer.total / state.per));

function drawPages() {
  pages.hidden = answer.total <= PER_PAGE[0];
  byId("page").textContent = `Page ${count(state.page)} of ${count(lastPage())}`;
  byId("per").value = String(state.per);
  const focused = document.activeElement;
  for (const button of pages.querySelectorAll("[data-page]"))
    button.disabled = ["first", "previous"].includes(button.dataset.page) ? state.page <= 1 : state.page >= lastPage();
  if (pages.contains(focused) && focused.disabled) pages.focus();
}

pages.addEventListener("click", ({ target }) => {
  const to = { first: 1, previous: state.page - 1, next: state.page + 1, last: lastPage() }[target.dataset?.page];
  if (to === undefined) return;
  update({ page: to });
  scroll.scrollTop = 0;
});
byId("per").addEventListener("change", ({ target }) => update({ per: Number(target.value), page: 1 }));

// ---- pins ----

async function drawPins() {
  const { pins } = state;
  byId("pins").hidden = pins.length === 0;
  byId("compare-button").disabled = pins.length < 2;
  let found = [];
  try {
    found = await entries(pins);
  } catch (failure) {
    showFailure(byId("models-error"), failure, () => (showFailure(byId("models-error")), drawPins()));
  }
  if (pins !== state.pins) return;
  byId("pins-count").textContent = `${pins.length} pinned${found.length < pins.length ? ", not all are there any more" : ""}`;
  const wanted = state.columns ?? defaultColumns(fields);
  const shown = fields.filter(({ key }) => wanted.includes(key));
  keepFocus(pinned, () => pinned.replaceChildren(...found.map((entry) => row(entry, shown, entry.rank ?? {}, "pin"))));
  compare();
}

byId("unpin").addEventListener("click", () => {
  update({ pins: [], compare: [] });
  byId("search").focus();
});
byId("compare-button").addEventListener("click", () => update({ compare: state.pins.slice(0, 4) }));

async function compare() {
  if (state.compare.length < 2 && !byId("compare")?.open) return;
  (await import("./compare.js")).show(fields);
}

