// The safety copy in this browser: every change until the studio has acknowledged it. Written once per frame, because keys come faster.
// Each window keeps its own copies, under a name that it holds locked as long as it lives. What lies under a name that nobody holds was left
// behind; the window that opens that conversation takes it over.
// "draft" is what is being typed now; "kept" is one found after a crash, until its owner has said what to do with it.
const LIMIT = 1_000_000;                             // characters; a browser gives a page about five million
const WINDOW = "persona-studio:window", COPY = /^persona-studio:(draft|kept):/;
const locked = name => `${WINDOW}:${name}`;
const hold = name => new Promise(held => {
  navigator.locks.request(locked(name), { ifAvailable: true }, lock => { held(Boolean(lock)); return lock && new Promise(() => {}); }).catch(() => held(false));
});
/** This window's name: the one of before over a reload, a new one where a duplicated window still has that. */
async function named() {
  const before = sessionStorage.getItem(WINDOW);
  if (before && (await hold(before))) return before;
  const name = crypto.randomUUID();
  sessionStorage.setItem(WINDOW, name);
  await hold(name);
  return name;
}
const mine = navigator.locks ? await named() : "one";    // a browser without locks has one name for all its windows
const key = (kind, id, ...more) => ["persona-studio", kind, id, mine, ...more].join(":");
let next = null, frame = 0, moved = 0;

function store(name, value) {
  try { localStorage.setItem(name, value); } catch { localStorage.removeItem(name); }   // a full or closed store costs the safety copy only
}
function read(name) {
  try { return JSON.parse(localStorage.getItem(name)); } catch { return null; }
}
const copies = () => Object.keys(localStorage).filter(name => COPY.test(name)).map(name => [name, ...name.split(":").slice(1)]);   // name, kind, id, window
/** Under another name; as it was where there is no room for that. */
function move(name, to) {
  const text = localStorage.getItem(name);
  localStorage.removeItem(name);
  try { localStorage.setItem(to, text); } catch { store(name, text); }
}
const aside = id => key("kept", id, `${Date.now()}-${++moved}`);
async function leftBehind() {
  const held = new Set((await navigator.locks?.query())?.held.map(lock => lock.name));
  return copies().filter(([, , , owner = ""]) => owner !== mine && !held.has(locked(owner)));
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
  /** What was left behind for this id, by this window or by one that is gone, out of the way of new typing: a name and what was kept, each. */
  async found(id) {
    const before = key("draft", id);                 // at once, before the next key
    if (localStorage.getItem(before) !== null) move(before, aside(id));
    for (const [name, , whose] of await leftBehind()) if (whose === id) move(name, aside(id));
    return copies().filter(([, kind, whose, owner]) => kind === "kept" && whose === id && owner === mine).map(([name]) => [name, read(name)]).filter(([, left]) => left);
  },
  settle(name) { localStorage.removeItem(name); },
  /** The id of a conversation of this character with words left behind; null without one. */
  async ofPersona(persona) {
    const free = [...copies().filter(([, , , owner]) => owner === mine), ...(await leftBehind())];
    return free.find(([name, , id]) => !id.startsWith("sheet-") && read(name)?.persona === persona)?.[2] ?? null;
  },
  last: persona => localStorage.getItem(`persona-studio:last:${persona}`),
  visited(persona, id) { store(`persona-studio:last:${persona}`, id); },
};
