// One step of tests/page.bats in a browser: `node page.mjs ADDRESS MODULES CHROMIUM STEP`.
//
// Every step starts with a fresh browser and fails as well when the page wrote an error to the console,
// threw, or sent a token with anything but a vote or a submission.

import assert from "node:assert/strict";
import { createRequire } from "node:module";

const [address, modules, executablePath, step] = process.argv.slice(2);
const { chromium } = createRequire(`${modules}/`)("playwright-core");
const TOKEN = "hf_local_alice";
const HOSTILE = "acme/<img src=x onerror=pwned=1>";

let page;
let expected = /^$/; // what the console may say: answers of the server that a step wants
const open = async (path = "/") => {
  await page.goto(address + path);
  await page.waitForSelector("[aria-busy=false], #submit h2");
};
const text = (selector) => page.textContent(selector);
const rows = () => page.locator("#table tbody.rows tr");
const names = () => page.locator("#table tbody.rows .name").allTextContents();
const column = (n) => page.locator(`#table tbody.rows tr > :nth-child(${n})`).allTextContents();
const counted = async () => Number((await text("#count")).replace(/,/g, "").match(/^\d+/)?.[0] ?? 0);
const until = (test, ...values) => page.waitForFunction(test, ...values);
const countBecomes = (pattern) => until(([source]) => new RegExp(source).test(document.getElementById("count").textContent), [pattern.source]);
const query = () => new URL(page.url()).searchParams;
const queryBecomes = (name, value) => until(([n, v]) => new URLSearchParams(location.search).get(n) === v, [name, value]);
const api = async (path) => (await page.request.get(`${address}/api/${path}`)).json();
const found = async (search) =>
  (await api(`leaderboard/formatted?sort=-average&limit=50&search=${search}`)).models.map(({ model }) => model.name);
const sorted = (list, order) => assert.deepEqual(list, [...list].sort(order));

async function signIn(token = TOKEN) {
  await page.fill("#sign-in input:not([type=password])", "alice");
  await page.fill("#sign-in [type=password]", token);
  await page.keyboard.press("Enter");
}

// Tab until the focus is on what is wanted.
async function tabTo(selector, most = 60) {
  for (let i = 0; i < most; i++) {
    await page.keyboard.press("Tab");
    if (await page.evaluate((wanted) => document.activeElement.matches(wanted), selector)) return;
  }
  assert.fail(`no way to ${selector} by ${most} tabs`);
}

