// What people do with jobs on the page: submit, watch, cancel, retry, read, copy, erase.

import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { after, before, test } from "node:test";
import { deflateSync } from "node:zlib";
import { atEnd, eventually, launchBrowser, openPage, screenshot, Site } from "./harness.mjs";

let site;
let browser;
before(async () => {
  site = await Site.start({ "function.wordcount.concurrency": 0, callback_allow: "127.0.0.0/8", callback_retries: 1 });
  browser = await launchBrowser();
});
after(async () => {
  await browser?.close();
  await site?.stop();
});

const LINE = '192.0.2.1 - - [23/Nov/2026:05:09:00 +0000] "GET /a HTTP/1.1" 200 100';
const status = (page) => page.locator(".job-head .status");
const log = (page) => page.getByRole("log", { name: "Log" });

function crc(content) {
  let value = ~0;
  for (const byte of content) {
    value ^= byte;
    for (let bit = 0; bit < 8; bit++) value = (value >>> 1) ^ (value & 1 ? 0xedb88320 : 0);
  }
  return ~value >>> 0;
}

// A picture, made here: grey, 8 bits.
function png(width, height) {
  const chunk = (kind, content) => {
    const body = Buffer.concat([Buffer.from(kind, "latin1"), content]);
    const frame = Buffer.alloc(8);
    frame.writeUInt32BE(content.length, 0);
    frame.writeUInt32BE(crc(body), 4);
    return Buffer.concat([frame.subarray(0, 4), body, frame.subarray(4)]);
  };
  const head = Buffer.alloc(13);
  head.writeUInt32BE(width, 0);
  head.writeUInt32BE(height, 4);
  head[8] = 8;
  const rows = Buffer.concat(Array.from({ length: height }, (_, y) => Buffer.concat([Buffer.from([0]), Buffer.alloc(width, (y * 255) / height)])));
  return Buffer.concat([Buffer.from("\x89PNG\r\n\x1a\n", "latin1"), chunk("IHDR", head), chunk("IDAT", deflateSync(rows)), chunk("IEND", Buffer.alloc(0))]);
}

