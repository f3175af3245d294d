// What waits for its evaluation, and the votes on it.

import { onAccount, refused, signedIn, who } from "./account.js";
import * as api from "./api.js";
import { byId, count, h, keepFocus, modelName, showFailure, toast } from "./dom.js";

const MORE = 50;
const section = byId("queue");
const one = api.latest();
const error = h("div");
const counts = h("dl", { class: "counts" });
const find = h("input", { type: "search", placeholder: "Find a model that waits", oninput: () => drawRows() });
const rows = h("tbody");
const more = h("button", { type: "button", onclick: () => ((shown += MORE), drawRows()) }, "Show more");
const said = h("p", { role: "status" });
section.append(
  h("h2", { id: "queue-title", tabindex: "-1" }, "Queue"), error, counts,
  h("div", { class: "bar" }, h("label", { class: "grow" }, h("span", { class: "sr" }, "Find a model that waits"), find), said),
  h("div", { class: "scroll", tabindex: "0", role: "region", "aria-label": "Models that wait" },
    h("table", { id: "pending" },
      h("caption", { class: "sr" }, "Models that wait for their evaluation, those with the most votes first"),
      h("thead", {}, h("tr", {}, ...["Model", "Votes", "Your vote", "Precision", "Waiting", "Submitted by", "Type"].map((name) =>
        h("th", { scope: "col", class: name === "Votes" ? "number" : null }, name)))), rows)),
  h("div", { class: "bar end" }, more));

let waiting = [];
let mine = new Map(); // the vote of who is signed in, by model and revision
let shown = MORE;
const keyOf = ({ name, revision }) => `${name} ${revision}`;

export async function show() {
  section.setAttribute("aria-busy", "true");
  try {
    const [lists, pending] = await one((signal) => Promise.all([api.queue(signal), api.pending(signal)]));
    waiting = pending;
    showFailure(error);
    counts.replaceChildren(...Object.entries(lists).map(([name, list]) =>
      h("div", {}, h("dt", {}, name[0].toUpperCase() + name.slice(1)), h("dd", {}, count(list.length)))));
    drawRows();
  } catch (failure) {
    showFailure(error, failure, show);
  } finally {
    section.setAttribute("aria-busy", "false");
  }
}

const UNITS = [["d", 86400], ["h", 3600], ["min", 60], ["s", 1]];
function duration(text) {
  const seconds = Number.parseFloat(text);
  const [unit, length] = UNITS.find(([, length]) => seconds >= length) ?? UNITS.at(-1);
  return Number.isNaN(seconds) ? "–" : `${count(Math.floor(seconds / length))} ${unit}`;
}

function drawRows() {
  const wanted = find.value.trim().toLowerCase();
  const found = waiting.filter(({ name }) => name.toLowerCase().includes(wanted));
  said.textContent = found.length ? `${count(Math.min(shown, found.length))} of ${count(found.length)} shown`
                                  : waiting.length ? "None of those that wait is called so." : "Nothing waits.";
  more.hidden = found.length <= shown;
  keepFocus(rows, () => rows.replaceChildren(...found.slice(0, shown).map(row)));
}

function row(entry) {
  const voted = mine.get(keyOf(entry));
  const button = (type, sign) => h("button", {
    type: "button", class: "vote", "aria-pressed": String(voted === type), disabled: Boolean(voted) && voted !== type,
    "aria-label": `Vote ${type} ${entry.name}`, data: { key: `${type} ${keyOf(entry)} ${entry.precision}` },
    onclick: () => voted || cast(entry, type),
  }, sign);
  return h("tr", {}, h("th", { scope: "row" }, modelName(entry.name)),
    h("td", { class: "number" }, count(entry.votes ?? 0)),
    h("td", {}, h("span", { class: "votes" }, button("up", "▲"), button("down", "▼"))),
    h("td", {}, entry.precision), h("td", { title: entry.submission_time }, duration(entry.wait_time)),
    h("td", {}, entry.submitter), h("td", {}, entry.model_type));
}

async function cast(entry, type) {
  const person = await signedIn();
  if (!person) return;
  try {
    const answer = await api.vote(entry.name, type, person);
    toast(answer.message);
    mine.set(`${answer.model_id ?? entry.name} ${answer.revision ?? entry.revision}`, type);
    showFailure(error);
    await show();
  } catch (failure) {
    if ([401, 403].includes(failure.status)) refused();
    showFailure(error, failure);
    error.scrollIntoView({ block: "nearest" });
  }
}

async function readMine() {
  const person = who();
  mine = new Map();
  try {
    for (const vote of person ? await api.votesOf(person.user) : []) mine.set(`${vote.model} ${vote.revision}`, vote.vote_type);
  } catch {} // the buttons then offer a vote that the server refuses with its reason
  if (person === who() || person?.token === who()?.token) drawRows();
}
onAccount(readMine);
if (who()) readMine();
