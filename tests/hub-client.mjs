// The official JavaScript client against the local Hub: `node hub-client.mjs HUB_URL MODULES`.
//
// HUB_URL is a local Hub whose caller set HUB_LFS_PART_BYTES=100000 and imported
//   datasets/acme/many   2,100 files "f/NNNN.json", each {"n":NNNN}, and README.md
//   models/acme/tiny     README.md with front matter, config.json, and a model.safetensors with the
//                        header {"w":{"dtype":"F32","shape":[2,3],"data_offsets":[0,24]}}
// MODULES is a node_modules folder that has @huggingface/hub. Prints TAP; the first wrong result
// ends it with exit code 1.

import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { pathToFileURL } from "node:url";

const [hubUrl, modules] = process.argv.slice(2);
const hub = await import(pathToFileURL(`${modules}/@huggingface/hub/dist/index.mjs`));

const as = (name) => ({ hubUrl, accessToken: `hf_local_${name}` });
const many = { type: "dataset", name: "acme/many" };
const tiny = { type: "model", name: "acme/tiny" };
const mine = { type: "dataset", name: "alice/notes" };
const text = async (parameters) => (await hub.downloadFile(parameters))?.text();
const gitOid = (content) =>
  createHash("sha1").update(`blob ${Buffer.byteLength(content)}\0${content}`).digest("hex");
const list = async (parameters) => {
  const entries = [];
  for await (const entry of hub.listFiles(parameters)) entries.push(entry);
  return entries;
};
const commit = (operations, more = {}) =>
  hub.commit({ ...as("alice"), repo: mine, title: "t", operations, useXet: false, ...more });
const add = (path, content) => ({
  operation: "addOrUpdate",
  path,
  content: new Blob([content]),
});

let number = 0;
let head;
async function check(name, body) {
  try {
    await body();
    console.log(`ok ${++number} - ${name}`);
  } catch (error) {
    console.log(`not ok ${++number} - ${name}\n${error.stack ?? error}`.replaceAll("\n", "\n# "));
    process.exit(1);
  }
}
const status = (code) => (error) => error.statusCode === code;

await check("whoAmI names the token's owner", async () => {
  const user = await hub.whoAmI(as("alice"));
  assert.equal(user.type, "user");
  assert.equal(user.name, "alice");
  assert.equal((await hub.whoAmI(as("acme"))).type, "org");
});
await check("whoAmI refuses an unknown token", () =>
  assert.rejects(hub.whoAmI(as("nobody")), status(401)));

await check("listFiles follows the pages", async () => {
  const files = await list({ hubUrl, repo: many, recursive: true });
  assert.equal(files.length, 2102);
  assert.equal(new Set(files.map((file) => file.path)).size, 2102);
  assert.deepEqual(
    files.find((file) => file.path === "f/0042.json"),
    { type: "file", path: "f/0042.json", size: 10, oid: gitOid('{"n":0042}') },
  );
});
await check("listFiles without recursion shows folders", async () => {
  const files = await list({ hubUrl, repo: many, expand: true });
  assert.deepEqual(files.map((file) => `${file.type} ${file.path}`), ["file README.md", "directory f"]);
  assert.equal(files[0].lastCommit.title, "import");
});
await check("listFiles of a folder that is not there fails", () =>
  assert.rejects(list({ hubUrl, repo: many, path: "nope" }), status(404)));

await check("downloadFile gives a regular file", async () =>
  assert.equal(await text({ hubUrl, repo: many, path: "f/0042.json" }), '{"n":0042}'));
await check("downloadFile gives a range", async () => {
  const file = await hub.downloadFile({ hubUrl, repo: many, path: "f/0042.json" });
  assert.equal(await file.slice(1, 4).text(), '"n"');
});
await check("downloadFile of what is not there is null", async () =>
  assert.equal(await hub.downloadFile({ hubUrl, repo: many, path: "nope" }), null));
await check("fileExists", async () => {
  assert.equal(await hub.fileExists({ hubUrl, repo: many, path: "README.md" }), true);
  assert.equal(await hub.fileExists({ hubUrl, repo: many, path: "nope" }), false);
});
await check("pathsInfo", async () => {
  const paths = ["f", "f/0001.json", "nope"];
  const infos = await hub.pathsInfo({ hubUrl, repo: many, paths });
  assert.deepEqual(infos.map((info) => `${info.type} ${info.path} ${info.size}`), [
    "directory f 0",
    "file f/0001.json 10",
  ]);
});

