// The cost of the page: with 10,000 jobs in the store and 50 changes a second it takes under 5 % of a core while it is hidden,
// where it asks for nothing, and answers a click within 100 ms while it is shown. Measured by Chromium itself.

import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { atEnd, eventually, openPage, OwnChromium, Site } from "./harness.mjs";

const JOBS = Number(process.env.JOBGATE_BROWSER_JOBS ?? 10000);
const CHANGES = 50;    // a second
const SECONDS = 8;     // of a measurement
const CLICK = 100;     // ms
const HIDDEN = 0.05;   // of a core

let site;
let chromium;
before(async () => {
  site = await Site.start({ "function.wordcount.concurrency": 0 });
  chromium = await OwnChromium.start();
  let left = JOBS;
  const one = async () => { while (left-- > 0) await site.submit("wordcount", { text: "a" }); };
  await Promise.all(Array.from({ length: 24 }, one));
}, { timeout: 240000 });
after(async () => {
  await chromium?.stop();
  await site?.stop();
});

// Submits and cancels, both are changes, so many a second until told to stop.
function disturb() {
  let isOver = false;
  let changes = 0;
  const done = (async () => {
    const begun = performance.now();
    while (!isOver) {
      const due = ((performance.now() - begun) / 1000) * CHANGES;
      if (changes >= due) { await new Promise((resume) => setTimeout(resume, 1000 / CHANGES)); continue; }
      const id = await site.submit("wordcount", { text: "b" });
      await site.ask(`job/${id}`, { method: "DELETE" });
      changes += 2;
    }
    return changes;
  })();
  return { count: () => changes, stop: async () => { isOver = true; return done; } };
}

test("10,000 jobs and 50 changes a second: hidden it costs nothing and asks nothing, shown it answers at once", { timeout: 180000 }, async (t) => {
  const page = await chromium.page(t, site);
  const live = page.locator("#live");
  const all = page.getByRole("navigation", { name: "Status" }).getByRole("link", { name: "All" });
  await eventually(async () => Number((await all.textContent()).replaceAll(/\D/g, "")) >= JOBS, "the list counts all jobs");
  // Four more pages of rows, so that there is something to keep up to date.
  await eventually(async () => {
    await page.evaluate(() => scrollTo(0, document.body.scrollHeight));
    return (await page.locator("tr[data-job]").count()) >= 250;
  }, "250 rows are loaded");
  await page.evaluate(() => scrollTo(0, 0));
  const changes = disturb();
  atEnd(t, () => changes.stop());

  const load = async (words) => {
    const [cpu, from, count] = [await chromium.rendererSeconds(), performance.now(), changes.count()];
    await eventually(() => performance.now() - from >= SECONDS * 1000 && changes.count() > count, words, SECONDS * 10000);
    const passed = (performance.now() - from) / 1000;
    const share = ((await chromium.rendererSeconds()) - cpu) / passed;
    t.diagnostic(`${words}: ${(share * 100).toFixed(1)} % of a core with ${((changes.count() - count) / passed).toFixed(0)} changes a second`);
    return share;
  };

  await load("shown");

  // Clicks on what costs most: filters that fetch and build a list, a job's view, the charts, the colours.
  await page.evaluate(() => {
    window.clicks = [];
    new PerformanceObserver((list) => { for (const entry of list.getEntries()) if (entry.name === "click") window.clicks.push(entry.duration); }).observe({ type: "event", durationThreshold: 16, buffered: false });
  });
  const chip = (name) => page.getByRole("navigation", { name: "Status" }).getByRole("link", { name });
  let clicks = 0;
  const click = async (target) => {
    await target.click();
    clicks++;
  };
  for (let round = 0; round < 3; round++) {
    for (const name of [/Cancelled/, /Queued/, /All/]) {
      await click(chip(name));
      await page.locator("tr[data-job]").first().waitFor();
    }
    await click(page.locator("tr[data-job] a").first());
    await page.locator(".job-head .status").waitFor();
    await click(page.getByRole("link", { name: "← All jobs" }));
    await page.locator("tr[data-job]").first().waitFor();
    await click(page.locator(".panel summary"));
    await click(page.locator("#theme"));
  }
  // From the event to the next frame. Chromium tells, a little later, of those that took 16 ms or more.
  await page.evaluate(() => new Promise((done) => requestAnimationFrame(() => setTimeout(done, 0))));
  const times = (await page.evaluate(() => window.clicks)).sort((a, b) => b - a);
  t.diagnostic(`${clicks} clicks; ms to the next frame of the slowest: ${times.slice(0, 8).join(" ")}`);
  assert.ok((times[Math.floor(clicks / 10)] ?? 0) <= CLICK, `nine of ten clicks are answered within ${CLICK} ms: ${times}`);

  const requests = [];
  page.on("request", (request) => requests.push(request.url()));
  const cover = await chromium.cover();
  await eventually(() => page.evaluate(() => document.hidden), "the page is hidden");
  assert.equal(await live.textContent(), "Paused");
  requests.length = 0;
  const hidden = await load("hidden");
  assert.deepEqual(requests, [], "a hidden page asks for nothing");
  assert.ok(hidden < HIDDEN, `hidden it took ${(hidden * 100).toFixed(1)} % of a core`);

  await cover.close();
  await page.bringToFront();
  await live.getByText("Polling").waitFor();
  assert.ok(requests.length > 0, "shown again it goes on");
  const done = await changes.stop();
  t.diagnostic(`${done} changes`);
});

test("a job's view stops its long-poll and its log while it is hidden, and goes on where it was", { timeout: 60000 }, async (t) => {
  const id = await site.submit("stage", {});
  const page = await chromium.page(t, site, `#/job/${id}`);
  await page.locator("#live").getByText("Live").waitFor();
  site.direct(id, "log before");
  await page.getByRole("log", { name: "Log" }).getByText("before").waitFor();
  const cover = await chromium.cover();
  await eventually(async () => (await page.locator("#live").textContent()) === "Paused", "it says that it is paused");
  site.direct(id, "progress 50 half", "log meanwhile");
  await eventually(async () => (await site.ask(`job/${id}/log`)).body.includes("meanwhile"), "the job has gone on");
  assert.ok(!(await page.locator(".log").textContent()).includes("meanwhile"));
  await cover.close();
  await page.bringToFront();
  await page.getByRole("log", { name: "Log" }).getByText("meanwhile").waitFor();
  await page.locator("#live").getByText("Live").waitFor();
  assert.equal(await page.locator(".log").textContent(), "before\nmeanwhile\n");
  site.direct(id, "exit 0");
  await page.locator(".job-head .status").getByText("Succeeded").waitFor();
});
