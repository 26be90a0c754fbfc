// live.js - keeps a view up to date: as often as it is worth, not at all while nobody looks, and says truthfully which.
//
// Live: a long-poll is open, a change shows at once. Polling: asked every few seconds. Paused: nothing is asked, the tab is
// hidden or there is nothing to follow. Offline: no answer came. Trouble: the server answered that it cannot. After both it
// is tried again, more and more seldom, and a line under the head says when.

import { setText } from "./dom.js";

const indicator = document.getElementById("live");
const banner = document.getElementById("trouble");
const bannerText = document.getElementById("trouble-text");
const WORDS = { live: "Live", polling: "Polling", paused: "Paused", offline: "Offline", trouble: "Trouble" };
const SLOWEST = 30000;

export function showState(state) {
  indicator.hidden = !WORDS[state];
  if (indicator.dataset.state === state) return;
  indicator.dataset.state = state;
  setText(indicator, WORDS[state] ?? "");
}

let countDown = 0;

function showBanner(error, next) {
  clearInterval(countDown);
  banner.hidden = !error;
  if (!error) return;
  const words = error.status === 0 ? "The server does not answer."
    : error.status === 429 ? "The server asks for fewer requests." : `The server has trouble: ${error.message}`;
  const until = Date.now() + next;
  const tell = () => setText(bannerText, `${words} Next try in ${Math.max(0, Math.ceil((until - Date.now()) / 1000))} s.`);
  tell();
  countDown = setInterval(tell, 1000);
}

// Calls refresh(signal) again and again until stop() is called. refresh resolves to the milliseconds until the next call
// (0: at once, it is a long-poll; null: never again), and throws an ApiError when it could not. now() calls it at once, for
// something else is asked for than before.
export function keepFresh(refresh) {
  let timer = 0;
  let failures = 0;
  let round = null;
  let isWanted = false;
  let over = false;
  let ended = false;

  async function turn() {
    clearTimeout(timer);
    timer = 0;
    if (over || ended || round) return;
    if (document.hidden) { showState("paused"); return; }
    const mine = new AbortController();
    round = mine;
    isWanted = false;
    let next;
    try {
      next = await refresh(mine.signal);
      failures = 0;
      if (!over) {
        showBanner(null);
        showState(next === null ? "paused" : next === 0 ? "live" : "polling");
      }
    } catch (error) {
      if (error.name === "AbortError") next = 0;
      else {
        if (error.status === undefined) console.error(error); // a mistake of this page, not the server's
        failures++;
        next = Math.min(SLOWEST, 1000 * 2 ** failures);
        if (!over) {
          showState(error.status === 0 ? "offline" : "trouble");
          showBanner(error, next);
        }
      }
    }
    round = null;
    if (next === null) ended = true;
    else if (document.hidden && !over) showState("paused");
    else if (!over) timer = setTimeout(turn, isWanted ? 0 : next);
  }

  function now() {
    isWanted = true;
    if (round) round.abort();
    else turn();
  }

  function visibility() {
    if (ended) return;
    if (!document.hidden) { turn(); return; }
    clearTimeout(timer);
    round?.abort();
    showBanner(null);
    showState("paused");
  }
  function tryNow() {
    if (!document.hidden) turn();
  }

  const button = document.getElementById("trouble-now");
  document.addEventListener("visibilitychange", visibility);
  addEventListener("online", tryNow);
  button.addEventListener("click", tryNow);
  turn();
  return {
    now,
    stop: () => {
      over = true;
      clearTimeout(timer);
      round?.abort();
      showBanner(null);
      document.removeEventListener("visibilitychange", visibility);
      removeEventListener("online", tryNow);
      button.removeEventListener("click", tryNow);
    },
  };
}

// What moves by itself moves once a second, without a request, while the tab is shown.
export function everySecond(tick) {
  const timer = setInterval(() => { if (!document.hidden) tick(Date.now()); }, 1000);
  return () => clearInterval(timer);
}

// Calls work(signal) every so many milliseconds (it resolves to them; null ends it) while the tab is shown. Quiet: what
// fails is tried again the next time, and keepFresh says so.
export function beside(work, pauseAfterFailure = 5000) {
  const stop = new AbortController();
  let timer = 0;
  let busy = false;
  async function turn() {
    clearTimeout(timer);
    timer = 0;
    if (stop.signal.aborted || busy || document.hidden) return;
    busy = true;
    let next = pauseAfterFailure;
    try { next = await work(stop.signal); } catch { /* the next time */ }
    busy = false;
    if (next !== null && !stop.signal.aborted && !document.hidden) timer = setTimeout(turn, next);
  }
  const visibility = () => { if (!document.hidden) turn(); else clearTimeout(timer); };
  document.addEventListener("visibilitychange", visibility);
  turn();
  return {
    now: turn,
    stop: () => {
      stop.abort();
      clearTimeout(timer);
      document.removeEventListener("visibilitychange", visibility);
    },
  };
}
