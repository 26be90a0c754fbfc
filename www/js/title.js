// title.js - the tab tells when something runs or has failed.

const ICONS = { FAILED: "icon-failed.svg", RUNNING: "icon-running.svg" };

export function setTitle(text = "", status = "") {
  document.title = text ? `${text} · Jobgate` : "Jobgate";
  const icon = ICONS[status] ?? "icon.svg";
  const link = document.getElementById("icon");
  if (link.getAttribute("href") !== icon) link.setAttribute("href", icon);
}
