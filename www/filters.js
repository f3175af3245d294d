// Search, filters and the choice of columns, above the table and the plot.

import * as api from "./api.js";
import { byId, count, debounce, h, showFailure } from "./dom.js";
import { defaultColumns, title, typeName } from "./fields.js";
import { theFields } from "./models.js";
import { FILTERS, setFilter, state, update } from "./state.js";

const NAMES = { min_params: "at least (B)", max_params: "at most (B)", min_average: "average from", hide: "without" };
const CHOICES = ["type", "precision", "weight_type"];
const OFFICIAL = "is_official_provider";
const listOf = (name) => (state.filters[name] ?? "").split(",").filter(Boolean);
// The API's short names of flags.
const HIDE = { merged: "is_merged", moe: "is_moe", flagged: "is_flagged", unavailable: "is_not_available_on_hub" };
const words = (name, value) =>
  name === "type" ? typeName(value) : name === "hide" ? title(HIDE[value] ?? value).toLowerCase() : value;

const search = byId("search");
const filters = byId("filters");
const columns = byId("columns");

export function start() {
  const type = debounce(200, () => setFilter("search", search.value.trim(), { quietly: true }));
  search.addEventListener("input", type);
  search.form.addEventListener("submit", (event) => {
    event.preventDefault();
    setFilter("search", search.value.trim());
  });
  for (const [name, panel, open] of [["filters", filters, openFilters], ["columns", columns, () => {}]]) {
    const button = byId(`${name}-button`);
    button.addEventListener("click", () => {
      panel.hidden = !panel.hidden;
      button.setAttribute("aria-expanded", String(!panel.hidden));
      if (!panel.hidden) open();
    });
    panel.addEventListener("submit", (event) => event.preventDefault());
    panel.addEventListener("keydown", (event) => {
      if (event.key !== "Escape") return;
      button.click();
      button.focus();
    });
  }
  filters.addEventListener("change", readFilters);
}

// ---- the filters ----

// The values of a filter with how many models have each; asked for when they are first wanted.
let choices;
let fields;
async function openFilters() {
  if (choices) return;
  const place = h("div", {}, "Loading…");
  filters.replaceChildren(place);
  try {
    fields = await theFields();
    choices = await api.choices(fields.filter(({ key }) => CHOICES.includes(key)));
    drawFilters();
  } catch (failure) {
    showFailure(place, failure, openFilters);
  }
}

const box = (name, value, text, note) =>
  h("label", {}, h("input", { type: "checkbox", name, value, checked: listOf(name).includes(value) }),
    h("span", {}, text), note && h("small", {}, note));
const group = (legend, ...children) => h("fieldset", {}, h("legend", {}, legend), ...children);
const size = (name, text) =>
  h("label", {}, text, h("input", { type: "number", name, min: "0", step: "any", inputmode: "decimal", value: state.filters[name] ?? "" }));

function drawFilters() {
  const has = (name) => fields.some(({ key }) => key === name);
  const flags = fields.filter(({ group: name, key }) => name === "Flags" && key !== OFFICIAL);
  filters.replaceChildren(
    ...Object.entries(choices).filter(([, values]) => values.length > 1).map(([name, values]) =>
      group(title(name), ...values.map(([value, models]) => box(name, value, words(name, value), count(models))))),
    has("params_billions") && group("Parameters, in billions", size("min_params", "from "), size("max_params", "to ")) || "",
    flags.length && group("Leave out", ...flags.map(({ key }) => {
      const short = Object.keys(HIDE).find((one) => HIDE[one] === key) ?? key;
      return box("hide", short, words("hide", short));
    })) || "",
    has(OFFICIAL) && group("Providers", box("official", "true", "official ones only")) || "");
}

function readFilters() {
  const form = new FormData(filters);
  const changed = { ...state.filters };
  for (const name of [...CHOICES, "hide", "official", "min_params", "max_params"]) {
    const value = form.getAll(name).filter(Boolean).join(",");
    if (value) changed[name] = value;
    else delete changed[name];
  }
  update({ filters: changed, page: 1 });
}

export const clear = () => update({ filters: {}, sort: "", page: 1 });

// ---- the filters in force, each with a button that takes it away ----

function drawChips() {
  const chips = FILTERS.flatMap((name) => {
    const values = ["search", "min_params", "max_params"].includes(name) ? [state.filters[name]].filter(Boolean) : listOf(name);
    return values.map((value) => [name, value]);
  });
  const place = byId("chips");
  place.hidden = chips.length === 0;
  place.replaceChildren(
    ...chips.map(([name, value]) => {
      const text = name === "official" ? "official providers" : `${NAMES[name] ?? name}: ${words(name, value)}`;
      return h("button", {
        type: "button", class: "chip", "aria-label": `Remove ${text}`,
        onclick: () => {
          setFilter(name, name === "search" ? "" : listOf(name).filter((one) => one !== value).join(","));
          (place.querySelector("button") ?? search).focus();
        },
      }, text, h("span", { "aria-hidden": "true" }, " ×"));
    }),
    chips.length > 1 && h("button", { type: "button", class: "plain", onclick: () => { update({ filters: {}, page: 1 }); search.focus(); } }, "Clear all") || "");
}

// ---- columns ----

let drawnColumns = "";
export function drawColumns(fields) {
  const shown = state.columns ?? defaultColumns(fields);
  const drawing = JSON.stringify([fields.map(({ key }) => key), shown]);
  if (drawing === drawnColumns || fields.length === 0) return;
  drawnColumns = drawing;
  const focused = columns.contains(document.activeElement) ? document.activeElement.value : null;
  const groups = new Set(fields.map((field) => field.group));
  columns.replaceChildren(
    ...[...groups].map((name) => group(name, ...fields.filter((field) => field.group === name).map(({ key, label }) =>
      h("label", {}, h("input", {
        type: "checkbox", value: key, checked: shown.includes(key),
        onchange: ({ target }) => {
          const now = state.columns ?? defaultColumns(fields);
          update({ columns: target.checked ? [...now, key] : now.filter((one) => one !== key) });
        },
      }), h("span", {}, label))))),
    h("button", { type: "button", class: "plain", onclick: () => update({ columns: null }) }, "As by default"));
  if (focused !== null) columns.querySelector(`[value="${CSS.escape(focused)}"]`)?.focus();
}

export function show() {
  if (document.activeElement !== search) search.value = state.filters.search ?? "";
  byId("columns-button").hidden = state.view !== "models";
  if (state.view !== "models") columns.hidden = true, byId("columns-button").setAttribute("aria-expanded", "false");
  if (choices && !filters.contains(document.activeElement)) drawFilters();
  drawChips();
  const active = Object.keys(state.filters).filter((name) => name !== "search")
    .reduce((sum, name) => sum + listOf(name).length, 0);
  byId("filters-button").textContent = active ? `Filters (${active})` : "Filters";
}
