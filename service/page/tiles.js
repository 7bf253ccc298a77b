// The grid of ranked crops.

import { element } from "./elements.js";
import { score, shortTime } from "./formats.js";

const ARROWS = { ArrowLeft: -1, ArrowRight: 1 };

// What is known of a crop without looking at it: rank, camera, time. Never what it shows.
export function describe(result) {
  const known = [`Crop ranked ${result.rank}`];
  if (result.camera) {
    known.push(`camera ${result.camera}`);
  }
  if (result.captured_at) {
    known.push(shortTime(result.captured_at));
  }
  return known.join(", ");
}

export function showTiles(list, results, onOpen) {
  const best = Math.max(...results.map((result) => result.score), Number.EPSILON);
  list.replaceChildren(
    ...results.map((result, position) => tile(result, best, () => onOpen(position))),
  );
}

export function showSkeleton(list, count) {
  const blanks = Array.from({ length: count }, () =>
    element("li", { className: "tile blank", "aria-hidden": "true" }, [
      element("div", { className: "picture" }),
    ]),
  );
  list.replaceChildren(...blanks);
}

function tile(result, best, onOpen) {
  const image = element("img", {
    src: result.thumbnail_url,
    alt: "",
    loading: "lazy",
    decoding: "async",
  });
  const picture = element("div", { className: "picture" }, [
    image,
    element("span", { className: "rank", text: String(result.rank) }),
  ]);
  image.addEventListener("error", () => {
    image.replaceWith(element("span", { className: "no-image", text: "No image" }));
  });

  const strength = element("div", { className: "strength" });
  strength.style.setProperty("--share", String(Math.max(0, result.score / best)));
  const button = element(
    "button",
    { type: "button", "aria-label": `${describe(result)}, score ${score(result.score)}` },
    [picture, strength, facts(result)],
  );
  button.addEventListener("click", onOpen);
  return element("li", { className: "tile", "data-id": result.id }, [button]);
}

function facts(result) {
  const lines = [element("span", { className: "score", text: score(result.score) })];
  if (result.camera) {
    lines.push(element("span", { className: "camera", text: result.camera }));
  }
  if (result.captured_at) {
    const time = { className: "time", text: shortTime(result.captured_at) };
    lines.push(element("time", { ...time, datetime: result.captured_at }));
  }
  return element("div", { className: "facts" }, lines);
}

// Arrow keys walk the grid as the eye does; Home and End go to the first and last crop.
export function walkWithArrows(list) {
  list.addEventListener("keydown", (event) => {
    const buttons = [...list.querySelectorAll(".tile button")];
    const here = buttons.indexOf(document.activeElement);
    if (here < 0 || event.ctrlKey || event.metaKey || event.altKey) {
      return;
    }
    const next = target(event.key, here, buttons);
    if (next !== undefined) {
      event.preventDefault();
      buttons[Math.min(Math.max(next, 0), buttons.length - 1)].focus();
    }
  });
}

function target(key, here, buttons) {
  const top = buttons[0].offsetTop;
  const columns = buttons.filter((button) => button.offsetTop === top).length;
  const steps = { ...ARROWS, ArrowUp: -columns, ArrowDown: columns };
  if (key === "Home") {
    return 0;
  }
  if (key === "End") {
    return buttons.length - 1;
  }
  const next = here + steps[key];
  return next >= 0 && next < buttons.length ? next : steps[key] && here;
}
