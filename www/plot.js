// A score over the size of the models that pass the filters, with the frontier: the models that no
// smaller one reaches. The points are drawn on a canvas; the frontier is a table below as well.

import * as api from "./api.js";
import { byId, count, h, keepFocus, modelName, plural, showFailure, toast } from "./dom.js";
import { mainScore, nameOf, textOf, valueOf } from "./fields.js";
import { theFields } from "./models.js";
import { state, togglePin, update } from "./state.js";

const section = byId("plot");
const one = api.latest();
const axis = (name) => h("select", { onchange: ({ target }) => update({ [name]: target.value }) });
const selects = { x: axis("x"), y: axis("y") };
const error = h("div");
const words = h("p", { role: "status" });
const canvas = h("canvas", { role: "img" });
const tip = h("div", { class: "tip", "aria-hidden": "true", hidden: true });
const frontierRows = h("tbody");
const headings = { x: h("th", { scope: "col", class: "number" }), y: h("th", { scope: "col", class: "number" }) };
section.append(
  h("h2", { id: "plot-title", tabindex: "-1" }, "Plot"),
  h("div", { class: "bar" }, h("label", {}, "Score ", selects.y), h("label", {}, "over ", selects.x), words),
  error,
  h("figure", { class: "canvas" }, canvas, tip),
  h("h3", {}, "The frontier"),
  h("p", { class: "help" }, "No other model is at most as large and scores at least as high."),
  h("div", { class: "scroll", tabindex: "0", role: "region", "aria-label": "Models of the frontier" },
    h("table", { id: "frontier" },
      h("thead", {}, h("tr", {}, h("th", { scope: "col" }, "Model"), headings.x, headings.y)), frontierRows)));

let asked = "";
let entries = [];
let [x, y] = [null, null]; // the fields
let points = []; // {entry, x, y, left, top}
let frontier = [];

export async function show() {
  canvas.parentElement.setAttribute("aria-busy", "true");
  try {
    const fields = await theFields();
    const numbers = fields.filter(({ kind }) => kind === "number");
    y = numbers.find(({ key }) => key === state.y) ?? mainScore(numbers);
    x = numbers.find(({ key }) => key === state.x) ?? numbers.find(({ key }) => key === "params_billions")
      ?? numbers.find(({ group }) => group === "About") ?? y;
    if (!y) return void (words.textContent = "There is nothing to plot.");
    const names = fields.filter(({ key }) => ["precision", "sha"].includes(key)).map(({ path }) => path);
    const query = { ...state.filters, fields: ["model.name", ...names, x.path, y.path].join(",") };
    const key = JSON.stringify(query);
    if (key !== asked) {
      entries = (await one((signal) => api.models(query, signal))).models;
      asked = key;
    }
    showFailure(error);
    choose(selects.x, numbers.filter(({ group }) => group === "About"), x);
    choose(selects.y, numbers.filter(({ group }) => group === "Scores"), y);
    arrange();
  } catch (failure) {
    asked = "";
    showFailure(error, failure, show);
  } finally {
    canvas.parentElement.setAttribute("aria-busy", "false");
  }
}

function choose(select, choices, chosen) {
  select.replaceChildren(...choices.map(({ key, label }) => h("option", { value: key }, label)));
  select.value = chosen.key;
}

function arrange() {
  points = [];
  for (const entry of entries) {
    const point = { entry, x: valueOf(x, entry), y: valueOf(y, entry) };
    if (typeof point.x === "number" && point.x > 0 && typeof point.y === "number") points.push(point);
  }
  points.sort((a, b) => a.x - b.x || b.y - a.y);
  let best = { y: -Infinity };
  frontier = points.filter((point) => {
    if (point.y > best.y) best = point;
    return point.y === best.y && point.x === best.x;
  });
  const left = entries.length - points.length;
  words.textContent = plural(points.length, "model") + (left ? `; ${count(left)} left out for want of a number` : "");
  canvas.setAttribute("aria-label", `${y.label} over ${x.label} of ${plural(points.length, "model")}. The frontier is in the table below.`);
  headings.x.textContent = x.label;
  headings.y.textContent = y.label;
  keepFocus(frontierRows, () => frontierRows.replaceChildren(...frontier.map((point) =>
    h("tr", {}, h("th", { scope: "row" }, h("div", { class: "who" }, pinButton(point.entry), modelName(point.entry.model.name))),
      h("td", { class: "number" }, textOf(x, point.x)), h("td", { class: "number" }, textOf(y, point.y))))));
  draw();
}

const pin = (entry) => togglePin(nameOf(entry)) || toast("No more than 16 models can be pinned.");
function pinButton(entry) {
  const pinned = state.pins.includes(nameOf(entry));
  return h("button", { type: "button", class: "pin", "aria-pressed": String(pinned), "aria-label": `Pin ${entry.model.name}`,
    data: { key: nameOf(entry) }, onclick: () => pin(entry) }, pinned ? "★" : "☆");
}

// ---- drawing ----

const MARGIN = { left: 44, right: 14, top: 12, bottom: 40 };