const steps = {
  async load() {
    await open();
    assert.equal(await rows().count(), 50);
    const all = await api("leaderboard/formatted?sort=-average_score&limit=50");
    assert.equal(await counted(), all.total);
    assert.deepEqual(await names(), all.models.map(({ model }) => model.name));
    const headers = await page.locator("#table thead th").allTextContents();
    for (const { name } of Object.values(all.models[0].evaluations)) assert.ok(headers.some((header) => header.includes(name)), name);
    assert.match(await text("#as-of"), /^As of .*\d{4}/);
  },

  async search() {
    await open("/?page=3");
    await page.fill("#search", "fjord");
    await countBecomes(/^\d[\d,]* models?, 1 to/);
    await queryBecomes("search", "fjord");
    assert.equal(query().get("page"), null);
    assert.deepEqual(await names(), await found("fjord"));
    const one = await counted();
    await page.fill("#search", "fjord; tundra");
    await until((before) => !document.getElementById("count").textContent.startsWith(before.toLocaleString("en")), one);
    assert.equal(await counted(), (await api("leaderboard/formatted?search=fjord;tundra&limit=1")).total);
    await page.fill("#search", "no such model");
    await countBecomes(/^No model/);
    assert.match(await text(".empty"), /No model matches/);
    await page.click(".empty button");
    await countBecomes(/, 1 to 50/);
    assert.equal(await page.inputValue("#search"), "");
  },

  async sort() {
    await open();
    assert.equal(await page.getAttribute("th:has-text('Average')", "aria-sort"), "descending");
    const header = page.locator("#table thead th").nth(2);
    await header.locator("button").click();
    await until(() => document.querySelectorAll("#table thead th")[2].getAttribute("aria-sort") === "descending");
    sorted((await column(3)).map(Number), (a, b) => b - a);
    assert.match(query().get("sort"), /^-/);
    await header.locator("button").click();
    await until(() => document.querySelectorAll("#table thead th")[2].getAttribute("aria-sort") === "ascending");
    sorted((await column(3)).map(Number), (a, b) => a - b);
    assert.equal(await page.locator("#table [aria-sort]").count(), 1);
    await page.goBack();
    await until(() => document.querySelectorAll("#table thead th")[2].getAttribute("aria-sort") === "descending");
  },

  async filter() {
    await open();
    const all = await counted();
    await page.click("#filters-button");
    assert.equal(await page.getAttribute("#filters-button", "aria-expanded"), "true");
    await page.check("#filters [name=precision][value=float16]");
    await queryBecomes("precision", "float16");
    await page.check("#filters [value=merged]");
    await queryBecomes("hide", "merged");
    await page.fill("#filters [name=max_params]", "8");
    await page.keyboard.press("Tab");
    await queryBecomes("max_params", "8");
    const wanted = await api("leaderboard/formatted?precision=float16&hide=merged&max_params=8&limit=1");
    await until((n) => document.getElementById("count").textContent.startsWith(n), wanted.total.toLocaleString("en"));
    assert.ok(wanted.total > 0 && wanted.total < all);
    assert.equal(await page.locator("#chips .chip").count(), 3);
    await page.reload();
    await until((n) => document.getElementById("count").textContent.startsWith(n), wanted.total.toLocaleString("en"));
    await page.click("#chips >> text=Clear all");
    await until((n) => document.getElementById("count").textContent.startsWith(n), all.toLocaleString("en"));
    await page.click("#filters-button");
    await page.check("#filters [name=official]");
    await queryBecomes("official", "true");
    await until(() => [...document.querySelectorAll(".rows tr")].every((row) => row.querySelector(".badge")));
  },

  async paging() {
    await open();
    const first = await names();
    assert.ok(await page.isDisabled("[data-page=previous]"));
    await page.click("[data-page=next]");
    await countBecomes(/, 51 to 100$/);
    assert.equal(query().get("page"), "2");
    assert.ok((await names()).every((name) => !first.includes(name)));
    await page.click("[data-page=last]");
    await until(() => document.querySelector("[data-page=next]").disabled);
    await page.selectOption("#per", "25");
    await countBecomes(/, 1 to 25$/);
    assert.equal(await rows().count(), 25);
    await open("/?page=99999");
    await until(() => /^Page (\S+) of \1$/.test(document.getElementById("page").textContent));
    assert.ok(await rows().count() > 0);
  },

  async pin() {
    await open();
    const [first, , third] = await names();
    await rows().nth(0).locator(".pin").click();
    await rows().nth(2).locator(".pin").click();
    await until(() => document.querySelectorAll(".pinned tr").length === 2);
    await until(() => new URLSearchParams(location.search).getAll("pin").length === 2);
    assert.equal(await rows().nth(2).locator(".pin").getAttribute("aria-pressed"), "true");
    assert.ok(await page.evaluate(() => document.activeElement.matches(".rows tr:nth-child(3) .pin")), "the focus stays");
    // The link alone brings them back, whatever page or search it shows.
    await open(`/?search=fjord&page=2&${query()}`);
    await until(() => document.querySelectorAll(".pinned tr").length === 2);
    assert.deepEqual(await page.locator(".pinned .name").allTextContents(), [first, third]);
    await page.click("#unpin");
    await until(() => document.querySelectorAll(".pinned tr").length === 0);
    await until(() => !location.search.includes("pin="));
  },

  async compare() {
    await open();
    const all = await names();
    for (const i of [0, 1, 2, 3, 4]) await rows().nth(i).locator(".pin").click();
    await page.click("#compare-button");
    await page.waitForSelector("#compare[open]");
    assert.deepEqual(await page.locator("#compare thead .name").allTextContents(), all.slice(0, 4));
    assert.equal(await page.locator("#compare .chosen input:disabled").count(), 1, "a fifth cannot be chosen");
    await page.locator("#compare .chosen input").nth(3).uncheck();
    await until(() => document.querySelectorAll("#compare thead .name").length === 3);
    const average = await page.locator("#compare tr", { hasText: "Average" }).locator("td").allTextContents();
    assert.match(average[0], /^\d+\.\d\d \(best\)$/);
    assert.match(average[1], /^\d+\.\d\d −\d+\.\d\d$/);
    assert.ok(await page.locator("#compare .same:visible").count() > 0);
    await page.check("#compare header input");
    assert.equal(await page.locator("#compare .same:visible").count(), 0);
    // Tab does not leave the dialog for the page behind it.
    for (let i = 0; i < 30; i++) {
      await page.keyboard.press("Tab");
      assert.ok(await page.evaluate(() => document.activeElement === document.body || document.activeElement.closest("#compare") !== null));
    }
    await until(() => new URLSearchParams(location.search).getAll("compare").length === 3);
    const link = page.url();
    await page.keyboard.press("Escape");
    await page.waitForSelector("#compare", { state: "hidden" });
    await until(() => !new URLSearchParams(location.search).has("compare"));
    await page.goto(link);
    await page.waitForSelector("#compare[open]");
    assert.equal(await page.locator("#compare thead .name").count(), 3);
  },

  async columns() {
    await open();
    await page.click("#columns-button");
    await page.uncheck("#columns [value=type]");
    await page.check("#columns [value=architecture]");
    await until(() => [...document.querySelectorAll("#table thead th")].some((th) => th.textContent === "Architecture"));
    await page.reload();
    await page.waitForSelector("#table thead th:has-text('Architecture')");
    assert.equal(await page.locator("#table thead th:text-is('Type')").count(), 0);
  },

  async plot() {
    await open("/?view=plot&hide=merged");
    await page.waitForSelector("#frontier tbody tr");
    const { models } = await api("leaderboard/formatted?hide=merged");
    const points = models.map((one) => [one.metadata.params_billions, one.model.average_score, one.model.name]).filter(([size]) => size > 0);
    const frontier = points.filter(([size, score]) => !points.some(([x, y]) => x <= size && y >= score && (x < size || y > score)));
    frontier.sort((a, b) => a[0] - b[0]);
    const shown = await page.locator("#frontier .name").allTextContents();
    assert.deepEqual(shown, frontier.map(([, , name]) => name));
    assert.match(await text("#plot [role=status]"), new RegExp(`^${points.length.toLocaleString("en")} models`));
    const painted = () => page.evaluate(() => {
      const canvas = document.querySelector("canvas");
      return new Set(canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height).data).size;
    });
    assert.ok(await painted() > 10, "something is drawn");
    await page.locator("#frontier .pin").first().click();
    await until(() => location.search.includes("pin="));
    await page.selectOption("#plot select >> nth=0", { index: 1 });
    await until(() => new URLSearchParams(location.search).has("y"));
    await until((label) => document.querySelector("#frontier thead").textContent.includes(label), await page.locator("#plot select option:checked").first().textContent());
  },

  async queue() {
    await open("/?view=queue");
    await page.waitForSelector("#pending tbody tr");
    const lists = await api("models/status");
    assert.deepEqual((await page.locator(".counts dd").allTextContents()).map((n) => Number(n.replace(",", ""))),
      Object.values(lists).map((list) => list.length));
    sorted((await page.locator("#pending tbody td:nth-child(2)").allTextContents()).map(Number), (a, b) => b - a);
    assert.equal(await page.locator("#pending tbody tr").count(), 50);
    await page.click("text=Show more");
    await until(() => document.querySelectorAll("#pending tbody tr").length > 50);
  },

  async vote() {
    expected = /40[19]/;
    await open("/?view=queue");
    const row = page.locator("#pending tbody tr").nth(0);
    const name = await row.locator(".name").textContent();
    const before = Number(await row.locator("td").first().textContent());
    await row.locator(".vote").first().click();
    await signIn("hf_wrong");
    await page.waitForSelector("#queue .error");
    assert.ok((await text("#queue .error p")).length > 10, "the server's words");
    await row.locator(".vote").first().click();
    await signIn();
    await until(() => document.querySelector("#toast").textContent.includes("success"));
    const voted = page.locator("#pending tbody tr", { hasText: name });
    await until((n) => document.querySelector("#pending tbody").textContent.includes(n), String(before + 1));
    assert.equal(await voted.locator(".vote").first().getAttribute("aria-pressed"), "true");
    assert.ok(await voted.locator(".vote").nth(1).isDisabled());
    assert.equal((await api("votes/user/alice")).filter(({ model }) => model === name).length, 1);
    await forgotten();
    await page.click("#account");
    assert.equal(await text("#account"), "Sign in");
    await page.reload();
    await page.waitForSelector("#pending tbody tr");
    assert.equal(await text("#account"), "Sign in", "a new page knows nobody");
  },

  async submit() {
    await open("/?view=submit");
    await page.fill("[name=model_id]", "sample-fit/base");
    await page.fill("[name=model_type]", "pretrained");
    await page.selectOption("[name=precision]", "bfloat16");
    await page.click(".submission [type=submit]");
    await signIn();
    await page.waitForSelector("#submit .note.good");
    assert.match(await text("#submit .note.good"), /submitted successfully.*sample-fit\/base at revision [0-9a-f]{40} in bfloat16/);
    await page.click("text=To the queue");
    await page.fill("#queue input", "sample-fit/base");
    await page.waitForSelector("#pending tbody tr");
    assert.equal(await page.locator("#pending tbody tr .name").first().textContent(), "sample-fit/base");
    await forgotten();
    // Once more: refused with the submission that is there.
    expected = /409/;
    await page.click("nav >> text=Submit");
    await page.fill("[name=model_id]", "sample-fit/base");
    await page.fill("[name=model_type]", "pretrained");
    await page.selectOption("[name=precision]", "bfloat16");
    await page.click(".submission [type=submit]");
    await page.waitForSelector("#submit .error .facts");
    assert.match(await text("#submit .error"), /submitted already at revision/);
    assert.match(await text("#submit .facts"), /PENDING/);
  },

  async refused() {
    expected = /4\d\d/;
    await open("/?view=submit");
    await page.click("#account");
    await signIn();
    let said;
    page.on("response", async (answer) => {
      if (answer.request().method() === "POST") said = (await answer.json()).detail;
    });
    const refusal = async (fields) => {
      for (const [name, value] of Object.entries(fields)) await page.fill(`[name=${name}]`, value);
      said = undefined;
      await page.click(".submission [type=submit]");
      await page.waitForSelector("#submit .note", { state: "detached" });
      await until(() => !document.querySelector(".submission [type=submit]").disabled);
      assert.equal(await text("#submit .error p"), said);
      return said;
    };
    assert.match(await refusal({ model_id: "" }), /model_id/);
    assert.match(await refusal({ model_id: "sample-unfit/no-license", model_type: "chat" }), /licen[cs]e/);
    assert.match(await refusal({ model_id: "nobody/<b>nothing</b>" }), /model_id/);
    await page.selectOption("[name=weight_type]", "Adapter");
    assert.ok(await page.isVisible("[name=base_model]"));
    assert.match(await refusal({ model_id: "sample-fit/base" }), /base_model is missing/);
  },

  async hostile() {
    await open("/?search=onerror");
    assert.deepEqual(await names(), [HOSTILE]);
    await rows().first().locator(".pin").click();
    await until(() => location.search.includes("pin="));
    await open(`/?${query()}`);
    await until(() => document.querySelectorAll(".pinned tr").length === 1);
    await page.click("#columns-button");
    await page.check("#columns [value=base_model]");
    await page.check("#columns [value=hub_license]");
    await page.click("nav >> text=Plot");
    await page.waitForSelector("#frontier tbody tr");
    assert.equal(await text("#frontier .name"), HOSTILE);
    await page.click("nav >> text=Queue");
    await page.fill("#queue input", "acme/waits");
    await page.waitForSelector("#pending tbody tr");
    assert.match(await text("#pending tbody"), /<img src=x onerror=pwned=2>/);
    await open("/?search=<img src=x onerror=pwned=3>&type=<b>&pin=<script>pwned=4</script>&columns=<i>&sort=&view=models");
    assert.match(await text("#chips"), /<img src=x onerror=pwned=3>/);
    assert.equal(await page.evaluate(() => globalThis.pwned), undefined);
    assert.equal(await page.locator("img, main script, #chips b").count(), 0);
  },

  async keyboard() {
    await open();
    await page.keyboard.press("Tab");
    assert.equal(await page.evaluate(() => document.activeElement.textContent), "Skip to the content");
    assert.ok(await page.evaluate(() => document.activeElement.getBoundingClientRect().left >= 0), "the skip link shows");
    await page.keyboard.press("Enter");
    await tabTo("#search", 1);
    assert.notEqual(await page.evaluate(() => getComputedStyle(document.activeElement).outlineStyle), "none");
    await page.keyboard.type("fjord");
    await queryBecomes("search", "fjord");
    await tabTo("#filters-button");
    await page.keyboard.press("Enter");
    await page.waitForSelector("#filters [name=precision]");
    await tabTo("#filters [name=precision]");
    await page.keyboard.press("Space");
    await until(() => new URLSearchParams(location.search).has("precision"));
    await page.keyboard.press("Escape");
    assert.ok(await page.isHidden("#filters"));
    assert.equal(await page.evaluate(() => document.activeElement.id), "filters-button");
    await tabTo("#table thead th:nth-child(3) button");
    await page.keyboard.press("Enter");
    await until(() => document.querySelector("#table thead th:nth-child(3)[aria-sort=descending] button") === document.activeElement);
    await tabTo("#table .rows .pin");
    await page.keyboard.press("Space");
    await until(() => document.querySelectorAll(".pinned tr").length === 1);
    await page.keyboard.press("ArrowDown");
    await page.keyboard.press("ArrowDown");
    assert.ok(await page.evaluate(() => document.activeElement.matches(".rows tr:nth-child(3) .pin")));
    await page.keyboard.press("Space");
    await until(() => document.querySelectorAll(".pinned tr").length === 2);
    for (let i = 0; i < 40 && !(await page.evaluate(() => document.activeElement.id === "compare-button")); i++)
      await page.keyboard.press("Shift+Tab");
    await page.keyboard.press("Enter");
    await page.waitForSelector("#compare[open]");
    await page.keyboard.press("Escape");
    await page.waitForSelector("#compare", { state: "hidden" });
    await until(() => document.activeElement.id === "compare-button");
  },

  async trouble() {
    expected = /Failed to load resource/;
    let broken = "abort";
    await page.route("**/api/leaderboard/**", (route) => broken === "abort" ? route.abort() : broken ?
      route.fulfill({ status: 503, contentType: "application/json", body: '{"detail":"there is no <b>data</b> yet"}' }) : route.continue());
    await page.goto(address);
    await page.waitForSelector("#models-error .error");
    assert.match(await text("#models-error"), /cannot be reached/);
    broken = "503";
    await page.click("#models-error button");
    await until(() => document.getElementById("models-error").textContent.includes("no <b>data</b> yet"));
    broken = "";
    await page.click("#models-error button");
    await countBecomes(/, 1 to 50/);
    assert.equal(await page.locator("#models-error .error").count(), 0);
    // What the server does not know is said, and mended with one button.
    await page.goto(`${address}/?sort=nothing`);
    await page.waitForSelector("#models-error .error");
    assert.match(await text("#models-error p"), /nothing/);
    await page.click("#models-error button");
    await countBecomes(/, 1 to 50/);
  },

  // What is typed fast is asked for once, and a slow answer to an earlier question is not shown.
  async typing() {
    const asked = [];
    await open();
    await page.route("**/formatted?**", async (route) => {
      const search = new URL(route.request().url()).searchParams.get("search");
      asked.push(search);
      if (search === "fjord") await new Promise((done) => setTimeout(done, 1000));
      await route.continue().catch(() => {});
    });
    await page.locator("#search").pressSequentially("fjord", { delay: 20 });
    await page.waitForTimeout(400);
    await page.fill("#search", "tundra");
    await page.waitForTimeout(1500);
    assert.deepEqual(asked, ["fjord", "tundra"]);
    assert.deepEqual(await names(), await found("tundra"));
  },

  async narrow() {
    for (const width of [320, 400])
      for (const path of ["/", "/?view=plot", "/?view=queue", "/?view=submit"]) {
        await page.setViewportSize({ width, height: 640 });
        await open(path);
        assert.equal(await page.evaluate(() => document.documentElement.scrollWidth), width, path);
      }
    await open();
    await page.evaluate(() => (document.getElementById("models-scroll").scrollLeft = 300));
    const name = await rows().first().locator(".name").boundingBox();
    assert.ok(name.x >= 0 && name.x < 200, "the first column stays");
  },

  async theme() {
    const background = () => page.evaluate(() => getComputedStyle(document.documentElement).backgroundColor);
    await page.emulateMedia({ colorScheme: "dark" });
    await open();
    const dark = await background();
    await page.emulateMedia({ colorScheme: "light" });
    await until((before) => getComputedStyle(document.documentElement).backgroundColor !== before, dark);
    await page.click("#theme");
    assert.equal(await background(), dark);
    await page.reload();
    assert.equal(await background(), dark, "the choice is kept");
    await page.click("#theme");
    assert.equal(await page.evaluate(() => localStorage.length), 0);
  },

  // A leaderboard of one's own: its benchmarks, and nothing of another one.
  async own() {
    await open();
    const { models, total } = await api("leaderboard/formatted?sort=-average&limit=50");
    assert.equal(await counted(), total);
    const headers = (await page.locator("#table thead th").allTextContents()).join(" ");
    for (const { name } of Object.values(models[0].evaluations)) assert.ok(headers.includes(name), name);
    await page.click("#filters-button");
    await page.waitForSelector("#filters fieldset");
    for (const flag of Object.keys(models[0].features).filter((one) => one !== "is_official_provider"))
      assert.equal(await page.locator(`#filters [name=hide][value=${flag}]`).count(), 1, flag);
    await page.locator("#filters [name=hide]").first().check();
    await until(() => new URLSearchParams(location.search).has("hide"));
    await page.click("nav >> text=Plot");
    await page.waitForSelector("#frontier tbody tr");
  },

  async time() {
    const session = await page.context().newCDPSession(page);
    await session.send("Performance.enable");
    await page.goto(address, { waitUntil: "commit" });
    await page.waitForSelector("#table .rows tr");
    const { metrics } = await session.send("Performance.getMetrics");
    const ms = (name) => (metrics.find((one) => one.name === name).value * 1000).toFixed(0);
    const bytes = await page.evaluate(() => performance.getEntriesByType("resource").reduce((sum, one) => sum + one.transferSize, 0));
    console.log(`first data of ${await counted()} models: script ${ms("ScriptDuration")} ms, layout and style ${
      Number(ms("LayoutDuration")) + Number(ms("RecalcStyleDuration"))} ms, ${Math.round(bytes / 1024)} KB in ${
      await page.evaluate(() => performance.getEntriesByType("resource").length)} requests`);
  },
};

