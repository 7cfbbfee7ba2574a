// The worklist refreshes itself and is walked with the keyboard. Without this script it works all the same.
"use strict";

const links = () => [...document.querySelectorAll(".worklist .row-link")];

function step(by) {
  const all = links();
  if (!all.length) return;
  const at = all.indexOf(document.activeElement);
  const to = at < 0 ? (by > 0 ? 0 : all.length - 1) : Math.min(all.length - 1, Math.max(0, at + by));
  all[to].focus({ preventScroll: true });
  all[to].closest("tr").scrollIntoView({ block: "nearest" });
}

lingula.onKeys({
  j: () => step(1),
  k: () => step(-1),
  "/": () => document.querySelector(".filters input[name=q]")?.focus(),
});

async function refresh() {
  const answer = await fetch(location.href, { headers: { accept: "text/html", "x-lingula-refresh": "1" } });
  if (answer.redirected) { location.reload(); return; }  // logged out meanwhile
  if (!answer.ok) return;
  const fresh = new DOMParser().parseFromString(await answer.text(), "text/html");
  const focused = document.activeElement?.closest?.("tr")?.dataset.study;
  const old = new Map([...document.querySelectorAll("tr[data-study]")].map((row) => [row.dataset.study, row]));
  for (const row of fresh.querySelectorAll("tr[data-study]")) {
    const before = old.get(row.dataset.study);
    const picture = before?.querySelector("img");
    if (picture) row.querySelector("img")?.replaceWith(picture);  // not fetched again
    if (!before && old.size) row.classList.add("is-new");
  }
  for (const part of document.querySelectorAll("[data-live]")) {
    const next = fresh.querySelector(`[data-live="${part.dataset.live}"]`);
    if (next) part.replaceChildren(...next.childNodes);
  }
  document.title = fresh.title;
  if (focused) document.querySelector(`tr[data-study="${CSS.escape(focused)}"] .row-link`)?.focus({ preventScroll: true });
}

let isRefreshing = false;
const refreshOnce = async () => {
  if (isRefreshing || document.hidden) return;
  isRefreshing = true;
  try { await refresh(); } catch (error) { /* the server is away; the sign above says so */ } finally { isRefreshing = false; }
};
lingula.follow(refreshOnce, 800);
setInterval(refreshOnce, 60_000);  // waiting times move on too
// Who comes from a study has let it go while this page was on its way.
if (document.querySelector("tr.is-mine")) setTimeout(refreshOnce, 1200);
document.addEventListener("visibilitychange", refreshOnce);