await check("modelInfo", async () => {
  const info = await hub.modelInfo({
    hubUrl,
    name: "acme/tiny",
    additionalFields: ["sha", "cardData", "config", "safetensors", "tags", "library_name"],
  });
  assert.equal(info.name, "acme/tiny");
  assert.equal(info.task, "text-generation");
  assert.equal(info.private, false);
  assert.equal(info.gated, false);
  assert.match(info.sha, /^[0-9a-f]{40}$/);
  assert.equal(info.cardData.license, "apache-2.0");
  assert.deepEqual(info.cardData.base_model, ["acme/base"]);
  assert.deepEqual(info.config.architectures, ["LlamaForCausalLM"]);
  assert.equal(info.safetensors.total, 6);
  assert.ok(info.tags.includes("license:apache-2.0"));
});
await check("datasetInfo", async () => {
  const info = await hub.datasetInfo({ hubUrl, name: "acme/many", additionalFields: ["sha", "author"] });
  assert.equal(info.name, "acme/many");
  assert.equal(info.author, "acme");
  assert.ok(Date.now() - info.updatedAt.getTime() < 3600e3);
});
await check("parseSafetensorsMetadata", async () => {
  const metadata = await hub.parseSafetensorsMetadata({
    hubUrl,
    repo: tiny,
    computeParametersCount: true,
  });
  assert.equal(metadata.sharded, false);
  assert.deepEqual(metadata.parameterCount, { F32: 6 });
});
await check("repoExists and checkRepoAccess", async () => {
  assert.equal(await hub.repoExists({ hubUrl, repo: many }), true);
  assert.equal(await hub.repoExists({ hubUrl, repo: mine }), false);
  await hub.checkRepoAccess({ hubUrl, repo: many });
  await assert.rejects(hub.checkRepoAccess({ ...as("alice"), repo: mine }), status(404));
});

await check("createRepo, then a commit of new files", async () => {
  const created = await hub.createRepo({ ...as("alice"), repo: mine });
  assert.equal(created.repoUrl, `${hubUrl}/datasets/alice/notes`);
  const made = await commit([add("a/b c.json", '{"x":1}\n'), add("empty.txt", ""), add("ü.md", "ü")]);
  head = made.commit.oid;
  assert.equal((await hub.datasetInfo({ hubUrl, name: mine.name, additionalFields: ["sha"] })).sha, head);
  assert.equal(await text({ hubUrl, repo: mine, path: "a/b c.json" }), '{"x":1}\n');
  assert.equal(await text({ hubUrl, repo: mine, path: "ü.md" }), "ü");
});
await check("an empty file is empty", async () =>
  assert.equal(await text({ hubUrl, repo: mine, path: "empty.txt" }), ""));
await check("a file is overwritten, and its old revision stays", async () => {
  const made = await commit([add("a/b c.json", "2")], { parentCommit: head });
  assert.equal(await text({ hubUrl, repo: mine, path: "a/b c.json" }), "2");
  assert.equal(await text({ hubUrl, repo: mine, path: "a/b c.json", revision: head }), '{"x":1}\n');
  assert.notEqual(made.commit.oid, head);
});
await check("a commit on a parent that is no longer main's tip is refused with 412", () =>
  assert.rejects(commit([add("x", "x")], { parentCommit: head }), status(412)));
await check("a file is deleted", async () => {
  await hub.deleteFile({ ...as("alice"), repo: mine, path: "a/b c.json" });
  assert.equal(await hub.fileExists({ hubUrl, repo: mine, path: "a/b c.json" }), false);
  await assert.rejects(hub.deleteFile({ ...as("alice"), repo: mine, path: "a/b c.json" }), status(404));
});

for (const [name, size] of [["one piece", 5000], ["parts", 1234567]]) {
  await check(`an LFS file goes up in ${name} and comes down`, async () => {
    const bytes = Buffer.alloc(size, `bytes of ${name}. `);
    await commit([add("data/w.bin", bytes)]);
    const [info] = await hub.pathsInfo({ hubUrl, repo: mine, paths: ["data/w.bin"] });
    assert.equal(info.lfs.oid, createHash("sha256").update(bytes).digest("hex"));
    assert.equal(info.size, size);
    const file = await hub.downloadFile({ ...as("alice"), repo: mine, path: "data/w.bin" });
    assert.deepEqual(Buffer.from(await file.arrayBuffer()), bytes);
    const pointer = await text({ hubUrl, repo: mine, path: "data/w.bin", raw: true });
    assert.equal(
      pointer,
      `version https://git-lfs.github.com/spec/v1\noid sha256:${info.lfs.oid}\nsize ${size}\n`,
    );
    assert.equal(info.oid, gitOid(pointer));
  });
}

await check("nobody writes another's repo", () =>
  assert.rejects(
    hub.uploadFile({ ...as("bob"), repo: mine, file: new File(["x"], "x"), useXet: false }),
    status(403),
  ));
await check("the server's token writes every repo", async () => {
  await hub.uploadFile({ ...as("server"), repo: mine, file: new File(["x"], "x"), useXet: false });
  assert.equal(await text({ hubUrl, repo: mine, path: "x" }), "x");
});
console.log(`1..${number}`);
