// Building elements. Data reaches the page as text and attributes, never as markup.

export function element(name, options = {}, children = []) {
  const made = document.createElement(name);
  const { text, className, ...attributes } = options;
  if (text !== undefined) {
    made.textContent = text;
  }
  if (className) {
    made.className = className;
  }
  for (const [attribute, value] of Object.entries(attributes)) {
    made.setAttribute(attribute, value);
  }
  made.append(...children);
  return made;
}

export const find = (id) => document.getElementById(id);