test("a report is submitted from the page, its bar moves and its log grows without a reload, and its result is shown", async (t) => {
  const page = await openPage(t, browser, site);
  await page.getByRole("link", { name: "New job" }).click();
  await page.getByLabel("Function").selectOption("report");
  await page.getByLabel("Event (JSON)").fill(JSON.stringify({ log: `${LINE}\n`.repeat(60), top: 1, pace: 20 }));
  await page.evaluate(() => { window.neverReloaded = true; });
  await page.getByRole("button", { name: "Submit job" }).click();
  await page.waitForURL(/#\/job\/[0-9a-f-]{36}$/);
  const seen = { percents: new Set(), lengths: new Set() };
  await eventually(async () => {
    const now = await page.evaluate(() => ({ status: document.querySelector(".job-head .status")?.textContent, percent: document.querySelector(".job-head progress:not([hidden])")?.value, log: document.querySelector(".log")?.textContent.length }));
    if (now.percent !== undefined) seen.percents.add(now.percent);
    if (now.log) seen.lengths.add(now.log);
    if (seen.percents.size === 3) await screenshot(page, "report-running");
    return now.status === "Succeeded";
  }, "the report has succeeded");
  assert.ok(seen.percents.size >= 3, `the bar stood at ${[...seen.percents]}`);
  assert.ok(seen.lengths.size >= 2, `the log was long ${[...seen.lengths]}`);
  await page.getByRole("region", { name: "Result as JSON" }).locator(".leaf", { hasText: "lines: 60" }).waitFor();
  await log(page).getByText("60 of 60 lines, 0 unread").waitFor();
  assert.equal(await page.title(), "Succeeded report · Jobgate");
  assert.equal(await page.evaluate(() => window.neverReloaded), true);
});

test("a running job is cancelled after a question that can be answered with no", async (t) => {
  const id = await site.submit("stage", {});
  const page = await openPage(t, browser, site, { path: `#/job/${id}` });
  await status(page).getByText("Running").waitFor();
  assert.equal(await page.title(), "Running stage · Jobgate");
  assert.match(await page.locator("#icon").getAttribute("href"), /icon-running/);
  await page.getByRole("button", { name: "Cancel" }).click();
  await page.getByRole("dialog").getByRole("button", { name: "Keep it" }).click();
  assert.equal((await site.ask(`job/${id}`)).body.cancelRequested, undefined);
  await page.getByRole("button", { name: "Cancel" }).click();
  await page.getByLabel("Reason (optional)").fill("wrong month");
  await page.getByRole("button", { name: "Cancel the job" }).click();
  await status(page).getByText("Cancelled").waitFor();
  await page.getByRole("region", { name: "Facts" }).getByText("wrong month").waitFor();
  assert.equal((await site.ask(`job/${id}`)).body.cancelReason, "wrong month");
  await page.getByText(/· wrong month$/).waitFor();
});

test("a failed job shows its error and the end of its log first, and is retried with a changed event", async (t) => {
  const lines = Array.from({ length: 40 }, (_, number) => `log line ${number + 1}`);
  const id = await site.run("stage", { script: [...lines, "log ValueError: no such month", "exit 1"] });
  const page = await openPage(t, browser, site, { path: `#/job/${id}` });
  const failure = page.getByRole("region", { name: "The function ended with an error" });
  await failure.getByText("exit status 1").waitFor();
  await failure.getByText("ValueError: no such month").waitFor();
  assert.match(await failure.locator("pre").textContent(), /^line 30\n/);
  assert.ok((await failure.boundingBox()).y < (await page.getByRole("region", { name: "Timeline" }).boundingBox()).y);
  assert.match(await page.locator("#icon").getAttribute("href"), /icon-failed/);
  await page.getByRole("link", { name: "Edit and retry" }).click();
  const editor = page.getByLabel("Event (JSON)");
  await eventually(async () => (await editor.inputValue()).includes("ValueError"), "the old event is in the editor");
  await editor.fill(JSON.stringify({ script: ['result {"month": 11}', "exit 0"] }));
  await page.getByRole("button", { name: "Retry with this event" }).click();
  await status(page).getByText("Succeeded").waitFor();
  await page.getByRole("region", { name: "Result as JSON" }).locator(".leaf", { hasText: "month: 11" }).waitFor();
  await page.getByRole("region", { name: "Facts" }).getByRole("link", { name: id }).waitFor();
});

test("an ended job is retried as it was", async (t) => {
  const id = await site.run("job_handler", { n: 1 });
  const page = await openPage(t, browser, site, { path: `#/job/${id}` });
  await page.getByRole("button", { name: "Retry", exact: true }).click();
  await page.waitForURL((address) => !address.href.includes(id));
  await status(page).getByText("Succeeded").waitFor();
});

test("why a job waits stands beside it, and the time it waits moves", async (t) => {
  const paused = await site.submit("wordcount", { text: "a" });
  const delayed = await site.submit("stage", {}, { delay: 3000 });
  const page = await openPage(t, browser, site);
  await page.locator(`[data-job="${paused}"]`).getByText("The function is paused").waitFor();
  const words = page.locator(`[data-job="${delayed}"] .words`);
  await words.getByText(/^Waits for its time, in 49 min/).waitFor();
  const first = await words.textContent();
  await eventually(async () => (await words.textContent()) !== first, "the time left moves");
  await page.locator(`[data-job="${paused}"] a`).click();
  await page.locator(".state-words").getByText("The function is paused").waitFor();
  await page.getByRole("button", { name: "Cancel" }).click();
  await page.getByRole("dialog").getByText("It will not run.").waitFor();
  await page.getByRole("button", { name: "Cancel the job" }).click();
  await status(page).getByText("Cancelled").waitFor();
  await site.ask(`job/${delayed}`, { method: "DELETE" });
});

test("the timeline has the wait, each attempt, and what became of it", async (t) => {
  const again = await Site.start({ "function.stage.retries": 1, "function.stage.backoff": "100ms" });
  atEnd(t, () => again.stop());
  const id = await again.run("stage", { script: ["log tried", "exit 3"] });
  const page = await openPage(t, browser, again, { path: `#/job/${id}` });
  await page.locator(".timeline rect.bad").nth(1).waitFor();
  assert.match(await page.locator(".timeline").getAttribute("aria-label"), /attempt 1 .* failed, wait .*, attempt 2 .* failed/);
  assert.ok((await page.locator(".timeline rect.wait").count()) >= 1);
  await page.getByRole("region", { name: "Attempts" }).getByText("exit status 3").first().waitFor();
});

test("the log follows while it grows, lets go when scrolled up, and follows again when asked", async (t) => {
  const id = await site.submit("stage", {});
  site.direct(id, ...Array.from({ length: 200 }, (_, number) => `log line ${number}`));
  const page = await openPage(t, browser, site, { path: `#/job/${id}` });
  await log(page).getByText("line 199").waitFor();
  const atEnd = () => log(page).evaluate((node) => node.scrollTop + node.clientHeight >= node.scrollHeight - 4);
  await eventually(atEnd, "the end is shown");
  site.direct(id, "log newer");
  await log(page).getByText("newer").waitFor();
  await eventually(atEnd, "the end is still shown");
  await log(page).evaluate((node) => { node.scrollTop = 0; });
  const follow = page.getByRole("button", { name: "Follow" });
  await follow.waitFor();
  site.direct(id, "log newest");
  await log(page).getByText("newest").waitFor();
  assert.equal(await log(page).evaluate((node) => node.scrollTop), 0);
  await follow.click();
  await eventually(atEnd, "the end is shown again");
  site.direct(id, "log \u001b[31mred\u001b[0m <b>not bold</b>", "exit 0");
  await log(page).getByText("red <b>not bold</b>").waitFor();
  await status(page).getByText("Succeeded").waitFor();
});

test("a picture in a result is shown, and only a real one", async (t) => {
  const id = await site.run("thumbnail", { image: png(64, 48).toString("base64"), width: 32, height: 32 });
  const page = await openPage(t, browser, site, { path: `#/job/${id}` });
  const image = page.getByRole("img", { name: "The result as a picture" });
  await image.waitFor();
  assert.equal(await image.evaluate(async (node) => { await node.decode(); return node.naturalWidth; }), 32);
  const download = page.waitForEvent("download");
  await page.getByRole("button", { name: "Save the picture" }).click();
  const saved = await download;
  assert.match(saved.suggestedFilename(), /\.png$/);
  assert.equal(readFileSync(await saved.path()).subarray(1, 4).toString(), "PNG");
  const svg = Buffer.from('<svg xmlns="http://www.w3.org/2000/svg"><script>parent.hurt = 1</script></svg>').toString("base64");
  const wicked = await site.run("stage", { script: [`result ${JSON.stringify({ contentType: "image/svg+xml", data: svg, text: "<img src=x onerror=hurt=1>" })}`, "exit 0"] });
  await page.goto(`${site.base}#/job/${wicked}`);
  await page.getByRole("region", { name: "Result as JSON" }).getByText("image/svg+xml").waitFor();
  assert.equal(await page.locator("img.result").count(), 0);
  assert.equal(await page.evaluate(() => window.hurt), undefined);
});

test("a result folds, is shown as text, copied and downloaded", async (t) => {
  const value = { months: { november: { days: 30 } }, list: Array.from({ length: 250 }, (_, number) => number), long: "x".repeat(5000) };
  const id = await site.run("stage", { script: [`result ${JSON.stringify(value)}`, "exit 0"] });
  const page = await openPage(t, browser, site, { path: `#/job/${id}` });
  const sheet = page.getByRole("region", { name: "Result", exact: true });
  const tree = sheet.getByRole("region", { name: "Result as JSON" });
  await tree.getByText("november").click();
  await tree.locator(".leaf", { hasText: "days: 30" }).waitFor();
  await tree.getByText("list: [ 250 ]").click();
  await tree.getByRole("button", { name: "50 more" }).click();
  await tree.locator(".leaf", { hasText: "249: 249" }).waitFor();
  assert.ok(!(await tree.textContent()).includes("x".repeat(1000)));
  await tree.getByRole("button", { name: /all of it/ }).click();
  assert.ok((await tree.textContent()).includes("x".repeat(5000)));
  await sheet.getByRole("button", { name: "As text" }).click();
  assert.deepEqual(JSON.parse(await sheet.locator("pre").textContent()), value);
  await sheet.getByRole("button", { name: "Copy" }).click();
  await sheet.getByRole("button", { name: "Copied" }).waitFor();
  assert.deepEqual(JSON.parse(await page.evaluate(() => navigator.clipboard.readText())), value);
  const download = page.waitForEvent("download");
  await sheet.getByRole("button", { name: /Download/ }).click();
  assert.deepEqual(JSON.parse(readFileSync(await (await download).path(), "utf8")), value);
});

test("a text result is text, whatever stands in it", async (t) => {
  const id = await site.run("stage", { script: ["result <h1>hello</h1>", "exit 0"] });
  const page = await openPage(t, browser, site, { path: `#/job/${id}` });
  await page.getByRole("region", { name: "Result", exact: true }).locator("pre").getByText("<h1>hello</h1>").waitFor();
});

test("link and curl commands of a job are copied, and the command works", async (t) => {
  const id = await site.run("job_handler", { words: "it's" });
  const page = await openPage(t, browser, site, { path: `#/job/${id}` });
  await page.getByText("More", { exact: true }).click();
  const copied = async (name) => {
    const button = page.getByRole("button", { name });
    await page.evaluate(() => navigator.clipboard.writeText(""));
    await button.click();
    return eventually(() => page.evaluate(() => navigator.clipboard.readText()), `${name} has copied`);
  };
  assert.equal(await copied("Copy link"), `${site.base}#/job/${id}`);
  assert.equal(await copied("Copy as curl: this job"), `curl '${site.base}job/${id}'`);
  assert.equal(await copied("Copy as curl: submit it"), `curl '${site.base}job?function=job_handler' -H 'Content-Type: application/json' -d '{"words":"it'\\''s"}'`);
});

test("the curl command of a large event fetches it, and works", async (t) => {
  const id = await site.run("job_handler", { words: "x".repeat(200000) });
  const page = await openPage(t, browser, site, { path: `#/job/${id}` });
  await page.getByText("More", { exact: true }).click();
  await page.getByRole("button", { name: "Copy as curl: submit it" }).click();
  const command = await eventually(() => page.evaluate(() => navigator.clipboard.readText()), "the command is copied");
  assert.ok(command.length < 1000, command.slice(0, 200));
  const again = JSON.parse(execFileSync("sh", ["-c", command], { encoding: "utf8", stdio: ["ignore", "pipe", "ignore"] }));
  assert.equal((await site.ask(`job/${again.jobId}/event`)).body.words.length, 200000);
});

test("content is erased after a question, and the page says that it was", async (t) => {
  const id = await site.run("stage", { script: ["log secret", "result secret", "exit 0"] });
  const page = await openPage(t, browser, site, { path: `#/job/${id}` });
  await log(page).getByText("secret").waitFor();
  await page.getByText("More", { exact: true }).click();
  await page.getByRole("button", { name: "Erase content…" }).click();
  await page.getByRole("button", { name: "Erase them" }).click();
  await page.getByText("The content was erased.").first().waitFor();
  await eventually(async () => !(await page.locator("main").textContent()).includes("secret"), "nothing of it is left on the page");
  assert.equal((await site.ask(`job/${id}`)).body.purged, true);
  assert.equal(await page.getByRole("button", { name: "Retry", exact: true }).isDisabled(), true);
});

test("callbacks are told with what became of them", async (t) => {
  const id = await site.submit("job_handler", {}, { headers: { "X-Callback-Url": "http://127.0.0.1:9/hook" } });
  const page = await openPage(t, browser, site, { path: `#/job/${id}` });
  const sheet = page.getByRole("region", { name: "Callbacks" });
  await sheet.getByText("http://127.0.0.1:9/hook").waitFor();
  await eventually(async () => {
    await page.reload();
    return /1 try.*connect/i.test(await sheet.textContent());
  }, "the try that failed is told");
});

test("the event editor tells where it is wrong, also what only the server finds", async (t) => {
  const page = await openPage(t, browser, site, { path: "#/new", expected: [/400/] });
  const editor = page.getByLabel("Event (JSON)");
  const send = page.getByRole("button", { name: "Submit job" });
  const told = page.locator("#event-error");
  for (const [text, words] of [['{\n  "a": 1,\n}', /^Line 3, column 1: a name in double quotes/], ["{'a': 1}", /^Line 1, column 2/], ['{"a": [1 2]}', /^Line 1, column 10: a comma/],
    ['{"a": 1, "a": 2}', /^Line 1, column 10: .*twice/], ['{"a', /does not end/], ["[1,", /text ends here/], ["tru", /Line 1, column 1/]]) {
    await editor.fill(text);
    assert.match(await told.textContent(), words, text);
    assert.equal(await send.isDisabled(), true, text);
  }
  await page.getByRole("button", { name: "Show" }).click();
  await editor.fill('{"ü": "\\ud800"}'); // half of a surrogate pair
  assert.equal(await told.textContent(), "");
  await send.click();
  await told.getByText(/^Line 1, column \d+/).waitFor();
  await editor.fill('{"a":1}');
  await page.getByRole("button", { name: "Lay out" }).click();
  assert.equal(await editor.inputValue(), '{\n  "a": 1\n}');
  await page.getByLabel("Function").selectOption("report");
  await page.getByText("at most 15 min").waitFor();
  await page.getByLabel("Delay in seconds").fill("5");
  assert.equal(await page.getByLabel("curl command").textContent(), `curl '${site.base}job?function=report&delay=5' \\\n  -H 'Content-Type: application/json' \\\n  -d '{\n  "a": 1\n}'`);
  // A long event is a file beside the command.
  const long = JSON.stringify({ log: "x".repeat(5000) });
  await editor.fill(long);
  assert.match(await page.getByLabel("curl command").textContent(), /\\\n {2}--data-binary @event\.json$/);
  const [saved] = await Promise.all([page.waitForEvent("download"), page.getByRole("button", { name: "Save event.json" }).click()]);
  assert.equal(saved.suggestedFilename(), "event.json");
  assert.equal(readFileSync(await saved.path(), "utf8"), long);
});

test("a job that is unknown here has words of its own, and a way on", async (t) => {
  const page = await openPage(t, browser, site, { path: "#/job/0199aaaa-0000-7000-8000-000000000000", expected: [/404/] });
  await page.getByRole("heading", { name: "Not found" }).waitFor();
  await page.getByRole("link", { name: "All jobs" }).click();
  await page.getByRole("table", { name: "Jobs, newest first" }).waitFor();
});
