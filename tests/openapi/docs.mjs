// /docs in a browser, with Swagger UI and without: `node docs.mjs API MODULES CHROMIUM`. MODULES is a
// node_modules folder with playwright-core. Every operation must be shown, nothing may come from elsewhere, and
// the page's policy may forbid nothing that it does.

import assert from "node:assert/strict";
import { createRequire } from "node:module";
import { join, resolve } from "node:path";

const [api, modules, executablePath] = process.argv.slice(2);
const { chromium } = createRequire(join(resolve(modules), "x.js"))("playwright-core");
const doc = await (await fetch(`${api}/openapi.json`)).json();
const ids = Object.values(doc.paths).flatMap((item) => Object.values(item).map(({ operationId }) => operationId));
const swagger = (await fetch(`${api}/docs/swagger-ui-bundle.js`, { method: "HEAD" })).ok;

const browser = await chromium.launch({ executablePath, args: ["--no-sandbox"] });
try {
  for (const plain of swagger ? [false, true] : [true]) {
    const page = await browser.newPage(), said = [];
    page.on("console", (message) => { if (!message.location().url.includes("/swagger-ui")) said.push(message.text()); });
    page.on("pageerror", (error) => said.push(error.message));
    page.on("request", (request) => { if (!/^(data|blob):/.test(request.url()) && !request.url().startsWith(api)) said.push(request.url()); });
    if (plain) await page.route("**/swagger-ui*", (route) => route.fulfill({ status: 404, body: "" }));
    await page.goto(`${api}/docs`);
    for (const id of ids) await page.locator(plain ? `details#${id}` : `[id$="-${id}"]`).waitFor({ timeout: 15000 });
    if (plain) {
      await page.goto(`${api}/docs#getStats`);
      await page.getByText("Totals, how the scores are distributed").waitFor();
    } else {
      const health = page.locator('[id$="-getHealth"]');
      await health.locator(".opblock-summary-control").click();
      await health.locator(".try-out__btn").click();
      await health.locator(".execute").click();
      await health.locator(".live-responses-table").getByText('"ok"').waitFor();
    }
    assert.deepEqual(said, []);
    console.log(plain ? "the plain page" : "Swagger UI", "shows", ids.length, "operations");
    await page.close();
  }
} finally {
  await browser.close();
}
