// The nouns and verbs of a conversation, without a page. A text is {title, turns}; a turn is a frozen {id, role, text, others?, drafted?, drafts?}:
// others are versions of the line kept beside it, drafted says that a model wrote it and nobody has touched it since, drafts which others are so.
// Every command is a pure function (turns, i, caret) -> {turns, focus: {i, at}}, or {refused: sentence}, or null where there is nothing to do.

export const freshId = () => [...crypto.getRandomValues(new Uint8Array(8))].map(byte => byte.toString(16).padStart(2, "0")).join("");
export const other = role => (role === "user" ? "model" : "user");
export const line = (role, text = "", id = freshId(), { others = [], drafted = false, drafts = [] } = {}) =>
  Object.freeze({ id, role, text, ...(others.length && { others: Object.freeze([...others]) }), ...(drafted && { drafted }), ...(drafts.length && { drafts: Object.freeze([...drafts]) }) });
/** The same line with other words; its versions stay, and it is the writer's own from now on. */
export const said = (t, text) => line(t.role, text, t.id, { others: t.others, drafts: t.drafts });
export const MOST_OTHERS = 20;                       // as studio/domain/conversation.py has it
const FULL = `A line keeps at most ${MOST_OTHERS} other versions. Nothing was changed. Remove one first.`;
const others = t => t.others ?? [], blank = t => !t.text.trim();
/** A version is {text, drafted}: each keeps its own mark, wherever it stands. */
const shown = t => ({ text: t.text, drafted: t.drafted });
const beside = t => others(t).map((text, n) => ({ text, drafted: t.drafts?.includes(n) }));
const showing = (t, { text, drafted }, rest) =>
  line(t.role, text, t.id, { others: rest.map(one => one.text), drafted, drafts: rest.flatMap((one, n) => (one.drafted ? [n] : [])) });
/** The same line with another of its versions shown. The one that was shown is kept, unless it is empty. */
function turned(ts, i, forth) {
  const t = ts[i], all = beside(t), seen = blank(t) ? [] : [shown(t)];
  if (!all.length) return null;
  const [next, rest] = forth ? [all[0], [...all.slice(1), ...seen]] : [all.at(-1), [...seen, ...all.slice(0, -1)]];
  return { turns: put(ts, i, 1, showing(t, next, rest)), focus: { i, at: next.text.length } };
}
export const put = (turns, i, drop, ...add) => [...turns.slice(0, i), ...add, ...turns.slice(i + drop)];
// A textarea only knows \n: what comes with \r\n would differ from its own box for ever.
const plain = text => text.replace(/\r\n?/g, "\n");
export const received = turns => turns.map(t => line(t.role, plain(t.text), t.id, { others: t.others?.map(plain), drafted: t.drafted, drafts: t.drafts }));
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
  copy: (ts, i, at) => ({ turns: put(ts, i + 1, 0, line(ts[i].role, ts[i].text, freshId(), { drafted: ts[i].drafted })), focus: { i: i + 1, at } }),
  remove: (ts, i) => ({ turns: put(ts, i, 1), focus: { i: Math.min(i, ts.length - 2), at: 0 } }),
  swap: (ts, i, at) => ({ turns: put(ts, i, 1, line(other(ts[i].role), ts[i].text, ts[i].id, ts[i])), focus: { i, at } }),
  split: (ts, i, at) => ({
    turns: put(ts, i, 1, said(ts[i], ts[i].text.slice(0, at).trimEnd()), line(other(ts[i].role), ts[i].text.slice(at).trimStart())),
    focus: { i: i + 1, at: 0 },
  }),
  merge: (ts, i) => {
    if (i < 1) return null;
    const [a, b] = [ts[i - 1], ts[i]], glue = a.text && b.text ? "\n" : "", kept = [...beside(a), ...beside(b)];
    if (kept.length > MOST_OTHERS) return { refused: FULL };
    return { turns: put(ts, i - 1, 2, showing(a, { text: a.text + glue + b.text }, kept)), focus: { i: i - 1, at: a.text.length + glue.length } };
  },
  // Versions of a line: what is shown is the text, and only that is learned.
  keep: (ts, i) => {
    const t = ts[i];
    if (t.role !== "model") return { refused: "Only the character's lines have versions." };
    if (blank(t)) return { refused: "This version is still empty. Write it first." };
    if (others(t).length >= MOST_OTHERS) return { refused: FULL };
    return { turns: put(ts, i, 1, showing(t, { text: "" }, [...beside(t), shown(t)])), focus: { i, at: 0 } };
  },
  nextVersion: (ts, i) => turned(ts, i, true),
  previousVersion: (ts, i) => turned(ts, i, false),
  drop: (ts, i) => {
    const t = ts[i], all = beside(t);
    return all.length ? { turns: put(ts, i, 1, showing(t, all.at(-1), all.slice(0, -1))), focus: { i, at: all.at(-1).text.length } } : null;
  },
  /** A drafted line as it is becomes the writer's own. */
  own: (ts, i, at) => (ts[i].drafted ? { turns: put(ts, i, 1, said(ts[i], ts[i].text)), focus: { i, at } } : null),
};

/** A version that was dropped is shown again, with the others kept as they are; null where its line is gone or full. */
export function broughtBack(ts, id, dropped) {
  const i = ts.findIndex(t => t.id === id), t = ts[i];
  if (!t || others(t).length >= MOST_OTHERS) return null;
  return { turns: put(ts, i, 1, showing(t, dropped, [...beside(t), ...(blank(t) ? [] : [shown(t)])])), focus: { i, at: dropped.text.length } };
}

/** SHA-256 of a text as the studio stores it; "" where the browser can't tell. */
export async function seal({ title, turns }) {
  if (!globalThis.crypto?.subtle) return "";
  const canonical = JSON.stringify({ title, turns: turns.map(({ id, role, text, others, drafted, drafts }) => ({ id, role, text, others, drafted, drafts })) });
  const digest = new Uint8Array(await crypto.subtle.digest("SHA-256", new TextEncoder().encode(canonical)));
  return [...digest].map(byte => byte.toString(16).padStart(2, "0")).join("");
}

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

/** Stored revisions, newest first, as steps to undo, oldest first: those in which a word differs from the one after. */
export function steps(revisions, now) {
  let next = now;
  const told = revisions.map(r => ({ title: r.title ?? now.title, turns: received(r.turns) }));
  return told.filter(then => { const differs = !sameText(then, next); next = then; return differs; }).reverse();
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