// The token is in no storage, no address and nothing that is shown.
async function forgotten() {
  const found = await page.evaluate(async (token) => ({
    local: JSON.stringify(localStorage), session: JSON.stringify(sessionStorage), cookies: document.cookie,
    address: location.href, state: JSON.stringify(history.state), caches: JSON.stringify(await globalThis.caches?.keys() ?? []),
    databases: JSON.stringify(await indexedDB.databases()), page: document.documentElement.outerHTML,
    fields: [...document.querySelectorAll("input")].map((input) => input.value).join(" "), token,
  }), "");
  for (const [place, value] of Object.entries(found)) assert.ok(!value.includes(TOKEN), `the token is in ${place}`);
}

const browser = await chromium.launch({ executablePath, args: ["--no-sandbox", "--disable-gpu"] });
try {
  page = await browser.newPage({ viewport: { width: 1280, height: 800 } });
  page.setDefaultTimeout(15_000);
  const wrong = [];
  page.on("pageerror", (error) => wrong.push(error.stack));
  page.on("console", (message) => {
    if (message.type() === "error" && !expected.test(message.text())) wrong.push(message.text());
  });
  page.on("request", (request) => {
    if (request.url().includes("hf_")) wrong.push(`a token in ${request.url()}`);
    if (request.headers().authorization && request.method() !== "POST") wrong.push(`a token sent with ${request.url()}`);
    if (!request.url().startsWith(address) && !request.url().startsWith("data:")) wrong.push(`a request to ${request.url()}`);
  });
  await steps[step]();
  assert.deepEqual(wrong, []);
} finally {
  await browser.close();
}
