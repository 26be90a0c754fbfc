// Where a key is asked for: the prompt, keys that are unknown or may not do everything, forgetting it; and any base path.

import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { after, before, test } from "node:test";
import { join } from "node:path";
import { BUILD, eventually, launchBrowser, openPage, screenshot, Site } from "./harness.mjs";

let site;
let browser;
const keys = {};

function makeKey(name, allow, ...more) {
  const words = execFileSync(join(BUILD, "ctl/jobgatectl"), ["--config", join(site.data, "jobgate.conf"), "key", "add", name, `--allow=${allow}`, ...more], { encoding: "utf8" });
  return /jg_[A-Za-z0-9_-]{43}/.exec(words)[0];
}

before(async () => {
  site = await Site.start({ anonymous: "none" });
  browser = await launchBrowser();
  keys.all = makeKey("everything", "submit,read,list,cancel");
  keys.reader = makeKey("reader", "read,list");
  keys.blind = makeKey("blind", "submit,read");
});
after(async () => {
  await browser?.close();
  await site?.stop();
});

const expected = [/401/, /403/];

async function enter(page, key) {
  await page.getByLabel("Key", { exact: true }).fill(key);
  await page.getByRole("button", { name: "Use this key" }).click();
}

test("a key is asked for, an unknown one is named, a good one opens the page and is gone with the tab", async (t) => {
  const page = await openPage(t, browser, site, { expected });
  await page.getByRole("heading", { name: "A key is needed" }).waitFor();
  await screenshot(page, "key-light");
  await enter(page, "jg_nobody-knows-this-one");
  await page.getByRole("heading", { name: "This key is not known" }).waitFor();
  await enter(page, keys.all);
  await page.getByRole("heading", { name: "No jobs yet" }).waitFor();
  assert.match(await page.locator(".message pre").textContent(), /-H "Authorization: Bearer \$JOBGATE_KEY"/);
  await page.reload();
  await page.getByRole("heading", { name: "No jobs yet" }).waitFor();
  assert.equal(await page.evaluate(() => Object.keys(localStorage).some((name) => localStorage.getItem(name).includes("jg_"))), false);
  const other = await page.context().newPage();
  await other.goto(site.base);
  await other.getByRole("heading", { name: "A key is needed" }).waitFor();
  await page.getByRole("button", { name: "Forget key" }).click();
  await page.getByRole("heading", { name: "A key is needed" }).waitFor();
});

test("a job is submitted, followed and downloaded with a key", async (t) => {
  const page = await openPage(t, browser, site, { path: "#/new", expected });
  await page.getByRole("heading", { name: "A key is needed" }).waitFor();
  await enter(page, keys.all);
  await page.getByLabel("Function").selectOption("stage");
  await page.getByLabel("Event (JSON)").fill(JSON.stringify({ script: ["log for those with a key", "result 42", "exit 0"] }));
  assert.ok(!(await page.getByLabel("curl command").textContent()).includes("jg_"), "the key is not shown");
  await page.getByRole("button", { name: "Submit job" }).click();
  await page.locator(".job-head .status").getByText("Succeeded").waitFor();
  await page.getByRole("log", { name: "Log" }).getByText("for those with a key").waitFor();
  await page.getByRole("region", { name: "Facts" }).getByText("everything").waitFor();
  const download = page.waitForEvent("download");
  await page.getByRole("region", { name: "Result", exact: true }).getByRole("button", { name: /Download/ }).click();
  assert.match((await download).suggestedFilename(), /-result\.json$/);
});

test("what a key may not do is said where it was tried", async (t) => {
  const { body } = await site.ask("job?function=stage", { method: "POST", body: {}, headers: { Authorization: `Bearer ${keys.all}` } });
  const page = await openPage(t, browser, site, { path: `#/job/${body.jobId}`, expected });
  await page.getByRole("heading", { name: "A key is needed" }).waitFor();
  await enter(page, keys.reader);
  await page.locator(".job-head .status").getByText("Running").waitFor();
  await page.getByRole("button", { name: "Cancel" }).click();
  await page.getByRole("button", { name: "Cancel the job" }).click();
  await eventually(async () => (await page.locator(".job-head .error-line").textContent()) !== "", "the refusal is told");
  assert.equal(await page.locator(".job-head .status").textContent(), "Running");
  site.direct(body.jobId, "exit 0");
});

test("a key that may not list is told apart, and still opens a job by its address", async (t) => {
  const page = await openPage(t, browser, site, { expected });
  await page.getByRole("heading", { name: "A key is needed" }).waitFor();
  await enter(page, keys.blind);
  await page.getByRole("heading", { name: "Not with this key" }).waitFor();
  const { body } = await site.ask("job?function=job_handler", { method: "POST", body: {}, headers: { Authorization: `Bearer ${keys.blind}` } });
  await page.goto(`${site.base}#/job/${body.jobId}`);
  await page.locator(".job-head .status").getByText("Succeeded").waitFor();
});
