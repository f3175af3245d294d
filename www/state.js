// What the page shows lies in its address, so that a link says it all.

import { debounce } from "./dom.js";

export const FILTERS = ["search", "type", "precision", "weight_type", "architecture", "license", "provider",
  "min_params", "max_params", "min_average", "official", "hide", "submitted_after", "submitted_before"];
const VIEWS = ["models", "plot", "queue", "submit"];
export const PER_PAGE = [25, 50, 100, 200];
const PINS = 16;

const unique = (list) => [...new Set(list.filter(Boolean))];

function read() {
  const query = new URLSearchParams(location.search);
  const filters = {};
  for (const name of FILTERS) if (query.get(name)) filters[name] = query.get(name);
  const compare = unique(query.getAll("compare")).slice(0, 4);
  const view = query.get("view");
  const per = Number(query.get("per"));
  return {
    view: VIEWS.includes(view) ? view : "models",
    filters, compare,
    sort: query.get("sort") ?? "",
    page: Math.max(1, Number.parseInt(query.get("page"), 10) || 1),
    per: PER_PAGE.includes(per) ? per : 50,
    columns: query.has("columns") ? unique(query.get("columns").split(",")) : null,
    pins: unique([...compare, ...query.getAll("pin")]).slice(0, PINS),
    x: query.get("x") ?? "",
    y: query.get("y") ?? "",
  };
}

// The address of a state; what is as by default is left out.
export function address(state) {
  const query = new URLSearchParams();
  if (state.view !== "models") query.set("view", state.view);
  for (const name of FILTERS) if (state.filters[name]) query.set(name, state.filters[name]);
  if (state.sort) query.set("sort", state.sort);
  if (state.page > 1) query.set("page", state.page);
  if (state.per !== 50) query.set("per", state.per);
  if (state.columns) query.set("columns", state.columns.join(","));
  for (const pin of state.pins) query.append("pin", pin);
  for (const id of state.compare) query.append("compare", id);
  for (const axis of ["x", "y"]) if (state[axis]) query.set(axis, state[axis]);
  const text = query.toString().replaceAll("%2C", ",").replaceAll("%2F", "/").replaceAll("%3B", ";");
  return text ? `?${text}` : location.pathname;
}

export let state = read();
const listeners = [];
export const onChange = (listener) => listeners.push(listener);
const tell = () => listeners.forEach((listener) => listener(state));

// Changes the state; `quietly` does so without a step of the history, as while somebody types.
export function update(changes, { quietly = false } = {}) {
  state = { ...state, ...changes };
  state.pins = unique(state.pins).slice(0, PINS);
  if (quietly) replace();
  else history.pushState(null, "", address(state));
  tell();
}
// Browsers refuse too many changes of the address in a short time.
const replace = debounce(150, () => history.replaceState(null, "", address(state)));

export function setFilter(name, value, options) {
  const filters = { ...state.filters };
  if (value) filters[name] = value;
  else delete filters[name];
  if (filters[name] !== state.filters[name]) update({ filters, page: 1 }, options);
}

export function togglePin(id) {
  const pinned = state.pins.includes(id);
  if (!pinned && state.pins.length >= PINS) return false;
  update({ pins: pinned ? state.pins.filter((pin) => pin !== id) : [...state.pins, id] }, { quietly: true });
  return true;
}

addEventListener("popstate", () => {
  state = read();
  tell();
});
