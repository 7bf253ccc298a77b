// Requests to the service; an error is always a Failure with a title and a detail to show.

const PATIENCE_MS = 60_000;

export class Failure extends Error {
  constructor(title, detail, status = 0) {
    super(detail);
    this.title = title;
    this.detail = detail;
    this.status = status;
  }
}

export async function search(text, limit, signal) {
  return request("/v1/search", {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ text, limit }),
    signal: AbortSignal.any([signal, AbortSignal.timeout(PATIENCE_MS)]),
  });
}

export async function readInfo() {
  return request("/v1/info", {});
}

async function request(address, options) {
  let response;
  let answer;
  try {
    response = await fetch(address, options);
    answer = await response.json();
  } catch (error) {
    throw explain(error, response);
  }
  if (!response.ok) {
    throw new Failure(answer.title ?? "The search failed", answer.detail ?? "", response.status);
  }
  return answer;
}

function explain(error, response) {
  if (error.name === "AbortError") {
    return error;
  }
  if (error.name === "TimeoutError") {
    return new Failure("The service takes too long", "There was no answer within a minute.");
  }
  if (response) {
    return new Failure(
      "The answer cannot be read",
      `Something between this page and the service answered with status ${response.status}.`,
      response.status,
    );
  }
  return new Failure(
    "The service cannot be reached",
    "Check that it is still running and that this machine has a connection to it.",
  );
}
