// The list: filters, search, endless by cursor, keyboard, live, charts; first without any job.

import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { after, before, test } from "node:test";
import { eventually, launchBrowser, openPage, screenshot, Site } from "./harness.mjs";

let site;
let browser;
before(async () => {
  site = await Site.start({ "function.wordcount.concurrency": 0 });
  browser = await launchBrowser();
});
after(async () => {
  await browser?.close();
  await site?.stop();
});

const rows = (page) => page.locator("tr[data-job]:not([hidden])");
const live = (page) => page.locator("#live");
const chip = (page, name) => page.getByRole("navigation", { name: "Status" }).getByRole("link", { name });

test("an empty list says so with a command that works", async (t) => {
  const page = await openPage(t, browser, site);
  await page.getByRole("heading", { name: "No jobs yet" }).waitFor();
  await page.locator(".panel").waitFor({ state: "hidden" }); // nothing to draw yet
  await screenshot(page, "empty-light");
  const command = await page.locator(".message pre").textContent();
  assert.equal(command, `curl '${site.base}job' -H 'Content-Type: application/json' -d '{}'`);
  execFileSync("sh", ["-c", command], { stdio: "ignore" });
  // The page shows it without a reload.
  await rows(page).first().waitFor();
  await page.locator(".panel").waitFor();
});

