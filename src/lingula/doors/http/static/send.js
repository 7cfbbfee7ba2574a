// Sends the chosen or dropped files one by one, shows how far each is, and tries again what could not be taken now.
// Without this script the form sends them all at once.
"use strict";

const AT_ONCE = 2;
const ATTEMPTS = 8;
const LONGEST_WAIT_MILLISECONDS = 30_000;
const LOOKS = 20;

const form = document.getElementById("send-form");
const input = document.getElementById("files");
const drop = document.getElementById("drop");
const list = document.getElementById("sent-list");
const line = document.getElementById("sent-line");

const waiting = [];
const counts = { chosen: 0, received: 0, known: 0, refused: 0 };
let running = 0;

function tell() {
  const done = counts.received + counts.known + counts.refused;
  const parts = [done < counts.chosen ? `${done} of ${counts.chosen} done` : "", counts.received ? `${counts.received} arrived` : "",
    counts.known ? `${counts.known} were here before` : "", counts.refused ? `${counts.refused} not accepted` : ""];
  line.textContent = parts.filter(Boolean).join(", ");
}

function row(file) {
  const item = document.createElement("li");
  const name = document.createElement("span");
  const words = document.createElement("span");
  const bar = document.createElement("progress");
  name.className = "sent-name";
  name.textContent = file.name;
  words.className = "sent-words";
  words.textContent = "waits";
  bar.max = 1;
  bar.value = 0;
  bar.setAttribute("aria-label", `${file.name}, sent`);
  item.append(name, bar, words);
  list.append(item);
  return { item, words, bar };
}

function post(fields, file, onProgress) {
  return new Promise((resolve) => {
    const body = new FormData();
    for (const [name, value] of fields) body.append(name, value);
    body.append("file", file);
    const request = new XMLHttpRequest();
    request.open("POST", form.action);
    request.setRequestHeader("accept", "application/json");
    request.upload.onprogress = (event) => { if (event.lengthComputable) onProgress(event.loaded / event.total); };
    request.onload = () => resolve(request);
    request.onerror = () => resolve(request);
    request.send(body);
  });
}

const pause = (milliseconds) => new Promise((resolve) => { setTimeout(resolve, milliseconds); });

function read(request) {
  try { return JSON.parse(request.responseText); } catch (error) { return {}; }
}

async function sendOne({ file, fields, shown }) {
  for (let attempt = 0; attempt < ATTEMPTS; attempt += 1) {
    shown.words.textContent = "is sent …";
    const request = await post(fields, file, (share) => { shown.bar.value = share; });
    const body = read(request);
    if (request.status === 200 && body.files) return body.files[0];
    if (request.status === 401 || request.status === 403) return { outcome: "refused", words: "you are logged out; load this page again" };
    if (request.status && ![408, 429, 502, 503, 504].includes(request.status)) return { outcome: "refused", words: body.detail || `refused (${request.status})` };
    const said = Number(request.status ? request.getResponseHeader("retry-after") : 0) * 1000;
    shown.words.textContent = "cannot be taken now; is sent again in a moment";
    await pause(Math.min(LONGEST_WAIT_MILLISECONDS, said || 500 * 2 ** attempt));
  }
  return { outcome: "refused", words: "no answer; the file is not here, send it again later" };
}

async function follow(instance, shown) {
  for (let look = 0; look < LOOKS; look += 1) {
    await pause(1500);
    const answer = await fetch(`/api/v1/instances/${instance}`, { headers: { "x-lingula-refresh": "1" } }).catch(() => null);
    if (!answer?.ok) return;
    const { status } = await answer.json();
    if (status !== "received") { shown.words.textContent = `arrived, ${status}`; return; }
  }
}

async function work() {
  while (waiting.length) {
    const one = waiting.shift();
    const result = await sendOne(one);
    counts[result.outcome] += 1;
    one.shown.item.className = `is-${result.outcome}`;
    one.shown.words.textContent = result.words;
    one.shown.bar.remove();
    if (result.outcome === "received") follow(result.instance, one.shown);
    tell();
  }
  running -= 1;
}

function send(files) {
  if (!form.elements.site?.value && form.elements.site) { form.elements.site.reportValidity(); return; }
  const fields = [...new FormData(form)].filter(([name]) => name !== "file");
  document.getElementById("sent").hidden = false;
  for (const file of files) {
    counts.chosen += 1;
    waiting.push({ file, fields, shown: row(file) });
  }
  tell();
  while (running < Math.min(AT_ONCE, waiting.length)) { running += 1; work(); }
}

form.addEventListener("submit", (event) => {
  event.preventDefault();
  send([...input.files]);
  form.elements.priority.checked = false;  // said of these files only
  input.value = "";
});

document.getElementById("drop-hint").hidden = false;
for (const name of ["dragover", "dragenter"]) {
  document.addEventListener(name, (event) => { event.preventDefault(); drop.classList.add("is-over"); });
}
document.addEventListener("dragleave", (event) => { if (!event.relatedTarget) drop.classList.remove("is-over"); });
document.addEventListener("drop", (event) => {
  event.preventDefault();
  drop.classList.remove("is-over");
  send([...(event.dataTransfer?.files ?? [])]);
});
addEventListener("beforeunload", (event) => { if (running) event.preventDefault(); });
