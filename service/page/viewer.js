// The dialog that shows one crop in full, with what is recorded about it.

import { element, find } from "./elements.js";
import { fullTime, score } from "./formats.js";
import { describe } from "./tiles.js";

export class Viewer {
  #dialog = find("viewer");
  #image = find("viewer-image");
  #results = [];
  #position = 0;
  #onClosed;

  constructor(onClosed) {
    this.#onClosed = onClosed;
    find("viewer-close").addEventListener("click", () => this.close());
    find("viewer-back").addEventListener("click", () => this.#step(-1));
    find("viewer-on").addEventListener("click", () => this.#step(1));
    this.#dialog.addEventListener("close", () => this.#onClosed(this.#position));
    this.#dialog.addEventListener("click", (event) => {
      if (event.target === this.#dialog) {
        this.close();
      }
    });
    this.#dialog.addEventListener("keydown", (event) => {
      const step = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
      if (step) {
        event.preventDefault();
        this.#step(step);
      }
    });
    this.#image.addEventListener("error", () => this.#showImage(false));
  }

  open(results, position) {
    this.#results = results;
    this.#show(position);
    this.#dialog.showModal();
  }

  close() {
    if (this.#dialog.open) {
      this.#dialog.close();
    }
  }

  #step(by) {
    const position = this.#position + by;
    if (position >= 0 && position < this.#results.length) {
      this.#show(position);
    }
  }

  #showImage(there) {
    this.#image.hidden = !there;
    find("viewer-gone").hidden = there;
  }

  #show(position) {
    const result = this.#results[position];
    this.#position = position;
    this.#showImage(true);
    this.#image.src = result.crop_url;
    this.#image.alt = describe(result);
    find("viewer-title").textContent = `Rank ${result.rank} of ${this.#results.length}`;
    find("viewer-open").href = result.crop_url;
    find("viewer-back").disabled = position === 0;
    find("viewer-on").disabled = position === this.#results.length - 1;
    find("viewer-list").replaceChildren(...facts(result).flatMap(row));
  }
}

function facts(result) {
  const known = [
    ["Score", score(result.score)],
    ["Camera", result.camera],
    ["Captured", result.captured_at && fullTime(result.captured_at)],
    ["Track", result.track_id],
    ...Object.entries(result.metadata),
    ["File", result.path],
    ["Id", result.id],
  ];
  return known.filter(([, value]) => value !== null && value !== "");
}

function row([name, value]) {
  return [element("dt", { text: name }), element("dd", { text: String(value) })];
}
