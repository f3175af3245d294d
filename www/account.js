// Who votes and submits. The token stays in this module's memory: it is in no storage, no address and
// no log, and gone with the page.

import { byId, h, toast } from "./dom.js";

let user = "";
let token = "";
const listeners = [];

export const who = () => (token ? { user, token } : null);
export const onAccount = (listener) => listeners.push(listener);

const button = byId("account");
let waiting = []; // who wants to know whether somebody signed in

// The fields have no names: even a form that a browser sends by itself holds nothing.
const userField = h("input", { autocomplete: "off", autocapitalize: "none", spellcheck: "false", maxlength: "96", required: true });
const tokenField = h("input", { type: "password", pattern: "\\s*[!-~]+\\s*", autocomplete: "off", spellcheck: "false", required: true });
const dialog = h("dialog", { id: "sign-in", "aria-labelledby": "sign-in-title" },
  h("form", { method: "dialog" },
    h("header", {}, h("h2", { id: "sign-in-title" }, "Sign in")),
    h("p", {}, "Votes and submissions carry your name. Any read token of the Hub says who you are; it stays in the memory of this page until you close or reload it."),
    h("label", { class: "field" }, "User name on the Hub", userField),
    h("label", { class: "field" }, "Access token", tokenField),
    h("div", { class: "bar end" },
      h("button", { type: "button", onclick: () => dialog.close() }, "Cancel"),
      h("button", { type: "submit", class: "main" }, "Sign in"))));

dialog.firstChild.addEventListener("submit", (event) => {
  event.preventDefault();
  set(userField.value.trim(), tokenField.value.trim());
  dialog.close();
});
dialog.addEventListener("close", () => {
  tokenField.value = "";
  for (const resolve of waiting.splice(0)) resolve(who());
});

function set(newUser, newToken) {
  [user, token] = [newUser, newToken];
  button.textContent = token ? `Sign out ${user}` : "Sign in";
  for (const listener of listeners) listener();
}

// Who signs in, or null when they would rather not.
export function signIn() {
  dialog.showModal();
  return new Promise((resolve) => waiting.push(resolve));
}

export const signedIn = async () => who() ?? signIn();

// The server knows no such token, or another's: whoever wants to go on signs in anew.
export const refused = () => set(user, "");

export function start() {
  document.body.append(dialog);
  button.addEventListener("click", () => {
    if (!token) return signIn();
    set("", "");
    userField.value = "";
    toast("Signed out: the token is forgotten.");
  });
}
