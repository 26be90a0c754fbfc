// settings.js - what the reader has chosen, remembered by the browser where it allows that.

export function remembered(name, fallback) {
  try {
    return JSON.parse(localStorage.getItem(`jobgate-${name}`)) ?? fallback;
  } catch {
    return fallback;
  }
}

export function remember(name, value) {
  try { localStorage.setItem(`jobgate-${name}`, JSON.stringify(value)); } catch { /* then for this visit only */ }
}