test("filters by status and function, with counts, are in the address and work together", async (t) => {
  await site.run("stage", { script: ["exit 1"] });
  await site.run("stage", { script: ["exit 0"] });
  const waits = await site.submit("wordcount", { text: "a" });
  const page = await openPage(t, browser, site);
  await rows(page).nth(3).waitFor();
  await chip(page, /Failed/).click();
  await page.waitForURL(/#\/\?status=FAILED$/);
  await eventually(async () => (await rows(page).count()) === 1, "one failed job");
  assert.equal(await chip(page, /Failed/).textContent(), "Failed 1");
  assert.equal(await chip(page, /Failed/).getAttribute("aria-current"), "true");
  await page.getByLabel("Function").selectOption("wordcount");
  await page.getByRole("heading", { name: "Nothing here" }).waitFor();
  await page.getByRole("link", { name: "Show all jobs" }).click();
  await eventually(async () => (await rows(page).count()) >= 4, "all jobs again");
  await page.goto(`${site.base}#/?status=QUEUED&function=wordcount`);
  await page.locator(`[data-job="${waits}"]`).waitFor();
  // It leaves the filter when it is cancelled elsewhere.
  await site.ask(`job/${waits}`, { method: "DELETE" });
  await page.getByRole("heading", { name: "Nothing here" }).waitFor();
});

test("search opens a job by its id, and narrows what is loaded by a part of one", async (t) => {
  const id = await site.run("job_handler", {});
  const page = await openPage(t, browser, site);
  await rows(page).first().waitFor();
  await page.keyboard.press("/");
  await page.keyboard.type(id.slice(-8));
  await eventually(async () => (await rows(page).count()) === 1, "one row is left");
  await page.getByText("1 job found. Enter opens it.").waitFor();
  await page.keyboard.press("Escape");
  await eventually(async () => (await rows(page).count()) > 1, "all rows are back");
  await page.getByLabel("Search by job id").fill(` ${site.base}job/${id.toUpperCase()} `);
  await page.keyboard.press("Enter");
  await page.waitForURL(`${site.base}#/job/${id}`);
});

test("the list is endless by cursor, and new jobs neither shift nor double a row", async (t) => {
  for (let number = 0; number < 115; number++) await site.submit("wordcount", { text: String(number) });
  const page = await openPage(t, browser, site, { path: "#/?function=wordcount&status=QUEUED" });
  await rows(page).nth(49).waitFor();
  await eventually(async () => {
    await page.mouse.wheel(0, 4000);
    return (await rows(page).count()) === 115;
  }, "all 115 rows are loaded");
  await site.submit("wordcount", { text: "new" });
  await eventually(async () => (await rows(page).count()) === 116, "the new one is there as well");
  const ids = await rows(page).evaluateAll((list) => list.map((row) => row.dataset.job));
  assert.deepEqual(ids, [...new Set(ids)].sort().reverse());
  assert.equal(await page.getByRole("button", { name: "Older jobs" }).isVisible(), false);
});

test("search finds any job in the store by the beginning of its id", async (t) => {
  const old = await site.run("job_handler", {});
  for (let number = 0; number < 60; number++) await site.submit("wordcount", { text: String(number) });
  const page = await openPage(t, browser, site);
  const search = page.getByLabel("Search by job id");
  await rows(page).nth(49).waitFor();
  assert.equal(await page.locator(`[data-job="${old}"]`).count(), 0, "it is not loaded");
  await search.fill(old.slice(0, 23).toUpperCase());
  await page.locator(`[data-job="${old}"]`).waitFor();
  await page.getByText("1 job found. Enter opens it.").waitFor();
  assert.equal(await rows(page).count(), 1);
  // The address and the other filters know it.
  await page.waitForURL(`${site.base}#/?id=${old.slice(0, 23)}`);
  await page.reload();
  await page.locator(`[data-job="${old}"]`).waitFor();
  await chip(page, /Running/).click();
  await page.getByRole("heading", { name: "No such job" }).waitFor();
  await page.getByText(/among those of this filter/).waitFor();
  await chip(page, /All/).click();
  await page.locator(`[data-job="${old}"]`).waitFor();
  // What all ids begin with is too many; what none has in it, none.
  await search.fill(old.slice(0, 3));
  await page.getByText(/^\d+ jobs found and more/).waitFor();
  await search.fill("nothing like an id");
  await page.getByRole("heading", { name: "No such job" }).waitFor();
  await page.getByRole("button", { name: "Clear the search" }).click();
  await rows(page).nth(49).waitFor();
  // Enter does not wait for the list.
  await search.fill(old.slice(0, 23));
  await page.keyboard.press("Enter");
  await page.waitForURL(`${site.base}#/job/${old}`);
});

test("an unchanged list is asked for by its ETag and not sent again", async (t) => {
  await site.run("job_handler", {});
  const page = await openPage(t, browser, site, { path: "#/?status=SUCCEEDED" });
  const listed = (response) => /\/job\?limit/.test(response.url());
  await page.waitForResponse((response) => listed(response) && response.status() === 304);
  assert.ok((await rows(page).count()) > 0);
  const id = await site.run("stage", { script: ["exit 0"] });
  await page.locator(`[data-job="${id}"]`).waitFor();
});

test("more new jobs than a page has leave no hole", async (t) => {
  const page = await openPage(t, browser, site, { path: "#/?function=wordcount" });
  await rows(page).nth(49).waitFor();
  await Promise.all(Array.from({ length: 130 }, (_, number) => site.submit("wordcount", { text: `burst ${number}` })));
  const { body } = await site.ask("job?function=wordcount&limit=200");
  await eventually(async () => {
    const ids = await rows(page).evaluateAll((list) => list.map((row) => row.dataset.job));
    return ids.length >= 100 && ids.every((id, index) => id === body.jobs[index]?.jobId);
  }, "the rows are the newest jobs, without a hole");
});

test("a running job's bar and duration move in the list", async (t) => {
  const id = await site.submit("stage", {});
  site.direct(id, "progress 10 begins");
  const page = await openPage(t, browser, site);
  const row = page.locator(`[data-job="${id}"]`);
  await row.getByText("begins").waitFor();
  assert.equal(await row.locator("progress").evaluate((bar) => bar.value), 10);
  assert.match(await page.title(), /1 running · Jobgate/);
  const took = await row.locator(".took").textContent();
  await eventually(async () => (await row.locator(".took").textContent()) !== took, "its duration moves");
  site.direct(id, "progress 80 nearly there");
  await row.getByText("nearly there").waitFor();
  await eventually(() => row.locator("progress").evaluate((bar) => bar.value === 80), "the bar has moved");
  site.direct(id, "exit 4");
  await row.getByText("Failed").waitFor();
  await row.getByText("The function ended with an error: exit status 4").waitFor();
  await eventually(async () => /^1 failed · Jobgate/.test(await page.title()), "the title tells that one has failed");
  assert.match(await page.locator("#icon").getAttribute("href"), /icon-failed/);
});

test("everything goes by keyboard", async (t) => {
  const page = await openPage(t, browser, site);
  await rows(page).nth(2).waitFor();
  const ids = await rows(page).evaluateAll((list) => list.map((row) => row.dataset.job));
  await page.keyboard.press("j");
  await page.keyboard.press("j");
  await page.keyboard.press("j");
  await page.keyboard.press("k");
  assert.equal(await page.locator("tr.selected").getAttribute("data-job"), ids[1]);
  await page.keyboard.press("Enter");
  await page.waitForURL(new RegExp(`#/job/${ids[1]}$`));
  await page.locator(".job-head .status").waitFor();
  await page.keyboard.press("Escape");
  await page.waitForURL(/#\/$/);
  await rows(page).first().waitFor();
  await page.keyboard.press("n");
  await page.waitForURL(/#\/new$/);
  await page.getByLabel("Event (JSON)").focus();
  await page.keyboard.press("Escape"); // out of the field, not out of the view
  assert.match(page.url(), /#\/new$/);
  await page.keyboard.press("?");
  await page.getByRole("dialog", { name: "Keyboard" }).waitFor();
  await page.keyboard.press("Escape");
  await page.getByRole("dialog", { name: "Keyboard" }).waitFor({ state: "hidden" });
  await page.keyboard.press("/");
  await page.waitForURL(/#\/\?search$/);
  assert.equal(await page.evaluate(() => document.activeElement.id), "search");
  await page.keyboard.press("Control+n"); // the browser's own keys stay its own
  assert.match(page.url(), /\?search$/);
});

test("charts of the last hour and day, with the same figures as a table, open and closed as they were left", async (t) => {
  const page = await openPage(t, browser, site);
  const panel = page.locator(".panel");
  await panel.locator(".chart rect.ok").first().waitFor();
  await panel.locator(".chart rect.bad").first().waitFor();
  await panel.locator(".chart path.line.run").first().waitFor({ state: "attached" });
  assert.equal(await panel.locator(".chart").count(), 3);
  const { body: stats } = await site.ask("stats?window=hour");
  const submitted = stats.points.reduce((sum, point) => sum + point.submitted, 0);
  await eventually(async () => (await panel.locator(".legend").first().textContent()).includes(`Submitted ${submitted}`), "the legend has the sum");
  await panel.locator(".chart").first().hover({ position: { x: 300, y: 60 } });
  await panel.locator("figcaption .note").first().getByText(/^\d\d:\d\d$/).waitFor();
  await panel.getByRole("button", { name: "As a table" }).click();
  const table = panel.getByRole("table");
  await table.getByRole("columnheader", { name: "p95" }).waitFor();
  assert.ok((await table.getByRole("row").count()) >= 2);
  await panel.getByRole("button", { name: "As a table" }).click();
  await panel.getByRole("button", { name: "Last day" }).click();
  await eventually(async () => (await page.evaluate(() => localStorage.getItem("jobgate-charts"))).includes("day"), "the window is remembered");
  await page.reload();
  await panel.getByRole("button", { name: "Last day", pressed: true }).waitFor();
  await panel.locator("summary").click();
  await panel.locator(".chart").first().waitFor({ state: "hidden" });
  await page.reload();
  await rows(page).first().waitFor();
  assert.equal(await panel.evaluate((node) => node.open), false);
});

test("colours follow the system until one is chosen, and stay chosen", async (t) => {
  const page = await openPage(t, browser, site, { colorScheme: "dark" });
  const dark = () => page.evaluate(() => getComputedStyle(document.documentElement).backgroundColor);
  assert.equal(await dark(), "rgb(17, 21, 27)");
  await page.getByRole("button", { name: "Colours: Auto" }).click();
  assert.equal(await dark(), "rgb(245, 246, 248)");
  await page.reload();
  assert.equal(await dark(), "rgb(245, 246, 248)");
  await page.getByRole("button", { name: "Colours: Light" }).click();
  await page.getByRole("button", { name: "Colours: Dark" }).click();
  await page.getByRole("button", { name: "Colours: Auto" }).waitFor();
});

test("without an answer the page says Offline and when it tries again, and goes on by itself", async (t) => {
  const page = await openPage(t, browser, site, { expected: [/ERR_|Failed to load/] });
  await live(page).getByText("Polling").waitFor();
  await page.context().setOffline(true);
  await live(page).getByText("Offline").waitFor();
  await page.getByText(/The server does not answer. Next try in \d+ s./).waitFor();
  assert.ok((await rows(page).count()) > 0, "what was shown stays");
  await page.context().setOffline(false);
  await live(page).getByText("Polling").waitFor();
  await page.locator("#trouble").waitFor({ state: "hidden" });
});

test("a server in trouble is told apart from one that is away", async (t) => {
  const page = await openPage(t, browser, site, { expected: [/503/, /429/] });
  await live(page).getByText("Polling").waitFor();
  const answer = (status, detail) => page.route("**/job?*", (route) => route.fulfill({ status, contentType: "application/problem+json", body: JSON.stringify({ error: "x", status, title: "x", detail }) }));
  await answer(503, "The store is busy.");
  await page.getByText(/The server has trouble: The store is busy. Next try in/).waitFor();
  await live(page).getByText("Trouble").waitFor();
  await answer(429, "Slower.");
  await page.getByRole("button", { name: "Try now" }).click();
  await page.getByText(/asks for fewer requests/).waitFor();
  await page.unroute("**/job?*");
  await page.getByRole("button", { name: "Try now" }).click();
  await live(page).getByText("Polling").waitFor();
});

test("a job whose time is over is Gone, with words of its own", async (t) => {
  const page = await openPage(t, browser, site, { expected: [/410/] });
  await rows(page).first().waitFor();
  await page.route("**/job/*", (route) => route.fulfill({ status: 410, contentType: "application/problem+json", body: JSON.stringify({ error: "Job expired", status: 410, title: "Gone" }) }));
  await rows(page).first().getByRole("link").click();
  await page.getByRole("heading", { name: "Gone" }).waitFor();
  await page.getByRole("link", { name: "All jobs" }).click();
  await rows(page).first().waitFor();
});

test("the page names all of its modules at its head, so that they come at once", async (t) => {
  const page = await openPage(t, browser, site);
  await rows(page).first().waitFor();
  const { told, loaded } = await page.evaluate(() => ({
    told: [...document.querySelectorAll("script[src], link[rel=modulepreload]")].map((node) => node.src ?? node.href),
    loaded: performance.getEntriesByType("resource").map(({ name }) => name).filter((name) => name.endsWith(".js")),
  }));
  assert.deepEqual([...new Set(loaded)].sort(), told.sort());
});

test("the policy of the page forbids what is not its own", async (t) => {
  const page = await openPage(t, browser, site, { expected: [/Content Security Policy/i] });
  await rows(page).first().waitFor();
  const result = await page.evaluate(async () => {
    const script = document.createElement("script");
    script.textContent = "window.hurt = 1";
    document.body.append(script);
    const style = document.createElement("div");
    style.setAttribute("style", "color: red");
    const elsewhere = await fetch("http://127.0.0.1:1/").then(() => "fetched", () => "refused");
    return { hurt: window.hurt, elsewhere, colour: style.style.color };
  });
  assert.deepEqual(result, { hurt: undefined, elsewhere: "refused", colour: "" });
});
