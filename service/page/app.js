// The page: its address is its state, so links, reload and the back button all work.

import { Failure, readInfo, search } from "./client.js";
import { element, find } from "./elements.js";
import { counted, duration, whole } from "./formats.js";
import { showSkeleton, showTiles, walkWithArrows } from "./tiles.js";
import { Viewer } from "./viewer.js";
import { showWarnings } from "./warnings.js";

const LIMITS = [24, 60, 120, 200];
const SLOW_MS = 2500;
const SUGGESTIONS = [
  "person in a red coat",
  "blue jeans and a backpack",
  "person in a yellow jacket",
  "somebody wearing a black hat",
  "white top and green skirt",
];

const view = document.body.dataset;
const input = find("text");
const tiles = find("tiles");
const status = find("status");
const viewer = new Viewer(focusTile);
let running = new AbortController();

function readAddress() {
  const parameters = new URLSearchParams(location.search);
  const limit = Number(parameters.get("n"));
  return {
    text: (parameters.get("q") ?? "").trim(),
    limit: LIMITS.includes(limit) ? limit : LIMITS[0],
  };
}

function addressOf({ text, limit }) {
  const parameters = new URLSearchParams({ q: text });
  if (limit !== LIMITS[0]) {
    parameters.set("n", String(limit));
  }
  return `/?${parameters}`;
}

function go(state) {
  if (addressOf(state) !== location.pathname + location.search) {
    history.pushState(null, "", addressOf(state));
  }
  showAddress();
}

async function showAddress() {
  const state = readAddress();
  running.abort();
  running = new AbortController();
  viewer.close();
  input.value = state.text;
  document.title = state.text ? `${state.text} · Descry` : "Descry";
  if (!state.text) {
    showStart();
    return;
  }
  await showSearch(state, running.signal);
}

function showStart() {
  view.view = "start";
  status.textContent = "";
  find("notice").hidden = true;
  showWarnings(find("warnings"), []);
  find("more").hidden = true;
  tiles.replaceChildren();
  input.focus();
}

async function showSearch(state, signal) {
  view.view = "loading";
  find("notice").hidden = true;
  showWarnings(find("warnings"), []);
  find("more").hidden = true;
  status.textContent = "Searching…";
  tiles.setAttribute("aria-busy", "true");
  if (tiles.querySelector(".tile:not(.blank)") === null) {
    showSkeleton(tiles, LIMITS[0]);
  }
  const slow = setTimeout(() => {
    status.textContent = "Still searching: the service is slow to answer.";
  }, SLOW_MS);
  try {
    showAnswer(state, await search(state.text, state.limit, signal));
  } catch (error) {
    if (!signal.aborted) {
      showFailure(error);
    }
  } finally {
    clearTimeout(slow);
    tiles.removeAttribute("aria-busy");
  }
}

function showAnswer(state, answer) {
  const { results } = answer;
  view.view = results.length ? "results" : "nothing";
  showTiles(tiles, results, (position) => viewer.open(results, position));
  const parts = [
    `${counted(results.length, "crop")} of ${whole(answer.index.size)}, best first`,
    duration(answer.timings_ms.total),
  ];
  status.textContent = results.length ? parts.join(" · ") : "No crops: the index is empty.";
  showWarnings(find("warnings"), answer.warnings);
  const further = LIMITS.find((limit) => limit > state.limit);
  const more = find("more");
  more.hidden = !further || results.length < state.limit || results.length >= answer.index.size;
  more.onclick = () => go({ ...state, limit: further });
}

function showFailure(error) {
  const failure = error instanceof Failure ? error : new Failure("The page failed", String(error));
  view.view = "failure";
  status.textContent = "";
  tiles.replaceChildren();
  find("notice-title").textContent = failure.title;
  find("notice-detail").textContent = failure.detail;
  find("again").hidden = failure.status >= 400 && failure.status < 500;
  find("notice").hidden = false;
}

function focusTile(position) {
  const button = tiles.querySelectorAll(".tile button")[position];
  if (button) {
    button.focus();
    button.scrollIntoView({ block: "nearest" });
  }
}

async function showServed() {
  try {
    const { index, model } = await readInfo();
    const crops = counted(index.size, "crop");
    find("served").replaceChildren(
      element("strong", { text: index.name }),
      element("span", { text: crops }),
      element("span", { className: "model", text: `model ${model.name}` }),
    );
    find("lead").textContent = `Search ${crops} by what somebody looks like.`;
  } catch (error) {
    find("served").textContent = error.title ?? String(error);
  }
}

function suggest() {
  const links = SUGGESTIONS.map((text) => {
    const link = element("a", { href: addressOf({ text, limit: LIMITS[0] }), text });
    link.addEventListener("click", (event) => {
      if (!event.ctrlKey && !event.metaKey && !event.shiftKey) {
        event.preventDefault();
        go({ text, limit: LIMITS[0] });
      }
    });
    return element("li", {}, [link]);
  });
  find("suggestions").replaceChildren(...links);
}

function listen() {
  find("search").addEventListener("submit", (event) => {
    event.preventDefault();
    const text = input.value.trim();
    if (text) {
      go({ text, limit: LIMITS[0] });
    } else {
      input.focus();
    }
  });
  input.addEventListener("keydown", (event) => {
    const first = tiles.querySelector(".tile button");
    if (event.key === "ArrowDown" && first) {
      event.preventDefault();
      first.focus();
    }
  });
  find("again").addEventListener("click", showAddress);
  addEventListener("popstate", showAddress);
  addEventListener("keydown", (event) => {
    const typing = event.target instanceof HTMLInputElement;
    const slash = event.key === "/" && !typing && !event.ctrlKey && !event.metaKey;
    const commandK = event.key.toLowerCase() === "k" && (event.ctrlKey || event.metaKey);
    if (slash || commandK) {
      event.preventDefault();
      viewer.close();
      input.focus();
      input.select();
    }
  });
}

suggest();
listen();
walkWithArrows(tiles);
showServed();
showAddress();
