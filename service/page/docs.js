// The API in words, drawn from /openapi.json: nothing is loaded from another host.

import { element, find } from "./elements.js";

const nameOf = (reference) => reference.split("/").at(-1);

function typeOf(schema) {
  if (schema.$ref) {
    return element("a", { href: `#${nameOf(schema.$ref)}`, text: nameOf(schema.$ref) });
  }
  if (schema.anyOf) {
    const parts = schema.anyOf.flatMap((part) => [" or ", typeOf(part)]).slice(1);
    return element("span", {}, parts);
  }
  if (schema.type === "array" && schema.items) {
    return element("span", {}, ["list of ", typeOf(schema.items)]);
  }
  const limits = [
    ["minimum", "at least"],
    ["maximum", "at most"],
    ["minLength", "at least characters"],
    ["maxLength", "at most characters"],
    ["default", "default"],
  ];
  const said = limits
    .filter(([key]) => ["number", "string"].includes(typeof schema[key]))
    .map(([key, word]) => `, ${word} ${schema[key]}`);
  return element("span", { text: `${schema.format ?? schema.type ?? "any"}${said.join("")}` });
}

function table(rows) {
  const cells = (row) => row.map((cell) => element("td", {}, [cell]));
  return element("table", {}, [
    element("tbody", {}, rows.map((row) => element("tr", {}, cells(row)))),
  ]);
}

function curl(path, method, operation, types) {
  const body = operation.requestBody?.content["application/json"]?.schema;
  const address = `${location.origin}${path}`;
  if (!body) {
    return method === "get" ? `curl ${address}` : `curl -X ${method.toUpperCase()} ${address}`;
  }
  const example = JSON.stringify(types[nameOf(body.$ref)].examples[0]);
  return `curl -X POST ${address} \\\n  -H 'content-type: application/json' \\\n  -d '${example}'`;
}

function contentOf([status, response]) {
  const [[media, { schema }] = ["", {}]] = Object.entries(response.content ?? {});
  const type = schema?.$ref ? typeOf(schema) : element("span", { text: media });
  return [status, response.description, type];
}

function drawOperation(path, method, operation, types) {
  return element("section", { className: "operation" }, [
    element("h3", {}, [
      element("span", { className: "method", text: method.toUpperCase() }),
      element("code", { text: path }),
    ]),
    element("p", { text: operation.summary ?? "" }),
    element("pre", { text: curl(path, method, operation, types) }),
    table(Object.entries(operation.responses).map(contentOf)),
  ]);
}

function drawType([name, schema]) {
  const fields = Object.entries(schema.properties ?? {}).map(([field, value]) => [
    element("code", { text: field }),
    typeOf(value),
    value.description ?? "",
  ]);
  return element("section", { className: "operation", id: name }, [
    element("h3", {}, [element("code", { text: name })]),
    element("p", { text: schema.description ?? "" }),
    table(fields),
  ]);
}

async function draw() {
  const response = await fetch("/openapi.json");
  const { info, paths, components } = await response.json();
  const shown = Object.entries(paths).filter(([path]) => !(`/v1${path}` in paths));
  find("about").textContent = info.description.replaceAll("`", "");
  find("operations").replaceChildren(
    ...shown.flatMap(([path, methods]) =>
      Object.entries(methods).map(([method, operation]) =>
        drawOperation(path, method, operation, components.schemas),
      ),
    ),
  );
  find("types").replaceChildren(...Object.entries(components.schemas).map(drawType));
  document.getElementById(location.hash.slice(1))?.scrollIntoView();
}

draw().catch((error) => {
  find("about").textContent = `The description of the API cannot be read: ${error.message}`;
});
