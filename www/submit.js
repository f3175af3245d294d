// A model is submitted; what the server says about it is shown word by word.

import { onAccount, refused, signedIn, who } from "./account.js";
import * as api from "./api.js";
import { byId, h, modelName } from "./dom.js";
import { update } from "./state.js";

const PRECISIONS = ["float16", "bfloat16", "float32", "8bit", "4bit", "GPTQ"];
const WEIGHTS = ["Original", "Delta", "Adapter"];
const TYPES = ["pretrained", "continuously pretrained", "fine-tuned on domain-specific datasets", "chat", "merge", "multimodal", "other"];

const input = (name, props) => h("input", { name, maxlength: "193", autocomplete: "off", autocapitalize: "none", spellcheck: "false", ...props });
const select = (name, choices, props) => h("select", { name, ...props }, ...choices.map((one) => h("option", {}, one)));
const field = (label, control, help) => h("label", { class: "field" }, label, control, help && h("small", {}, help));

const section = byId("submit");
const base = field("Base model", input("base_model", { placeholder: "provider/name" }), "What the delta or adapter is applied to.");
const identity = h("p", { class: "help" });
const result = h("div", { "aria-live": "polite" });
const button = h("button", { type: "submit", class: "main" }, "Submit");
const form = h("form", { class: "submission", noValidate: true },
  field("Model", input("model_id", { placeholder: "provider/name", required: true }), "Its id on the Hub."),
  field("Revision", input("revision", { placeholder: "main" }), "A branch, tag or commit."),
  field("Type", input("model_type", { list: "types" })), h("datalist", { id: "types" }, ...TYPES.map((value) => h("option", { value }))),
  field("Precision", select("precision", PRECISIONS)),
  field("Weights", select("weight_type", WEIGHTS, { onchange: () => adapt() })),
  base,
  h("label", { class: "check" }, h("input", { type: "checkbox", name: "use_chat_template" }), h("span", {}, "Use its chat template")),
  identity,
  h("div", { class: "bar" }, button));
section.append(
  h("h2", { id: "submit-title", tabindex: "-1" }, "Submit a model"),
  h("p", { class: "help" }, "It needs a card with a licence, a tokenizer, safetensors weights, and a config.json without code of its own."),
  form, result);

const adapt = () => (base.hidden = form.elements.weight_type.value === "Original");

function tellWho() {
  const person = who();
  identity.textContent = person ? `You submit as ${person.user}.` : "You will be asked to sign in.";
}

form.addEventListener("submit", async (event) => {
  event.preventDefault();
  const person = await signedIn();
  if (!person) return;
  const wish = { use_chat_template: form.elements.use_chat_template.checked };
  for (const { name, value } of form.elements)
    if (name && name !== "use_chat_template" && value.trim()) wish[name] = value.trim();
  if (wish.weight_type === "Original") delete wish.base_model;
  button.disabled = true;
  result.replaceChildren(h("p", { class: "note" }, "The server looks at the model…"));
  try {
    succeeded(await api.submit(wish, person));
  } catch (failure) {
    if ([401, 403].includes(failure.status)) refused();
    failed(failure);
  } finally {
    button.disabled = false;
  }
});

function succeeded(answer) {
  result.replaceChildren(h("div", { class: "note good" },
    h("p", {}, h("strong", {}, answer.message)),
    h("p", {}, modelName(answer.model), ` at revision ${answer.revision} in ${answer.precision}`,
      answer.queue_position ? `, place ${answer.queue_position} of the queue.` : "."),
    h("button", { type: "button", onclick: () => update({ view: "queue" }) }, "To the queue")));
  form.reset();
  adapt();
}

// The server's words, and what it adds to them: the submission that stands in the way.
function failed({ message, body }) {
  const existing = body?.submission;
  result.replaceChildren(h("div", { class: "error", role: "alert" }, h("p", {}, message),
    existing && h("dl", { class: "facts" }, ...Object.entries(existing)
      .filter(([, value]) => value !== null && typeof value !== "object")
      .flatMap(([name, value]) => [h("dt", {}, name.replaceAll("_", " ")), h("dd", {}, String(value))]))));
}

onAccount(tellWho);
adapt();

export const show = tellWho;
