// What the service warns of, in words for whoever reads the page.

import { element } from "./elements.js";

const TITLES = {
  no_known_words: "No known words",
  unknown_words: "Unknown words",
  only_stop_words: "Nothing to go by",
  text_truncated: "Description too long",
};

export function showWarnings(list, warnings) {
  list.replaceChildren(...warnings.map(item));
  list.hidden = !warnings.length;
}

function item(warning) {
  const end = warning.indexOf(": ");
  const title = TITLES[warning.slice(0, end)];
  if (!title) {
    return element("li", { text: warning });
  }
  return element("li", {}, [element("strong", { text: title }), warning.slice(end)]);
}
