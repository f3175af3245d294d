// Two to four of the pinned models side by side.

import { byId, h, modelName } from "./dom.js";
import { cellOf, nameOf, textOf, valueOf } from "./fields.js";
import { entries } from "./models.js";
import { state, update } from "./state.js";

const MOST = 4;
const dialog = h("dialog", { id: "compare", "aria-labelledby": "compare-title" });
const chosen = h("fieldset", { class: "chosen" });
const only = h("input", { type: "checkbox", onchange: () => table.classList.toggle("differences", only.checked) });
const table = h("table", { class: "compare" });
dialog.append(
  h("header", {}, h("h2", { id: "compare-title" }, "Compare"),
    h("label", {}, only, " only what differs"),
    h("button", { type: "button", onclick: () => dialog.close() }, "Close")),
  chosen,
  h("div", { class: "scroll", tabindex: "0", role: "region", "aria-label": "Comparison" }, table));
document.body.append(dialog);
dialog.addEventListener("close", () => state.compare.length && update({ compare: [] }));
dialog.addEventListener("click", ({ target }) => target === dialog && dialog.close());

export async function show(fields) {
  if (state.compare.length < 2) return dialog.close();
  const pinned = await entries(state.pins);
  const models = (await entries(state.compare));
  if (models.length < 2) return dialog.close();
  drawChoice(pinned);
  drawTable(fields, models);
  if (!dialog.open) dialog.showModal();
}

function drawChoice(pinned) {
  const focused = chosen.contains(document.activeElement) ? document.activeElement.value : null;
  const inputs = pinned.map((entry) => {
    const name = nameOf(entry);
    const checked = state.compare.includes(name);
    const fixed = checked ? state.compare.length <= 2 : state.compare.length >= MOST;
    return h("label", {}, h("input", {
      type: "checkbox", value: name, checked, disabled: fixed,
      onchange: ({ target }) => update({
        compare: target.checked ? [...state.compare, name] : state.compare.filter((one) => one !== name),
      }, { quietly: true }),
    }), h("span", {}, `${entry.model.name} (${entry.model.precision ?? "?"})`));
  });
  chosen.hidden = pinned.length < 3;
  chosen.replaceChildren(h("legend", {}, "Two to four of the pinned models"), ...inputs);
  if (focused !== null) chosen.querySelector(`[value="${CSS.escape(focused)}"]`)?.focus();
}

function drawTable(fields, models) {
  table.replaceChildren(
    h("thead", {}, h("tr", {}, h("td", {}), ...models.map((entry) => h("th", { scope: "col" }, modelName(entry.model.name))))));
  let body;
  let group;
  for (const field of fields) {
    if (field.group !== group) {
      group = field.group;
      body = h("tbody", {}, h("tr", { class: "group" }, h("th", { colspan: models.length + 1, scope: "rowgroup" }, group)));
      table.append(body);
    }
    body.append(line(field, models));
  }
}

function line(field, models) {
  const values = models.map((entry) => valueOf(field, entry));
  const texts = values.map((value) => textOf(field, value));
  const same = texts.every((text) => text === texts[0]);
  const better = ["Scores", "Raw values"].includes(field.group);
  const best = better && !same ? Math.max(...values.filter((value) => typeof value === "number")) : NaN;
  return h("tr", { class: same ? "same" : "differs" }, h("th", { scope: "row" }, field.label),
    ...values.map((value, i) => h("td", { class: value === best ? "best" : null },
      cellOf(field, value), value === best && h("span", { class: "sr" }, " (best)"), difference(field, values, i))));
}

// By how much a number is above or below the first model's.
function difference(field, values, i) {
  const [first, value] = [values[0], values[i]];
  if (i === 0 || field.kind !== "number" || typeof first !== "number" || typeof value !== "number" || value === first) return null;
  const text = textOf(field, Math.abs(value - first));
  const judged = field.group === "Scores" || field.group === "Raw values";
  return h("small", { class: judged ? (value > first ? "more" : "less") : null }, ` ${value > first ? "+" : "−"}${text}`);
}
