// The way to Python: JSON over POST, ten seconds at most, but for a draft and for what is done with many at once. Everything that is not an
// answer is thrown, with its status.
const SPEECH = 900_000;                              // a large model on a small machine takes minutes to wake and to answer
const MANY = 120_000;
const KEEPALIVE = 60_000;                            // browsers send at most 64 kB after the page has gone

export class NoAnswer extends Error {
  constructor(path, status) { super(`${path}: ${status || "no answer"}`); this.status = status; }
}

export function wire(root = "/studio/") {
  async function ask(path, body, last = false, patience = 10_000) {
    const text = JSON.stringify(body);
    const answer = await fetch(root + path, {
      method: "POST", headers: { "content-type": "application/json" }, body: text,
      keepalive: last && text.length * 3 < KEEPALIVE, signal: AbortSignal.timeout(patience),
    }).catch(() => { throw new NoAnswer(path, 0); });
    if (!answer.ok) throw new NoAnswer(path, answer.status);
    return answer.json();
  }
  const names = ["list", "load", "save", "history", "new", "duplicate", "remove", "recover", "character", "sheet", "mark", "tags", "pen", "hush",
    "coverage", "link", "titles", "scene", "remarks", "silence", "hear"];
  const several = ["found", "about", "tag", "flag", "move", "bin", "find", "replace", "undo"];
  const usual = Object.fromEntries(names.map(name => [name, (body, last) => ask(name, body, last)]));
  const many = Object.fromEntries(several.map(name => [name, body => ask(`many/${name}`, body, false, MANY)]));
  return { ...usual, many, drafts: body => ask("drafts", body, false, SPEECH) };
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
/** Why it is not known whether something was done to many: it was one step, so there is no half of it. */
export function whyUnknown(error) {
  if (error.status === 401) return "The studio was started anew. Nothing was changed. Open it from its icon, then try again.";
  if (error.status) return `The studio could not do this (${error.status}). Nothing was changed. Try again; if it stays so, start the studio anew.`;
  if (error instanceof NoAnswer) return "The studio does not answer. All of it was done, or nothing. Start it again, then try again; nothing is done twice.";
  console.error(error);
  return "The editor stumbled. Look at the list to see what was done. Nothing is lost.";
}
/** Why something could not be shown. */
export function whyMissing(error, what) {
  if (error.status === 401) return "The studio was started anew. Nothing is lost. Open it from its icon, then try again.";
  if (error.status) return `${what} could not be read (${error.status}). Nothing is lost. Try again; if it stays so, start the studio anew.`;
  return `${what} could not be read, because the studio does not answer. Nothing is lost. Start it again, then try again.`;
}
