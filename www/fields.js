// What an entry of the leaderboard holds, whatever it is: nothing here knows a benchmark.

import { h, modelName, number } from "./dom.js";

const LABELS = {
  average_score: "Average", params_billions: "Params (B)", co2_cost: "CO₂ (kg)", hub_hearts: "Hearts",
  hub_license: "License", sha: "Revision", is_moe: "Mixture of experts",
  is_not_available_on_hub: "Not on the Hub", is_official_provider: "Official provider",
};
// The API writes types without spaces.
const TYPES = {
  basemergesandmoerges: "merge", chatmodels: "chat", continuouslypretrained: "continued pretraining",
  "fine-tunedondomain-specificdatasets": "fine-tuned",
};

const upper = (text) => text[0].toUpperCase() + text.slice(1);
export const title = (key) => LABELS[key] ?? upper(key.replace(/^is_/, "").replaceAll("_", " "));
export const typeName = (type) => TYPES[type] ?? type.replace(/^[^\p{L}\p{N}]+/u, "");

// What names an entry, as the API's comparison reads it too.
export const nameOf = ({ model }) => `${model.name}:${model.precision ?? ""}@${(model.sha ?? "").slice(0, 8)}`;
export const modelOf = (name) => name.replace(/:[^:]*@[^@]*$/, "");

// A page may lack every value of a field: what it was before counts then.
const kinds = new Map();
function kindOf(path, values) {
  const value = values.find((one) => one !== null && one !== undefined);
  const kind = typeof value === "number" ? "number" : typeof value === "boolean" ? "flag" : "text";
  if (value !== undefined || !kinds.has(path)) kinds.set(path, kind);
  return kinds.get(path);
}

// The fields of these entries in the order of the table: {key, label, group, kind, path, of(entry)}, the
// path being that of the API's parameter `fields`.
export function fieldsOf(entries) {
  const first = entries[0];
  if (!first) return [];
  const field = (group, key, label, path, of) =>
    ({ key, label, group, path, of, kind: kindOf(key, entries.map(of)) });
  const part = (group, name) => Object.keys(first[name] ?? {}).filter((key) => key !== "name")
    .map((key) => field(group, key, title(key), `${name}.${key}`, (entry) => entry[name]?.[key]));
  const evaluations = Object.entries(first.evaluations ?? {});
  const model = part("Model", "model");
  const isScore = ({ kind }) => kind === "number";
  for (const one of model.filter(isScore)) one.group = "Scores";
  return [
    ...model.filter(isScore),
    ...evaluations.map(([key, { name }]) =>
      field("Scores", key, name, `evaluations.${key}`, (entry) => entry.evaluations?.[key]?.normalized_score)),
    ...part("About", "metadata").sort((a, b) => (b.key === "params_billions") - (a.key === "params_billions")),
    ...model.filter((one) => !isScore(one)),
    ...part("Flags", "features"),
    ...evaluations.map(([key, { name }]) =>
      field("Raw values", `${key}.value`, `${name} raw`, `evaluations.${key}`, (entry) => entry.evaluations?.[key]?.value)),
  ];
}

const SCORES = 12; // benchmarks that are shown unless asked for others
export function defaultColumns(fields) {
  const scores = fields.filter(({ group }) => group === "Scores").slice(0, SCORES).map(({ key }) => key);
  const others = fields.map(({ key }) => key).filter((key) => ["params_billions", "type", "precision"].includes(key));
  return [...scores, ...others];
}

// The score that orders the table by itself.
export const mainScore = (fields) =>
  fields.find(({ key }) => key === "average_score") ?? fields.find(({ group }) => group === "Scores");

// Sizes that are not known come as -1.
export const valueOf = (field, entry) => {
  const value = field.of(entry);
  return field.key === "params_billions" && value <= 0 ? null : value;
};

export function textOf(field, value) {
  if (value === null || value === undefined || value === "") return "–";
  if (field.kind === "flag") return value ? "yes" : "no";
  if (field.kind === "number") return field.group === "Scores" ? value.toFixed(2)
                                    : field.group === "Raw values" ? value.toFixed(4) : number(value);
  if (field.key === "type") return typeName(value);
  return String(value);
}

// A value as something to put into a cell.
export function cellOf(field, value) {
  const text = textOf(field, value);
  if (field.key === "base_model" && value) return modelName(value);
  if (field.key === "sha" && value) return h("code", { title: value }, text.slice(0, 8));
  return text;
}
