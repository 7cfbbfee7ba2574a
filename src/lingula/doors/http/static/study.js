// Reading one study with the keyboard: the verdict, the next study, and the claim while the page is open.
"use strict";

const study = document.getElementById("study");
const verdict = document.getElementById("verdict");
const claimAddress = `/api/v1/studies/${study.dataset.study}/claim`;
const token = { "x-csrf-token": study.dataset.csrf };

function choose(value) {
  const choice = verdict?.querySelector(`input[value=${value}]`);
  if (!choice) return;
  choice.checked = true;
  document.getElementById("note").focus();
}

lingula.onKeys({
  ...viewer.keys,
  a: () => choose("agree"),
  d: () => choose("disagree"),
  u: () => choose("unsure"),
  n: () => document.getElementById("next-study")?.click(),
  w: () => location.assign("/"),
});

verdict?.addEventListener("keydown", (event) => {
  if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) verdict.requestSubmit();
  if (event.key === "Escape") event.target.blur();
});

let isWriting = false;
verdict?.addEventListener("input", () => { isWriting = true; });
verdict?.addEventListener("submit", () => { isWriting = false; });
addEventListener("beforeunload", (event) => { if (isWriting && document.getElementById("note").value) event.preventDefault(); });

// While the page is open the study is this doctor's; who leaves lets it go.
if (study.dataset.claim) {
  const claim = async () => {
    const answer = await fetch(claimAddress, { method: "POST", headers: token });
    if (answer.status === 409) { location.reload(); return; }
    const form = document.getElementById("claim-form");
    if (answer.ok && form) form.replaceWith("Yours while this page is open.");
  };
  claim();
  setInterval(() => { if (!document.hidden) claim(); }, 5 * 60_000);
  addEventListener("pagehide", () => fetch(claimAddress, { method: "DELETE", headers: token, keepalive: true }));
}

// A study that is still being assessed, or changes meanwhile, is shown anew, unless somebody is writing.
const ofInterest = ["instance_assessed", "instance_not_eligible", "assessment_failed", "instance_received"];
lingula.follow((events) => {
  const isAboutThis = events.some((one) => one.study === study.dataset.study && ofInterest.includes(one.action));
  if (isAboutThis && !isWriting) location.reload();
}, 500);
