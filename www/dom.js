// Elements from code. Text goes in as text nodes only, so that nobody's name becomes markup.

export const byId = (id) => document.getElementById(id);

// h("button", { class: "pin", onclick, "aria-label": … }, "text", element…). Of the properties true is set
// as a property, false and null are left out, and the rest are attributes.
export function h(tag, props, ...children) {
  const element = document.createElement(tag);
  for (const [key, value] of Object.entries(props ?? {})) {
    if (value === undefined || value === null || value === false) continue;
    if (key.startsWith("on")) element.addEventListener(key.slice(2), value);
    else if (key === "class") element.className = value;
    else if (key === "data") Object.assign(element.dataset, value);
    else if (value === true || key === "value") element[key] = value;
    else element.setAttribute(key, value);
  }
  element.append(...children.filter((child) => child !== null && child !== undefined && child !== false));
  return element;
}

// Redraws with `draw`, and puts the focus back on the element with the same data-key.
export function keepFocus(container, draw) {
  const key = container.contains(document.activeElement) ? document.activeElement.dataset.key : undefined;
  draw();
  if (key !== undefined)
    container.querySelector(`[data-key="${CSS.escape(key)}"]`)?.focus({ preventScroll: true });
}

export function debounce(wait_ms, act) {
  let timer;
  return (...values) => {
    clearTimeout(timer);
    timer = setTimeout(act, wait_ms, ...values);
  };
}

// Says what went wrong in `place`, with a button for what helps; empties it without a failure.
export function showFailure(place, failure, retry, name) {
  place.replaceChildren();
  if (!failure) return;
  place.append(
    h("div", { class: "error", role: "alert" }, h("p", {}, failure.message),
      retry && h("button", { type: "button", onclick: retry }, name || "Try again")));
}

let timer;
export function toast(text) {
  const place = byId("toast");
  place.textContent = text;
  clearTimeout(timer);
  timer = setTimeout(() => (place.textContent = ""), 6000);
}

const whole = new Intl.NumberFormat("en");
const few = new Intl.NumberFormat("en", { maximumFractionDigits: 2 });
export const count = (n) => whole.format(n);
export const number = (n) => few.format(n);
export const plural = (n, noun) => `${count(n)} ${noun}${n === 1 ? "" : "s"}`;

// Where a model lives, or nothing for a name that is no id of the Hub.
export const hubAddress = (name) => /^[\w.-]+\/[\w.-]+$/.test(name) ? `https://huggingface.co/${name}` : undefined;

export function modelName(name) {
  const slash = name.indexOf("/") + 1;
  const parts = [slash > 0 && h("span", { class: "provider" }, name.slice(0, slash)), name.slice(slash)];
  const href = hubAddress(name);
  return href ? h("a", { class: "name", href, target: "_blank", rel: "noopener noreferrer" }, ...parts)
              : h("span", { class: "name" }, ...parts);
}
