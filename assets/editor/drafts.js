// The safety copy in this browser: every change until the studio has acknowledged it. Written once per frame, because keys come faster.
// "draft" is what is being typed now; "kept" is one found after a crash, until its owner has said what to do with it.
const LIMIT = 1_000_000;                             // characters; a browser gives a page about five million
const key = (kind, id) => `persona-studio:${kind}:${id}`;
let next = null, frame = 0;

function store(name, value) {
  try { localStorage.setItem(name, value); } catch { localStorage.removeItem(name); }   // a full or closed store costs the safety copy only
}
function read(name) {
  try { return JSON.parse(localStorage.getItem(name)); } catch { return null; }
}
export const drafts = {
  keep(id, value) {
    if (next && next.id !== id) this.flush();
    next = { id, value };
    frame ||= requestAnimationFrame(() => this.flush());
  },
  flush() {
    cancelAnimationFrame(frame); frame = 0;
    if (!next) return;
    const text = JSON.stringify(next.value), name = key("draft", next.id);
    next = null;
    if (text.length <= LIMIT) store(name, text); else localStorage.removeItem(name);
  },
  drop(id) {
    if (next?.id === id) next = null;
    localStorage.removeItem(key("draft", id));
  },
  /** What was left behind for this id, moved out of the way of new typing; null when there is nothing. */
  found(id) {
    const left = localStorage.getItem(key("draft", id));
    if (left !== null) { store(key("kept", id), left); localStorage.removeItem(key("draft", id)); }
    return read(key("kept", id));
  },
  settle(id) { localStorage.removeItem(key("kept", id)); },
  /** The id of a conversation of this character with words left behind; null without one. */
  ofPersona(persona) {
    const names = Object.keys(localStorage).filter(name => /^persona-studio:(draft|kept):(?!sheet-)/.test(name));
    const name = names.find(each => read(each)?.persona === persona);
    return name ? name.split(":").slice(2).join(":") : null;
  },
  last: persona => localStorage.getItem(key("last", persona)),
  visited(persona, id) { store(key("last", persona), id); },
};
