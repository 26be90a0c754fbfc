// harness.mjs - an installation for a test file, Chromium, and pages in it that complain about every error.

import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { appendFileSync, chmodSync, cpSync, existsSync, mkdirSync, mkdtempSync, openSync, readdirSync, readFileSync, rmSync, statSync } from "node:fs";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { dirname, join, resolve } from "node:path";
import { fileURLToPath } from "node:url";

export const SOURCE = resolve(dirname(fileURLToPath(import.meta.url)), "../..");
export const BUILD = resolve(process.env.JOBGATE_BUILD ?? join(SOURCE, "build"));
export const OUTPUT = join(BUILD, "browser"); // node_modules and screenshots
const PATIENCE = Number(process.env.JOBGATE_PATIENCE ?? 1);
const LIMIT = 15000 * PATIENCE; // ms for one condition
const CHROMIUM = ["/usr/bin/chromium", "/usr/bin/chromium-browser", "/usr/bin/google-chrome"];
const FLAGS = ["--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking", "--disable-component-update", "--disable-sync",
  "--disable-dev-shm-usage", "--force-color-profile=srgb"];

// Installed in the build folder, which may be another one than the source's.
const load = createRequire(join(OUTPUT, "package.json"));
const { chromium } = load("playwright-core");
const AXE = readFileSync(load.resolve("axe-core/axe.min.js"), "utf8");

// ---- conditions ----

export async function eventually(condition, words, limit = LIMIT) {
  const end = Date.now() + limit;
  for (;;) {
    const value = await condition();
    if (value) return value;
    if (Date.now() > end) assert.fail(`not within ${limit} ms: ${words}`);
    await new Promise((done) => setTimeout(done, 25));
  }
}

// What a test has begun is ended in the reverse order, whatever else fails: node's own `after` hooks run in the order in which
// they were made, so that a server would end before the page that asks it.
const begun = new WeakMap();
export function atEnd(t, action) {
  if (!begun.has(t)) {
    begun.set(t, []);
    t.after(async () => {
      let failure;
      for (const end of begun.get(t).reverse()) {
        try { await end(); } catch (error) { failure ??= error; }
      }
      if (failure) throw failure;
    });
  }
  begun.get(t).push(action);
}

// ---- one installation ----

function installFunctions(target) {
  mkdirSync(target, { mode: 0o755 });
  for (const folder of [join(SOURCE, "worker/functions"), join(SOURCE, "tests/browser/functions"), join(BUILD, "worker/functions")]) {
    if (!existsSync(folder)) continue;
    for (const name of readdirSync(folder)) {
      const file = join(folder, name);
      const about = statSync(file);
      if (!about.isFile() || (about.mode & 0o111) === 0) continue;
      cpSync(file, join(target, name));
      chmodSync(join(target, name), 0o755);
    }
  }
}

export class Site {
  // `settings`: configuration, as quickstart's --set. `server`: lighttpd unless said otherwise. Tests start it before the
  // browser, not beside it: a process that nobody ends when the other one fails keeps node waiting.
  static async start(settings = {}, { server = "lighttpd" } = {}) {
    const site = new Site();
    site.server = server;
    site.folder = mkdtempSync("/tmp/jg-"); // a short path: sockets lie below it
    chmodSync(site.folder, 0o755);
    site.data = join(site.folder, "data");
    const scratch = join(site.folder, "scratch");
    mkdirSync(scratch);
    chmodSync(scratch, 0o777);
    site.scratch = scratch;
    site.settings = { retries: 0, kill_grace: "1s", "env.SCRATCH": scratch, write: scratch, ...settings };
    installFunctions(join(site.folder, "functions"));
    try {
      await site.launch(0);
    } catch (error) {
      await site.stop();
      throw error;
    }
    return site;
  }

  // Again after end(), on the same port when it is given.
  async launch(port) {
    const output = join(this.folder, `quickstart-${Date.now()}.log`);
    const file = openSync(output, "a");
    const settings = Object.entries(this.settings).flatMap(([key, value]) => ["--set", `${key}=${value}`]);
    this.process = spawn(join(SOURCE, "quickstart"), ["--serve", "--server", this.server, "--port", String(port), "--data", this.data,
      "--functions", join(this.folder, "functions"), "--build", BUILD, ...settings], { stdio: ["ignore", file, file], detached: true });
    this.ended = new Promise((done) => this.process.on("exit", done));
    const { process: quickstart } = this;
    process.on("exit", () => quickstart.exitCode ?? quickstart.kill("SIGTERM")); // also when a test file breaks off
    let hasEnded = false;
    this.ended.then(() => { hasEnded = true; });
    await eventually(() => {
      if (hasEnded) assert.fail(`quickstart has ended: ${readFileSync(output, "utf8")}`);
      this.base = /^Jobgate serves on (http:\S+)/m.exec(readFileSync(output, "utf8"))?.[1];
      return this.base;
    }, "quickstart serves", 60000 * PATIENCE);
    this.port = Number(new URL(this.base).port);
  }

  async end() {
    this.process.kill("SIGTERM");
    await this.ended;
  }

  async stop() {
    await this.end();
    if (!process.env.JOBGATE_KEEP) rmSync(this.folder, { recursive: true, force: true });
  }

