// What pages of other sites can do to an installation without keys: nothing, unless cors_origins names them. A real Chromium,
// a page on another port and on another host.

import assert from "node:assert/strict";
import { createServer } from "node:http";
import { after, before, test } from "node:test";
import { atEnd, launchBrowser, Site } from "./harness.mjs";

let closed; // an installation that shares with nobody
let open; // one that shares with the first of the strangers
let browser;
let stranger; // serves an empty page
const origins = [];

before(async () => {
  stranger = createServer((request, response) => {
    response.writeHead(200, { "Content-Type": "text/html" });
    response.end("<!doctype html><title>elsewhere</title><body>");
  });
  await new Promise((done) => stranger.listen(0, "127.0.0.1", done));
  const { port } = stranger.address();
  origins.push(`http://127.0.0.1:${port}`, `http://localhost:${port}`);
  closed = await Site.start();
  open = await Site.start({ cors_origins: origins[0] });
  browser = await launchBrowser();
});
after(async () => {
  await browser?.close();
  await closed?.stop();
  await open?.stop();
  stranger?.close();
});

async function jobs(site) {
  return Object.values((await site.ask("functions")).body.jobs).reduce((sum, count) => sum + count, 0);
}

async function elsewhere(t, origin) {
  const context = await browser.newContext();
  atEnd(t, () => context.close());
  const page = await context.newPage();
  await page.goto(origin);
  return page;
}

// Runs in the page: what its fetch comes to.
async function tryFetch([url, options]) {
  try {
    const answer = await fetch(url, options);
    return { status: answer.status, type: answer.type, location: answer.headers.get("Location"), text: await answer.text() };
  } catch (error) {
    return { error: error.name };
  }
}

const url = (site) => `${site.base}job?function=wordcount`;
const json = { method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify({ text: "to be" }) };

// A form may be sent to anywhere; what comes back replaces the page.
async function sendForm(page, action, enctype) {
  const [answer] = await Promise.all([
    page.waitForResponse((response) => response.url() === action && response.request().method() === "POST"),
    page.evaluate(([where, type]) => {
      const form = document.createElement("form");
      form.method = "post";
      form.action = where;
      form.enctype = type;
      const field = document.createElement("input");
      field.name = '{"text":"'; // with text/plain this makes a body that is JSON
      field.value = '"}';
      form.append(field);
      document.body.append(form);
      form.submit();
    }, [action, enctype]),
  ]);
  return answer.status();
}

for (const [number, where] of [[0, "on another port"], [1, "on another host"]]) {
  test(`a form ${where} makes no job`, async (t) => {
    for (const site of number === 0 ? [closed] : [closed, open]) {
      const before = await jobs(site);
      for (const enctype of ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data"]) {
        const page = await elsewhere(t, origins[number]);
        assert.equal(await sendForm(page, url(site), enctype), 403, enctype);
      }
      assert.equal(await jobs(site), before);
    }
  });

  test(`a fetch ${where} makes no job, and reads nothing`, async (t) => {
    for (const site of number === 0 ? [closed] : [closed, open]) {
      const page = await elsewhere(t, origins[number]);
      const before = await jobs(site);
      assert.deepEqual(await page.evaluate(tryFetch, [url(site), json]), { error: "TypeError" });
      assert.deepEqual(await page.evaluate(tryFetch, [url(site), { method: "POST", body: "{}" }]), { error: "TypeError" });
      const opaque = await page.evaluate(tryFetch, [url(site), { method: "POST", mode: "no-cors", body: "{}" }]);
      assert.equal(opaque.type, "opaque");
      assert.deepEqual(await page.evaluate(tryFetch, [`${site.base}functions`, {}]), { error: "TypeError" });
      assert.equal(await jobs(site), before);
    }
  });
}

test("a page of a listed origin submits a job, follows it and cancels another", async (t) => {
  const page = await elsewhere(t, origins[0]);
  const before = await jobs(open);
  const accepted = await page.evaluate(tryFetch, [url(open), { ...json, headers: { ...json.headers, "Idempotency-Key": '"page"', "x-api-key": "" } }]);
  assert.equal(accepted.status, 202, JSON.stringify(accepted));
  const { jobId } = JSON.parse(accepted.text);
  assert.equal(accepted.location, `/job/${jobId}`);
  assert.equal(await jobs(open), before + 1);
  const shown = await page.evaluate(tryFetch, [`${open.base}job/${jobId}?wait=10`, {}]);
  assert.equal(JSON.parse(shown.text).status, "SUCCEEDED");
  const late = JSON.parse((await page.evaluate(tryFetch, [`${url(open)}&delay=600`, json])).text).jobId;
  assert.equal((await page.evaluate(tryFetch, [`${open.base}job/${late}`, { method: "DELETE" }])).status, 200);
});

test("a listed origin's form makes no job either: forms cannot say that they are JSON", async (t) => {
  const page = await elsewhere(t, origins[0]);
  const before = await jobs(open);
  assert.equal(await sendForm(page, url(open), "text/plain"), 415);
  assert.equal(await jobs(open), before);
});

test("the status page is shown in no other page's frame", async (t) => {
  const page = await elsewhere(t, origins[0]);
  await page.setContent(`<iframe src="${closed.base}"></iframe>`);
  const frame = await (await page.waitForSelector("iframe")).contentFrame();
  await frame.waitForLoadState();
  assert.ok(!frame.url().startsWith(closed.base) || (await frame.locator("header, main, nav").count()) === 0);
});
