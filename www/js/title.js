// title.js - the tab tells when something runs or has failed.

export function setTitle(text = "", state = "") {
  document.title = text ? `${text} · Jobgate` : "Jobgate";
  const icon = state === "FAILED" ? "icon-failed.svg" : state === "RUNNING" ? "icon-running.svg" : "icon.svg";
  const link = document.getElementById("icon");
  if (link.getAttribute("href") !== icon) link.setAttribute("href", icon);
}