  async ask(path, { method = "GET", body, headers = {} } = {}) {
    const answer = await fetch(new URL(path, this.base), { method, headers: body === undefined ? headers : { "Content-Type": "application/json", ...headers }, body: body === undefined ? undefined : JSON.stringify(body) });
    return { status: answer.status, body: answer.headers.get("content-type")?.includes("json") ? await answer.json() : await answer.text() };
  }

  async submit(name, event, { delay, headers } = {}) {
    const answer = await this.ask(`job?function=${name}${delay ? `&delay=${delay}` : ""}`, { method: "POST", body: event, headers });
    assert.equal(answer.status, 202, JSON.stringify(answer.body));
    return answer.body.jobId;
  }

  // The job once it is in one of these statuses.
  waitFor(id, ...statuses) {
    return eventually(async () => {
      const { body } = await this.ask(`job/${id}`);
      return statuses.includes(body.status) && body;
    }, `job ${id} is ${statuses.join(" or ")}`);
  }

  async run(name, event) {
    const id = await this.submit(name, event);
    await this.waitFor(id, "SUCCEEDED", "FAILED", "CANCELLED");
    return id;
  }

  // Tells the function `stage` what to do next.
  direct(id, ...lines) {
    appendFileSync(join(this.scratch, `${id}.script`), lines.map((line) => `${line}\n`).join(""), { mode: 0o644 });
  }
}

// ---- Chromium ----

function browserPath() {
  const path = process.env.CHROMIUM ?? CHROMIUM.find(existsSync);
  assert.ok(path, "Chromium is needed: apt-get install chromium");
  return path;
}

export function launchBrowser() {
  return chromium.launch({ executablePath: browserPath(), args: FLAGS, timeout: 60000 * PATIENCE });
}

// A page of its own context. Every error in it that the test does not name in `expected` (patterns) makes the test fail.
export async function openPage(t, browser, site, { path = "", expected = [], colorScheme = "light", viewport = { width: 1280, height: 860 }, ...others } = {}) {
  const context = await browser.newContext({ colorScheme, viewport, locale: "en-GB", reducedMotion: "reduce", permissions: ["clipboard-read", "clipboard-write"], ...others });
  context.setDefaultTimeout(LIMIT);
  const page = await context.newPage();
  const troubles = [];
  page.on("pageerror", (error) => troubles.push(`error: ${error.message}`));
  page.on("console", (message) => { if (message.type() === "error") troubles.push(message.text()); });
  atEnd(t, async () => {
    await context.close();
    const left = troubles.filter((text) => !expected.some((pattern) => pattern.test(text)));
    assert.deepEqual(left, [], "the page complains");
  });
  await page.goto(site.base + path);
  return page;
}

export async function axe(page) {
  await page.evaluate(AXE);
  const found = await page.evaluate(() => window.axe.run(document, { resultTypes: ["violations"] }));
  return found.violations.map(({ id, help, nodes }) => `${id}: ${help}: ${nodes.map((node) => `${node.target} ${node.failureSummary}`).join(" | ")}`);
}

export async function screenshot(page, name, options = {}) {
  const folder = join(OUTPUT, "screenshots");
  mkdirSync(folder, { recursive: true });
  await page.screenshot({ path: join(folder, `${name}.png`), ...options });
}

// A Chromium that is left as it is: Playwright's own pages never know that they are hidden, these do.
export class OwnChromium {
  static async start() {
    const own = new OwnChromium();
    own.folder = mkdtempSync(join(tmpdir(), "jg-chromium-"));
    own.process = spawn(browserPath(), ["--headless", ...FLAGS, "--remote-debugging-port=0", `--user-data-dir=${own.folder}`, "about:blank"], { stdio: ["ignore", "ignore", "pipe"] });
    process.on("exit", () => own.process.exitCode ?? own.process.kill());
    let said = "";
    own.process.stderr.on("data", (data) => { said += data; });
    const address = await eventually(() => /DevTools listening on (ws:\S+)/.exec(said)?.[1], "Chromium tells its address", 60000 * PATIENCE);
    own.browser = await chromium.connectOverCDP(address, { noDefaults: true });
    [own.context] = own.browser.contexts();
    own.session = await own.browser.newBrowserCDPSession();
    return own;
  }

  async page(t, site, path = "") {
    const page = await this.context.newPage();
    page.setDefaultTimeout(LIMIT);
    const troubles = [];
    page.on("pageerror", (error) => troubles.push(error.message));
    atEnd(t, async () => {
      await page.close();
      assert.deepEqual(troubles, [], "the page complains");
    });
    await page.goto(site.base + path);
    return page;
  }

  // Another tab in front of all.
  async cover() {
    const page = await this.context.newPage();
    await page.bringToFront();
    return page;
  }

  // Processor time of all pages' processes so far.
  async rendererSeconds() {
    const { processInfo } = await this.session.send("SystemInfo.getProcessInfo");
    return processInfo.filter(({ type }) => type === "renderer").reduce((sum, { cpuTime }) => sum + cpuTime, 0);
  }

  async stop() {
    await this.browser.close();
    this.process.kill();
    await eventually(() => this.process.exitCode !== null || this.process.signalCode !== null, "Chromium has ended");
    rmSync(this.folder, { recursive: true, force: true, maxRetries: 5 });
  }
}
