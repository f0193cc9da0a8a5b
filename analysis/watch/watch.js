"use strict";
// Asks for the state every two seconds while the page is seen, and replaces what has changed.

const PERIOD_MS = 2000;
const REGIONS = ["progress", "pictures", "laws", "nodes", "failures"];
const shown = new Map();
let version = "";
let misses = 0;
let since = "";
let ended = false;

function say(text) {
  const ended = document.getElementById("ended");
  if (ended.textContent !== text) ended.textContent = text;
  ended.hidden = !text;
}

// A picture is replaced when the new one is there, so that nothing jumps.
async function fill(region, html) {
  const part = document.createElement("div");
  part.innerHTML = html;
  await Promise.all([...part.querySelectorAll("img")].map((image) => image.decode().catch(() => null)));
  if (region.contains(document.activeElement) && region.childElementCount === part.childElementCount) {
    const at = [...region.querySelectorAll("[tabindex]")].indexOf(document.activeElement);
    region.replaceChildren(...part.childNodes);
    region.querySelectorAll("[tabindex]")[at]?.focus({ preventScroll: true });
  } else {
    region.replaceChildren(...part.childNodes);
  }
}

async function show(state) {
  version = state.version;
  ended = state.ended;
  document.title = `${state.percent}${state.regions.title}`;
  for (const name of ["title", "spoken"]) {
    const element = document.getElementById(name);
    if (element.textContent !== state.regions[name]) element.textContent = state.regions[name];
  }
  for (const name of REGIONS.filter((one) => shown.get(one) !== state.regions[one])) {
    shown.set(name, state.regions[name]);
    await fill(document.getElementById(name), state.regions[name]);
  }
}

async function ask() {
  const query = new URLSearchParams(location.search);
  query.set("have", version);
  try {
    const answer = await fetch(`state.json?${query}`);
    if (answer.status === 200) await show(await answer.json());
    else if (answer.status !== 204) throw new Error(answer.statusText);
    misses = 0;
    say(ended ? "The run has ended; this is its last state." : "");
  } catch {
    misses += 1;
    if (misses === 1) since = new Date().toLocaleTimeString();
    else say(`No answer since ${since}: what served this page has ended, or the tunnel is closed. What is shown is the last state.`);
  }
}

async function repeat() {
  if (!document.hidden) await ask();
  if (ended) return;
  setTimeout(repeat, misses > 1 ? 5 * PERIOD_MS : PERIOD_MS);
}

document.addEventListener("visibilitychange", () => { if (!document.hidden && !ended) ask(); });
repeat();