// Round numbers within a range: 1, 2, 5 and their tens, or of a logarithmic scale.
function ticks(low, high, most) {
  const raw = (high - low) / most;
  const power = 10 ** Math.floor(Math.log10(raw));
  const step = [1, 2, 5, 10].map((n) => n * power).find((n) => n >= raw);
  const list = [];
  for (let n = Math.ceil(low / step); n * step <= high; n++) list.push(Number((n * step).toPrecision(12)));
  return list;
}
function logTicks(low, high, wide) {
  const list = [];
  for (let power = Math.floor(Math.log10(low)); power <= Math.log10(high); power++)
    for (const n of wide ? [1, 2, 5] : [1]) {
      const tick = Number((n * 10 ** power).toPrecision(6));
      if (tick >= low && tick <= high) list.push(tick);
    }
  return list;
}

function draw() {
  const { clientWidth: width, clientHeight: height } = canvas;
  if (!width || !y) return;
  const scale = devicePixelRatio || 1;
  canvas.width = Math.round(width * scale);
  canvas.height = Math.round(height * scale);
  const pen = canvas.getContext("2d");
  pen.scale(scale, scale);
  const style = getComputedStyle(document.documentElement);
  const colour = (name) => style.getPropertyValue(`--${name}`);
  pen.font = `12px ${style.fontFamily}`;
  if (points.length === 0) return;

  const [lowX, highX] = [points[0].x / 1.15, points.at(-1).x * 1.15];
  let [lowY, highY] = [Infinity, -Infinity];
  for (const point of points) [lowY, highY] = [Math.min(lowY, point.y), Math.max(highY, point.y)];
  const room = (highY - lowY) * 0.05 || 1;
  [lowY, highY] = [lowY >= 0 ? Math.max(0, lowY - room) : lowY - room, highY + room];
  const left = (value) => MARGIN.left + (Math.log(value / lowX) / Math.log(highX / lowX)) * (width - MARGIN.left - MARGIN.right);
  const top = (value) => height - MARGIN.bottom - ((value - lowY) / (highY - lowY)) * (height - MARGIN.top - MARGIN.bottom);

  pen.strokeStyle = colour("line");
  pen.fillStyle = colour("muted");
  pen.textAlign = "right";
  pen.textBaseline = "middle";
  pen.beginPath();
  for (const tick of ticks(lowY, highY, 6)) {
    pen.moveTo(MARGIN.left, top(tick));
    pen.lineTo(width - MARGIN.right, top(tick));
    pen.fillText(String(tick), MARGIN.left - 8, top(tick));
  }
  pen.textAlign = "center";
  pen.textBaseline = "top";
  for (const tick of logTicks(lowX, highX, width > 480)) {
    pen.moveTo(left(tick), MARGIN.top);
    pen.lineTo(left(tick), height - MARGIN.bottom);
    pen.fillText(String(tick), left(tick), height - MARGIN.bottom + 6);
  }
  pen.stroke();
  pen.fillText(`${x.label}, logarithmic`, (width + MARGIN.left) / 2, height - 16);

  pen.fillStyle = colour("point");
  for (const point of points) {
    [point.left, point.top] = [left(point.x), top(point.y)];
    pen.beginPath();
    pen.arc(point.left, point.top, 2.5, 0, 7);
    pen.fill();
  }
  pen.strokeStyle = pen.fillStyle = colour("accent");
  pen.lineWidth = 2;
  pen.beginPath();
  frontier.forEach((point, i) => {
    if (i > 0) pen.lineTo(point.left, frontier[i - 1].top);
    pen.lineTo(point.left, point.top);
  });
  if (frontier.length) pen.lineTo(width - MARGIN.right, frontier.at(-1).top);
  pen.stroke();
  for (const point of frontier) {
    pen.beginPath();
    pen.arc(point.left, point.top, 4, 0, 7);
    pen.fill();
  }
  pen.fillStyle = pen.strokeStyle = colour("text");
  pen.textBaseline = "middle";
  for (const point of points.filter(({ entry }) => state.pins.includes(nameOf(entry)))) {
    pen.beginPath();
    pen.arc(point.left, point.top, 5.5, 0, 7);
    pen.stroke();
    const toLeft = point.left > width * 0.7;
    pen.textAlign = toLeft ? "right" : "left";
    pen.fillText(point.entry.model.name.split("/").at(-1), point.left + (toLeft ? -10 : 10), point.top);
  }
}

new ResizeObserver(() => draw()).observe(canvas);
document.documentElement.addEventListener("theme", draw);

// ---- pointing ----

function near(event) {
  let [best, distance] = [null, 20 ** 2];
  for (const point of points) {
    const far = (point.left - event.offsetX) ** 2 + (point.top - event.offsetY) ** 2;
    if (far < distance) [best, distance] = [point, far];
  }
  return best;
}

canvas.addEventListener("pointermove", (event) => {
  const point = near(event);
  tip.hidden = !point;
  canvas.classList.toggle("pointing", Boolean(point));
  if (!point) return;
  tip.replaceChildren(h("strong", {}, point.entry.model.name), h("br"),
    `${y.label} ${textOf(y, point.y)}, ${x.label} ${textOf(x, point.x)}`);
  const toLeft = point.left > canvas.clientWidth / 2;
  tip.style.transform = `translate(${point.left + (toLeft ? -12 : 12)}px, ${point.top + 12}px) translateX(${toLeft ? -100 : 0}%)`;
});
canvas.addEventListener("pointerleave", () => (tip.hidden = true));
canvas.addEventListener("click", (event) => {
  const point = near(event);
  if (point) pin(point.entry);
});
