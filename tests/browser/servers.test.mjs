// The page behind every web server that is shipped, and below any path.

import assert from "node:assert/strict";
import { once } from "node:events";
import http from "node:http";
import { after, before, test } from "node:test";
import { atEnd, launchBrowser, openPage, Site } from "./harness.mjs";

let browser;
before(async () => { browser = await launchBrowser(); });
after(async () => { await browser?.close(); });

async function useIt(page) {
  await page.getByRole("heading", { name: "No jobs yet" }).waitFor();
  await page.getByRole("link", { name: "New job" }).click();
  await page.getByLabel("Function").selectOption("stage");
  await page.getByLabel("Event (JSON)").fill(JSON.stringify({ script: ["log written", "result done", "exit 0"] }));
  await page.getByRole("button", { name: "Submit job" }).click();
  await page.locator(".job-head .status").getByText("Succeeded").waitFor();
  await page.getByRole("log", { name: "Log" }).getByText("written").waitFor();
  await page.getByRole("link", { name: "← All jobs" }).click();
  await page.locator("tr[data-job]").getByText("Succeeded").waitFor();
  await page.locator(".chart path").first().waitFor({ state: "attached" });
}

for (const server of ["apache", "apache-cgi", "nginx"]) {
  test(`the page works behind ${server}`, async (t) => {
    const site = await Site.start({}, { server });
    atEnd(t, () => site.stop());
    await useIt(await openPage(t, browser, site));
  });
}

// Hands everything below `prefix` on to the site, as a web server does that has more than Jobgate on it.
async function mount(site, prefix) {
  const server = http.createServer((request, response) => {
    if (!request.url.startsWith(prefix)) {
      response.writeHead(404).end();
      return;
    }
    const path = `/${request.url.slice(prefix.length)}`;
    const onward = http.request(site.base, { path, method: request.method, headers: request.headers }, (answer) => {
      response.writeHead(answer.statusCode, answer.headers);
      answer.pipe(response);
    });
    onward.on("error", () => response.destroy());
    response.on("close", () => onward.destroy());
    request.pipe(onward);
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  return server;
}

test("the page works below any path, and asks for nothing outside of it", async (t) => {
  const site = await Site.start();
  atEnd(t, () => site.stop());
  const server = await mount(site, "/~me/jobs/");
  atEnd(t, () => { server.closeAllConnections(); server.close(); });
  const base = `http://127.0.0.1:${server.address().port}/~me/jobs/`;
  const page = await openPage(t, browser, { base });
  const outside = [];
  page.on("request", (request) => { if (!request.url().startsWith(base) && !request.url().startsWith("data:")) outside.push(request.url()); });
  await page.getByRole("heading", { name: "No jobs yet" }).waitFor();
  assert.equal(await page.locator(".message pre").textContent(), `curl '${base}job' -H 'Content-Type: application/json' -d '{}'`);
  await useIt(page);
  assert.deepEqual(outside, []);
});
