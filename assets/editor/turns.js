// The nouns and verbs of a conversation, without a page. A text is {title, turns}; a turn is a frozen {id, role, text, others?, drafted?}:
// others are versions of the line kept beside it, drafted says that a model wrote it and nobody has touched it since.
// Every command is a pure function (turns, i, caret) -> {turns, focus: {i, at}}, or null where there is nothing to do.

export const freshId = () => [...crypto.getRandomValues(new Uint8Array(8))].map(byte => byte.toString(16).padStart(2, "0")).join("");
export const other = role => (role === "user" ? "model" : "user");
export const line = (role, text = "", id = freshId(), { others = [], drafted = false } = {}) =>
  Object.freeze({ id, role, text, ...(others.length && { others: Object.freeze([...others]) }), ...(drafted && { drafted }) });
/** The same line with other words; its versions stay, and it is the writer's own from now on. */
export const said = (t, text) => line(t.role, text, t.id, { others: t.others });
export const put = (turns, i, drop, ...add) => [...turns.slice(0, i), ...add, ...turns.slice(i + drop)];
// A textarea only knows \n: what comes with \r\n would differ from its own box for ever.
const plain = text => text.replace(/\r\n?/g, "\n");
export const received = turns => turns.map(t => line(t.role, plain(t.text), t.id, { others: t.others?.map(plain), drafted: t.drafted }));
// What can be neither stored nor sent (half a character pair) becomes the replacement sign.
export const wellFormed = text => (text.toWellFormed ? text.toWellFormed() : text.replace(/[\ud800-\udbff](?![\udc00-\udfff])|(?<![\ud800-\udbff])[\udc00-\udfff]/g, "\ufffd"));

const sameTurn = (a, b) => Boolean(a && b && JSON.stringify(a) === JSON.stringify({ ...b, id: a.id }));
export const sameTurns = (a, b) => a.length === b.length && a.every((t, i) => t.id === b[i].id && sameTurn(t, b[i]));
export const sameText = (a, b) => a.title === b.title && sameTurns(a.turns, b.turns);
/** The same words, whatever the lines are called: what a person would call unchanged. */
export const sameWords = (a, b) => a.title === b.title && a.turns.length === b.turns.length && a.turns.every((t, i) => sameTurn(t, b.turns[i]));

export const commands = {
  below: (ts, i) => ({ turns: put(ts, i + 1, 0, line(ts[i] ? other(ts[i].role) : "user")), focus: { i: i + 1, at: 0 } }),
  above: (ts, i) => ({ turns: put(ts, Math.max(i, 0), 0, line(ts[i] ? other(ts[i].role) : "user")), focus: { i: Math.max(i, 0), at: 0 } }),
  up: (ts, i, at) => (i > 0 ? { turns: put(ts, i - 1, 2, ts[i], ts[i - 1]), focus: { i: i - 1, at } } : null),
  down: (ts, i, at) => (i < ts.length - 1 ? { turns: put(ts, i, 2, ts[i + 1], ts[i]), focus: { i: i + 1, at } } : null),
  copy: (ts, i, at) => ({ turns: put(ts, i + 1, 0, line(ts[i].role, ts[i].text)), focus: { i: i + 1, at } }),
  remove: (ts, i) => ({ turns: put(ts, i, 1), focus: { i: Math.min(i, ts.length - 2), at: 0 } }),
  swap: (ts, i, at) => ({ turns: put(ts, i, 1, line(other(ts[i].role), ts[i].text, ts[i].id, ts[i])), focus: { i, at } }),
  split: (ts, i, at) => ({
    turns: put(ts, i, 1, said(ts[i], ts[i].text.slice(0, at).trimEnd()), line(other(ts[i].role), ts[i].text.slice(at).trimStart())),
    focus: { i: i + 1, at: 0 },
  }),
  merge: (ts, i) => {
    if (i < 1) return null;
    const [above, text] = [ts[i - 1].text, ts[i].text], glue = above && text ? "\n" : "";
    return { turns: put(ts, i - 1, 2, said(ts[i - 1], above + glue + text)), focus: { i: i - 1, at: above.length + glue.length } };
  },
};

/** Three-way merge by turn id; null when both sides touched the same turn, or each gave the lines another order. */
export function mergeTurns(base, mine, theirs) {
  const order = ts => ts.map(t => t.id).join(), byId = ts => new Map(ts.map(t => [t.id, t]));
  const [b, m, t] = [byId(base), byId(mine), byId(theirs)];
  const shape = order(mine) === order(base) ? theirs : order(theirs) === order(base) || order(theirs) === order(mine) ? mine : null;
  if (!shape) return null;
  for (const turn of base) {                         // a line one side removed and the other changed is a question, not a loss
    if (!m.has(turn.id) && t.has(turn.id) && !sameTurn(turn, t.get(turn.id))) return null;
    if (!t.has(turn.id) && m.has(turn.id) && !sameTurn(turn, m.get(turn.id))) return null;
  }
  const merged = [];
  for (const { id } of shape) {
    const [o, x, y] = [b.get(id), m.get(id), t.get(id)];
    if (x && y && !sameTurn(o, x) && !sameTurn(o, y) && !sameTurn(x, y)) return null;
    merged.push(!x || !y ? x ?? y : sameTurn(o, x) ? y : x);
  }
  return merged;
}

/** The same for title and turns together. */
export function merge(base, mine, theirs) {
  const title = mine.title === base.title ? theirs.title : theirs.title === base.title || theirs.title === mine.title ? mine.title : null;
  const turns = mergeTurns(base.turns, mine.turns, theirs.turns);
  return title === null || !turns ? null : { title, turns };
}

/** Undo and redo. Snapshots share their frozen turns, so 500 of them cost little. */
export class Past {
  constructor() { this.back = []; this.forth = []; this.group = ""; this.started = this.last = 0; }
  note(state, group = "", now = performance.now()) {
    const goesOn = group && group === this.group && now - this.last < 1000 && now - this.started < 5000;
    this.last = now;
    if (goesOn) return;
    this.group = group; this.started = now; this.forth = [];
    this.back.push(state);
    if (this.back.length > 500) this.back.shift();
  }
  undo(state) { return this.#step(this.back, this.forth, state); }
  redo(state) { return this.#step(this.forth, this.back, state); }
  #step(from, to, state) { this.group = ""; const then = from.pop(); if (then) to.push(state); return then; }
}
