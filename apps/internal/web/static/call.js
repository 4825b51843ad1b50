// Requests to the API, and what went wrong with them in words.

/** Problem is an answer that is an error: RFC 9457. */
export class Problem extends Error {
  constructor(status, body) {
    super(body?.detail || body?.title || `The server answered ${status}.`);
    this.status = status;
    this.reason = body?.reason ?? "";
    this.errors = body?.errors ?? [];
  }
}

/** Key returns a name for a command. Under it a command has its effect once, however often it is sent. */
export function key() {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  return Array.from(bytes, (b) => b.toString(16).padStart(2, "0")).join("");
}

/** Get returns the document at a path. */
export async function get(path, signal) {
  return answer(await fetch(path, { headers: { Accept: "application/json" }, signal }));
}

/** Post sends a command. When the answer is lost on the way it is sent once more, under the same key. */
export async function post(path, body, id = key()) {
  const request = {
    method: "POST",
    headers: { "Content-Type": "application/json", Accept: "application/json", "Idempotency-Key": id },
    body: JSON.stringify(body),
  };
  let response;
  try {
    response = await fetch(path, request);
  } catch {
    try {
      response = await fetch(path, request);
    } catch {
      throw new Error("The server cannot be reached. It is not known whether the command was carried out.");
    }
  }
  return answer(response);
}

async function answer(response) {
  let body = null;
  try {
    body = await response.json();
  } catch {
    // Not JSON: the status has to do.
  }
  if (!response.ok) throw new Problem(response.status, body);
  return body;
}
