// live.js - keeps a view up to date: as often as it is worth, not at all while nobody looks, and says truthfully which.
//
// Live: a long-poll is open, a change shows at once. Polling: asked every few seconds. Paused: the tab is hidden.
// Offline: the last try got no answer; tried again, more and more seldom.

const indicator = document.getElementById("live");
const WORDS = { live: "Live", polling: "Polling", paused: "Paused", offline: "Offline" };
const SLOWEST = 30000;

function show(state) {
  if (indicator.dataset.state === state) return;
  indicator.dataset.state = state;
  indicator.textContent = WORDS[state];
}

// Calls refresh(signal) again and again until the returned function is called. refresh resolves to the milliseconds
// until the next call (0: at once, it is a long-poll; null: never again), and throws when no answer came.
export function keepFresh(refresh) {
  const stop = new AbortController();
  let timer = 0;
  let failures = 0;
  let round = null;

  async function turn() {
    timer = 0;
    if (stop.signal.aborted) return;
    if (document.hidden) { show("paused"); return; }
    round = new AbortController();
    const signal = AbortSignal.any([stop.signal, round.signal]);
    let next;
    try {
      next = await refresh(signal);
      failures = 0;
      show(next === 0 ? "live" : "polling");
    } catch (error) {
      if (stop.signal.aborted) return;
      if (error.name === "AbortError") { next = 0; }
      else {
        failures++;
        show("offline");
        next = Math.min(SLOWEST, 1000 * 2 ** failures);
      }
    }
    round = null;
    if (next !== null && !stop.signal.aborted) timer = setTimeout(turn, next);
  }

  function visibility() {
    if (document.hidden) {
      clearTimeout(timer);
      timer = 0;
      round?.abort();
      show("paused");
    } else if (timer === 0 && round === null) turn();
    else { clearTimeout(timer); turn(); }
  }

  document.addEventListener("visibilitychange", visibility);
  stop.signal.addEventListener("abort", () => {
    clearTimeout(timer);
    document.removeEventListener("visibilitychange", visibility);
  });
  turn();
  return () => stop.abort();
}

// Ages and durations move once a second, without a request, while the tab is shown.
export function everySecond(tick) {
  const timer = setInterval(() => { if (!document.hidden) tick(Date.now()); }, 1000);
  return () => clearInterval(timer);
}
