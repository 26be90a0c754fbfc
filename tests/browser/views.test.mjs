// Every view as it is seen: axe finds nothing in light and dark, nothing is wider than a phone; pictures of each are kept in
// build/browser/screenshots.

import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { axe, launchBrowser, openPage, screenshot, Site } from "./harness.mjs";

let site;
let browser;
let views;

const LOOKS = {
  light: {},
  dark: { colorScheme: "dark" },
  phone: { viewport: { width: 390, height: 800 }, deviceScaleFactor: 2, isMobile: true, hasTouch: true },
};
const PIXEL = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNkYPhfDwAChwGA60e6kgAAAABJRU5ErkJggg==";

async function jobs() {
  const lines = Array.from({ length: 30 }, (_, number) => `log 2026-11-23T08:00:${String(number).padStart(2, "0")}Z page ${number + 1} of 30 rendered`);
  const wide = { address: `https://example.org/${"very-long-".repeat(60)}`, amounts: Array.from({ length: 20 }, (_, number) => ({ month: number, sum: number * 17.5, note: "as agreed" })) };
  const ended = ["SUCCEEDED", "FAILED", "CANCELLED"];
  const made = {
    failed: await site.submit("stage", { script: [...lines, `log ValueError: column 'amount' has text where a number is expected: "n/a"`, "exit 1"] }),
    result: await site.submit("stage", { script: [...lines, `result ${JSON.stringify(wide)}`, "exit 0"] }),
    image: await site.submit("stage", { script: [`result ${JSON.stringify({ contentType: "image/png", width: 1, height: 1, data: PIXEL })}`, "exit 0"] }),
    callback: await site.submit("job_handler", { customer: 4711 }, { headers: { "X-Callback-Url": "http://127.0.0.1:9/hooks/invoices" } }),
  };
  for (const id of Object.values(made)) await site.waitFor(id, ...ended);
  made.paused = await site.submit("wordcount", { text: "to be or not to be" });
  made.delayed = await site.submit("stage", {}, { delay: 3600 });
  made.running = await site.submit("stage", {});
  site.direct(made.running, "progress 42 resizing page 3 of 7", "log page 1 of 7", "log page 2 of 7", "log page 3 of 7");
  made.cancelled = await site.submit("stage", {});
  await site.waitFor(made.cancelled, "RUNNING");
  await site.ask(`job/${made.cancelled}?reason=wrong+month`, { method: "DELETE" });
  await site.waitFor(made.cancelled, ...ended);
  return made;
}

before(async () => {
  site = await Site.start({ "function.wordcount.concurrency": 0, callback_allow: "127.0.0.0/8" });
  browser = await launchBrowser();
  const made = await jobs();
  // [address, what has to be there before it is looked at, what is done then]
  views = {
    list: ["", "tr[data-job]:nth-child(8)"],
    "list-table": ["", ".chart rect.ok", (page) => page.getByRole("button", { name: "As a table" }).click()],
    nothing: ["#/?status=FAILED&function=thumbnail", ".message h2"],
    search: [`#/?id=${made.failed.slice(0, 20)}`, `[data-job="${made.failed}"]`],
    "search-nothing": ["#/?id=0000", ".message h2"],
    failed: [`#/job/${made.failed}`, ".log:not([hidden])"],
    result: [`#/job/${made.result}`, ".json-tree .leaf"],
    image: [`#/job/${made.image}`, "img.result"],
    callback: [`#/job/${made.callback}`, ".callbacks li"],
    queued: [`#/job/${made.paused}`, ".timeline rect.wait"],
    running: [`#/job/${made.running}`, ".log:not([hidden])"],
    cancelled: [`#/job/${made.cancelled}`, ".facts"],
    cancel: [`#/job/${made.running}`, ".log:not([hidden])", (page) => page.getByRole("button", { name: "Cancel" }).click()],
    more: [`#/job/${made.failed}`, ".log:not([hidden])", (page) => page.getByText("More", { exact: true }).click()],
    new: ["#/new", ".small-facts dd"],
    "new-wrong": ["#/new", ".small-facts dd", (page) => page.getByLabel("Event (JSON)").fill('{\n  "month": 11,\n}')],
    retry: [`#/new?retry=${made.failed}`, "form"],
    missing: ["#/job/0199aaaa-0000-7000-8000-000000000000", ".message h1"],
    help: ["", "tr[data-job]", (page) => page.keyboard.press("?")],
  };
});
after(async () => {
  await browser?.close();
  await site?.stop();
});

for (const [look, options] of Object.entries(LOOKS)) {
  test(`every view is sound and can be read by everybody: ${look}`, async (t) => {
    const page = await openPage(t, browser, site, { ...options, expected: [/404/] });
    const findings = [];
    for (const [name, [path, sign, then]] of Object.entries(views)) {
      if (look === "phone" && name === "list-table") continue; // charts are closed there until asked for
      await page.goto("about:blank");
      await page.goto(site.base + path);
      await page.locator(sign).first().waitFor();
      await then?.(page);
      for (const finding of await axe(page)) findings.push(`${name}: ${finding}`);
      const wide = await page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
      if (wide > 0) findings.push(`${name}: ${wide} pixels wider than the window`);
      await screenshot(page, `${name}-${look}`, { fullPage: !["cancel", "help"].includes(name) });
    }
    assert.deepEqual(findings, []);
  });
}
