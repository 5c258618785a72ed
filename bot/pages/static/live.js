// Keeps an open page true: at each change that the server tells of the page is asked for again, and what differs is put in its
// place. What a person is typing is never touched. Without this script the pages work the same, after a reload.
"use strict";

const settled = Number(document.currentScript.dataset.settle) || 80;
const source = document.currentScript.dataset.live;
let seen = collect(document);
let pending = 0;
let fetching = false;
let again = false;

// The parts that may be replaced: each has an id, and its text as the server sent it is what is compared.
function collect(root) {
  const found = new Map();
  for (const part of root.querySelectorAll("[data-live], [data-live-list] > *")) {
    if (part.id) found.set(part.id, part.outerHTML);
  }
  return found;
}

function busy(part) {
  if (part.contains(document.activeElement)) return true;
  return [...part.querySelectorAll("textarea, input:not([type=hidden])")].some((box) => box.value !== box.defaultValue);
}

function replace(fresh) {
  const now = collect(fresh);
  for (const [id, text] of now) {
    if (seen.get(id) === text) continue;
    const part = document.getElementById(id);
    const made = document.importNode(fresh.getElementById(id), true);
    if (!part) {
      const list = fresh.getElementById(id).closest("[data-live-list]");
      if (list) document.getElementById(list.id)?.append(made);
    } else if (busy(part)) {
      now.set(id, seen.get(id) || "");
      continue;
    } else {
      const open = [...part.querySelectorAll("details")].map((each) => each.open);
      [...made.querySelectorAll("details")].forEach((each, index) => { if (open[index]) each.open = true; });
      part.replaceWith(made);
    }
  }
  for (const id of seen.keys()) {
    if (!now.has(id)) document.getElementById(id)?.remove();
  }
  seen = now;
}

async function refresh() {
  if (fetching) { again = true; return; }
  fetching = true;
  try {
    const answer = await fetch(location.href, { headers: { Accept: "text/html" }, cache: "no-store" });
    if (answer.ok) replace(new DOMParser().parseFromString(await answer.text(), "text/html"));
  } catch {
    // The server is gone or restarting; the stream opens again when it is back, and the page is then asked for anew.
  } finally {
    fetching = false;
    if (again) { again = false; soon(); }
  }
}

function soon() {
  clearTimeout(pending);
  pending = setTimeout(refresh, settled);
}

let opened = false;
const stream = new EventSource(source);
stream.addEventListener("open", () => {
  document.documentElement.dataset.following = "yes";
  if (opened) soon();
  opened = true;
});
stream.addEventListener("change", (message) => {
  const change = JSON.parse(message.data);
  const news = document.getElementById("news");
  if (news && change.news) news.textContent = change.news;
  soon();
});
// A part that was in use when it changed is brought up to date when it is left.
document.addEventListener("focusout", soon);
addEventListener("pagehide", () => stream.close());
addEventListener("pageshow", (event) => { if (event.persisted) location.reload(); });
