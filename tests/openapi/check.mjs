// Holds the description of the API against what it describes:
//
//   node check.mjs DOCUMENT MODULES examples
//   node check.mjs DOCUMENT MODULES answers API [exact]   requests from standard input, a line each:
//       OPERATION STATUS TARGET [{"headers": {…}, "body": "…"}]
//   node check.mjs DOCUMENT MODULES samples API           the document's own curl commands
//
// MODULES is a node_modules folder with ajv and ajv-formats. `exact` means that the server has the default
// leaderboard: then the entries' members are all known. Prints what is wrong, and how much was checked.

import { spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";

const [file, modules, command, api, exact] = process.argv.slice(2);
const require = createRequire(join(resolve(modules), "x.js"));
const Ajv = require("ajv/dist/2020").default;
const formats = require("ajv-formats").default;

const doc = JSON.parse(readFileSync(file, "utf8"));
if (exact) for (const name of ["Model", "Features", "Metadata"]) doc.components.schemas[name].additionalProperties = false;

const ajv = new Ajv({ allErrors: true, allowUnionTypes: true, strictTypes: false, strictRequired: false });
formats(ajv);
ajv.addVocabulary(Object.keys(doc)); // the document is no schema itself, but holds some
ajv.addSchema(doc, "doc", undefined, false);

const pointer = (...keys) => "doc#/" + keys.map((key) => encodeURIComponent(key.replaceAll("~", "~0").replaceAll("/", "~1"))).join("/");
const follow = (keys) => {
  const node = keys.reduce((value, key) => value[key], doc);
  return node?.$ref ? follow(node.$ref.slice(2).split("/")) : { node, keys };
};

let checked = 0, wrong = 0;
function complain(where, what) {
  wrong++;
  console.log(`${where}: ${what}`);
}

const compiled = new Map();
function validate(where, keys, value) {
  const at = pointer(...keys);
  if (!compiled.has(at)) compiled.set(at, ajv.compile({ $ref: at }));
  const valid = compiled.get(at);
  checked++;
  if (valid(value)) return;
  for (const { instancePath, message, params } of valid.errors.slice(0, 12)) complain(where, `${instancePath} ${message} ${JSON.stringify(params)}`);
}

const operations = Object.entries(doc.paths).flatMap(([path, item]) => Object.entries(item).map(([method, details]) => ({ path, method, details, keys: ["paths", path, method] })));

// Server-sent events as objects; comments and the stream's own fields are none.
const events = (text) => text.split("\n\n").map((block) => Object.fromEntries(block.split("\n").map((line) => line.match(/^(event|id|data): ?(.*)$/)?.slice(1, 3)).filter(Boolean)))
  .filter(({ event }) => event).map(({ data, ...rest }) => ({ ...rest, data: JSON.parse(data) }));

// What every answer may carry; the description says so once, for all.
const GENERAL = /^(date|connection|keep-alive|transfer-encoding|content-(type|length|encoding|security-policy)|vary|x-content-type-options|x-frame-options|referrer-policy|cross-origin-resource-policy|x-accel-buffering)$/;

function checkAnswer(where, { keys, details }, status, headers, body) {
  const known = details.responses[status] ? String(status) : "default";
  const { node: response, keys: at } = follow([...keys, "responses", known]);
  const documented = Object.keys(response.headers ?? {});
  for (const name of documented) {
    const { node: header, keys: place } = follow([...at, "headers", name]);
    const given = headers.get(name.toLowerCase());
    if (given === undefined && header.required) complain(where, `${name} is not there`);
    if (given !== undefined) validate(`${where} ${name}`, [...place, "schema"], header.schema.type === "integer" ? Number(given) : given);
  }
  for (const name of headers.keys())
    if (!GENERAL.test(name) && !name.startsWith("access-control-") && !documented.some((other) => other.toLowerCase() === name)) complain(where, `${name} is not documented`);
  if (response.content === undefined) {
    if (body.length !== 0) complain(where, "has a body");
    return;
  }
  const type = (headers.get("content-type") ?? "").split(";")[0];
  const media = [...at, "content", type];
  if (response.content[type] === undefined) return complain(where, `answers ${type}, which is not documented`);
  const text = body.toString("utf8");
  if (type === "application/json") return validate(where, [...media, "schema"], JSON.parse(text));
  validate(where, [...media, "schema"], text);
  if (type === "text/event-stream") for (const event of events(text)) validate(where, [...media, "schema", "contentSchema"], event);
}

// Checks what comes back from curl, which `run` runs with the options that it is given.
function ask(where, operation, wanted, run) {
  const folder = mkdtempSync(join(tmpdir(), "openapi."));
  const out = ["-s", "--max-time", operation.details.operationId === "streamEvents" ? "2" : process.env.PATIENCE ?? "20", "-D", join(folder, "headers"), "-o", join(folder, "body")];
  run(out);
  try {
    const lines = readFileSync(join(folder, "headers"), "latin1").trim().split("\r\n");
    const status = Number(lines[0].split(" ")[1]);
    const headers = new Map();
    for (const line of lines.slice(1)) {
      const name = line.slice(0, line.indexOf(":")).toLowerCase(), value = line.slice(line.indexOf(":") + 1).trim();
      headers.set(name, headers.has(name) ? `${headers.get(name)}, ${value}` : value);
    }
    let body = Buffer.alloc(0);
    try { body = readFileSync(join(folder, "body")); } catch { /* none came */ }
    if (status !== wanted) return complain(where, `expected ${wanted}, got ${status}: ${body.toString("utf8").slice(0, 300)}`);
    checkAnswer(where, operation, status, headers, body);
  } finally {
    rmSync(folder, { recursive: true });
  }
}

const quote = (text) => `'${text.replaceAll("'", "'\\''")}'`;

const commands = {
  examples() {
    const media = (where, keys) => {
      const { node } = follow(keys);
      const examples = node.examples ? Object.entries(node.examples).map(([name, { value }]) => [name, value]) : "example" in node ? [["example", node.example]] : [];
      for (const [name, value] of examples) {
        validate(`${where} ${name}`, [...keys, "schema"], value);
        if (keys.at(-1) === "text/event-stream") for (const event of events(value)) validate(where, [...keys, "schema", "contentSchema"], event);
      }
      return examples.length;
    };
    for (const { path, method, details, keys } of operations) {
      const where = details.operationId;
      if (!details["x-codeSamples"]?.length) complain(where, "has no example of a request");
      for (const content of Object.keys(details.requestBody?.content ?? {}))
        if (!media(`${where} request`, [...keys, "requestBody", "content", content])) complain(where, "has no example of a body");
      (details.parameters ?? []).forEach((_, i) => {
        const { node, keys: at } = follow([...keys, "parameters", String(i)]);
        if ("example" in node) validate(`${where} ${node.name}`, [...at, "schema"], node.example);
        if ("default" in node.schema) validate(`${where} ${node.name} default`, [...at, "schema"], node.schema.default);
        if (node.in === "path" && !path.includes(`{${node.name}}`)) complain(where, `${path} has no {${node.name}}`);
      });
      for (const status of Object.keys(details.responses)) {
        const { node, keys: at } = follow([...keys, "responses", status]);
        for (const type of Object.keys(node.content ?? {}))
          if (!media(`${where} ${status}`, [...at, "content", type]) && !type.includes("parquet")) complain(where, `${status} has no example`);
      }
    }
    for (const [name, header] of Object.entries(doc.components.headers)) validate(`header ${name}`, ["components", "headers", name, "schema"], header.example);
  },

  answers() {
    for (const line of readFileSync(0, "utf8").split("\n").filter((text) => text.trim() && !text.startsWith("#"))) {
      const [, id, status, target, more] = line.match(/^(\S+) (\d+) (\S+) ?(.*)$/);
      const operation = operations.find(({ details }) => details.operationId === id);
      if (operation.details.responses[status] === undefined) complain(line, "is not documented");
      const { headers = {}, body } = more ? JSON.parse(more) : {};
      const parameters = Object.entries(headers).flatMap(([name, value]) => ["-H", `${name}: ${value}`]).concat(body === undefined ? [] : ["--data-binary", body], `${api}${target}`);
      ask(line.slice(0, 140), operation, Number(status), (out) => spawnSync("curl", [...out, "-X", operation.method.toUpperCase(), ...parameters]));
    }
  },

  samples() {
    for (const operation of operations)
      for (const { source } of operation.details["x-codeSamples"]) {
        const status = Object.keys(operation.details.responses).find((key) => key === "202" || key === "200" && !operation.details.responses["202"]);
        ask(source, operation, Number(status), (out) => spawnSync("sh", ["-c", source.replaceAll("http://localhost:7860", api).replace("curl ", () => `curl ${out.map(quote).join(" ")} `).replace(" -OJ ", " ")]));
      }
  },
};

commands[command]();
console.log(`${checked} checked, ${wrong} wrong`);
process.exit(wrong === 0 && checked > 0 ? 0 : 1);
