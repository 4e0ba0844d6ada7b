// The way to Python: JSON over POST, ten seconds at most. Everything that is not an answer is thrown, with its status.
const KEEPALIVE = 60_000;                            // browsers send at most 64 kB after the page has gone

export class NoAnswer extends Error {
  constructor(path, status) { super(`${path}: ${status || "no answer"}`); this.status = status; }
}

export function wire(root = "/studio/") {
  async function ask(path, body, last = false) {
    const text = JSON.stringify(body);
    const answer = await fetch(root + path, {
      method: "POST", headers: { "content-type": "application/json" }, body: text,
      keepalive: last && text.length * 3 < KEEPALIVE, signal: AbortSignal.timeout(10_000),
    }).catch(() => { throw new NoAnswer(path, 0); });
    if (!answer.ok) throw new NoAnswer(path, answer.status);
    return answer.json();
  }
  const names = ["list", "load", "save", "history", "new", "duplicate", "remove", "recover", "character", "sheet", "coverage", "link", "titles", "scene"];
  return Object.fromEntries(names.map(name => [name, (body, last) => ask(name, body, last)]));
}

const KEPT = "your words are kept in this window.";
/** Why something was not saved: what happened, that the words are safe, one thing to do. */
export function whyNot(error) {
  if (error.status === 401) return `The studio was started anew. Open it from its icon, then press Save again; ${KEPT}`;
  if (error.status) return `Not saved: the studio could not write it down (${error.status}), but ${KEPT} Press Save again.`;
  if (error instanceof NoAnswer) return `Not saved yet: the studio does not answer, but ${KEPT} Start it again; saving then goes on by itself.`;
  console.error(error);                              // a fault of the editor's own must be seen, and must not read as saved
  return `Not saved: the editor stumbled, but ${KEPT} Press Save again.`;
}
/** Why something could not be shown. */
export function whyMissing(error, what) {
  if (error.status === 401) return "The studio was started anew. Nothing is lost. Open it from its icon, then try again.";
  if (error.status) return `${what} could not be read (${error.status}). Nothing is lost. Try again; if it stays so, start the studio anew.`;
  return `${what} could not be read, because the studio does not answer. Nothing is lost. Start it again, then try again.`;
}
