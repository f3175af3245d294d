// Shows /openapi.json: with Swagger UI where it is there, else as a plain page.

const root = document.getElementById("docs");
let api;

// h("tag", child…): an element. Children are nodes and texts; an object sets properties.
function h(tag, ...children) {
  const element = document.createElement(tag);
  for (const child of children.flat(Infinity)) {
    if (child == null) continue;
    if (typeof child === "object" && !(child instanceof Node)) Object.assign(element, child);
    else element.append(child);
  }
  return element;
}

// The little of Markdown that descriptions use: `code` and **bold**.
const prose = (text = "") =>
  text.split(/(`[^`]+`|\*\*[^*]+\*\*)/).map((part) =>
    part.startsWith("`") ? h("code", part.slice(1, -1)) : part.startsWith("**") ? h("b", part.slice(2, -2)) : part);
const paragraphs = (text = "") => text.split("\n\n").map((part) => h("p", prose(part)));

const resolve = (thing) => (thing?.$ref ? thing.$ref.slice(2).split("/").reduce((node, key) => node[key], api) : thing);
const json = (value) => h("pre", typeof value === "string" ? value : JSON.stringify(value, null, 2));
const joined = (lists, separator) => lists.flatMap((list, i) => (i === 0 ? [list] : [separator, list]));
const table = (rows) => (rows.length === 0 ? [] : h("table", h("tbody", rows.map(([head, ...cells]) =>
  h("tr", h("th", { scope: "row" }, head), cells.map((cell) => h("td", cell)))))));

// What a schema is, in a few words; named ones are links.
function type(schema) {
  if (schema.$ref) {
    const name = schema.$ref.split("/").pop();
    return h("a", { href: `#schema-${name}` }, name);
  }
  const choices = schema.oneOf ?? schema.anyOf ?? schema.allOf;
  if (choices) return joined(choices.map(type), schema.allOf ? " and " : " or ");
  if (schema.const !== undefined) return h("code", JSON.stringify(schema.const));
  if (schema.enum) return joined(schema.enum.map((value) => h("code", String(value))), ", ");
  const types = [schema.type ?? "any"].flat().map((name) => {
    if (name === "array" && schema.items) return ["list of ", type(schema.items)];
    if (name === "object" && typeof schema.additionalProperties === "object") return ["map of ", type(schema.additionalProperties)];
    return name;
  });
  const { minimum, maximum } = schema;
  const range = minimum === undefined && maximum === undefined ? "" : ` ${minimum ?? ""}…${maximum ?? ""}`;
  return [joined(types, " or "), range, schema.default === undefined ? "" : [", default ", h("code", JSON.stringify(schema.default))]];
}

// The members of an object, in it and in what it is made of; those of a list's items as well.
function members(schema) {
  const required = new Set(schema.required);
  const own = Object.entries(schema.properties ?? {}).map(([name, property]) => [
    [h("code", name), required.has(name) ? "" : "?"],
    [h("div", type(property)), h("div", prose(property.description)),
      property.properties || property.items?.properties ? members(property.items ?? property) : []],
  ]);
  return [...(schema.allOf ?? []).map((part) => members(resolve(part))), table(own), schema.items?.properties ? members(schema.items) : []];
}

const body = (content) => Object.entries(content ?? {}).map(([media, { schema, example, examples }]) => [
  h("p", h("code", media), " ", type(schema)), schema.properties ? members(schema) : [],
  example === undefined ? Object.entries(examples ?? {}).map(([name, { value }]) => [h("p", `Example “${name}”:`), json(value)]) : json(example),
]);

function response([status, reference]) {
  const { description, headers, content } = resolve(reference);
  const rows = Object.entries(headers ?? {}).map(([name, header]) => [h("code", name), prose(resolve(header).description)]);
  return h("details", h("summary", h("b", status), prose(description)), body(content),
    rows.length === 0 ? [] : [h("p", "Headers:"), table(rows)]);
}

function operation(method, path, details) {
  const parameters = (details.parameters ?? []).map(resolve);
  const request = resolve(details.requestBody);
  const schemes = (details.security ?? []).flatMap(Object.keys).map((name) => api.components.securitySchemes[name]);
  return h("details", { id: details.operationId },
    h("summary", h("b", method.toUpperCase()), h("code", path), h("span", details.summary)),
    paragraphs(details.description), schemes.map((scheme) => h("p", h("b", scheme.name ?? "Authorization: Bearer"), " ", prose(scheme.description))),
    (details["x-codeSamples"] ?? []).map(({ source }) => json(source.replaceAll("http://localhost:7860", location.origin))),
    parameters.length === 0 ? [] : [h("h4", "Parameters"), table(parameters.map((parameter) => [
      [h("code", parameter.name), h("div", h("small", parameter.in, parameter.required ? ", required" : ""))],
      [h("div", type(parameter.schema)), h("div", prose(parameter.description))]]))],
    request ? [h("h4", "Body"), body(request.content)] : [],
    h("h4", "Answers"), Object.entries(details.responses).map(response));
}

function show() {
  const operations = Object.entries(api.paths).flatMap(([path, item]) =>
    Object.entries(item).map(([method, details]) => ({ tag: details.tags[0], element: () => operation(method, path, details) })));
  root.className = "plain";
  root.replaceChildren(
    h("h1", api.info.title, " ", api.info.version), h("p", h("a", { href: "/openapi.json" }, "/openapi.json"), `, OpenAPI ${api.openapi}`),
    ...paragraphs(api.info.description),
    ...api.tags.flatMap(({ name, description }) => [h("h2", name), h("p", prose(description)),
      ...operations.filter(({ tag }) => tag === name).map(({ element }) => element())]),
    h("h2", "Schemas"),
    ...Object.entries(api.components.schemas).map(([name, schema]) =>
      h("details", { id: `schema-${name}` }, h("summary", h("code", name)), paragraphs(schema.description),
        h("p", type(schema)), members(schema))));
  const open = () => { const target = document.getElementById(location.hash.slice(1)); if (target) { target.open = true; target.scrollIntoView(); } };
  addEventListener("hashchange", open);
  open();
}

if (window.SwaggerUIBundle) {
  SwaggerUIBundle({ url: "/openapi.json", dom_id: "#docs", deepLinking: true, defaultModelsExpandDepth: 0, validatorUrl: null });
} else {
  fetch("/openapi.json").then((answer) => answer.json()).then((document) => { api = document; show(); })
    .catch((error) => root.replaceChildren(h("p", `The description cannot be read: ${error.message}`)));
}
