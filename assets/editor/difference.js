// What differs between two texts, word by word, and between two lists of lines. Pure; nothing here knows a page.
// A difference of texts is a list of [kind, words]: "same", "out" (only in the first) or "in" (only in the second).
const CELLS = 4_000_000;                             // of the table below: beyond that a text counts as replaced as a whole
const words = text => text.match(/\s+|[\p{L}\p{M}\p{N}_'’-]+|[^\s]/gu) ?? [];

/** The words that went and came, in reading order: "same" and "out" together are `before`, "same" and "in" are `after`. */
export function wordDiff(before, after) {
  if (before === after) return before ? [["same", before]] : [];
  const a = words(before), b = words(after);
  let head = 0, tail = 0;
  while (head < a.length && head < b.length && a[head] === b[head]) head++;
  while (tail < a.length - head && tail < b.length - head && a[a.length - 1 - tail] === b[b.length - 1 - tail]) tail++;
  const end = tail ? a.slice(-tail) : [];
  return joined([...a.slice(0, head).map(same), ...middle(a.slice(head, a.length - tail), b.slice(head, b.length - tail)), ...end.map(same)]);
}
const same = word => ["same", word];

const weight = word => (/[\p{L}\p{N}]/u.test(word) ? 4 : word.trim() ? 2 : 1);   // a word both have says more than a blank both have
/** The heaviest common run of words, by the table every textbook has; whole texts where the table would be too large. */
function middle(a, b) {
  const across = b.length + 1;
  if ((a.length + 1) * across > CELLS) return [["out", a.join("")], ["in", b.join("")]];
  const long = new Uint16Array((a.length + 1) * across);
  for (let i = a.length - 1; i >= 0; i--)
    for (let j = b.length - 1; j >= 0; j--)
      long[i * across + j] = a[i] === b[j] ? long[(i + 1) * across + j + 1] + weight(a[i]) : Math.max(long[(i + 1) * across + j], long[i * across + j + 1]);
  const found = [];
  let i = 0, j = 0;
  while (i < a.length && j < b.length) {
    if (a[i] === b[j]) { found.push(same(a[i])); i++; j++; }
    else if (long[(i + 1) * across + j] >= long[i * across + j + 1]) found.push(["out", a[i++]]);
    else found.push(["in", b[j++]]);
  }
  return [...found, ...a.slice(i).map(word => ["out", word]), ...b.slice(j).map(word => ["in", word])];
}

/** Neighbours of a kind as one; a blank between two changed words is changed with them, so that a phrase is one mark. */
function joined(parts) {
  const found = [];
  let out = "", into = "";
  const settle = () => { if (out) found.push(["out", out]); if (into) found.push(["in", into]); out = into = ""; };
  parts.forEach(([kind, word], k) => {
    const between = kind === "same" && !word.trim() && (out || into) && parts[k + 1] && parts[k + 1][0] !== "same";
    if (kind === "out" || between) out += word;
    if (kind === "in" || between) into += word;
    if (kind !== "same" || between) return;
    settle();
    if (found.length && found.at(-1)[0] === "same") found.at(-1)[1] += word; else found.push(["same", word]);
  });
  settle();
  return found;
}

/** The ids that keep their order among each other: the longest rising run of old places. */
function staying(places) {
  const best = places.map(() => 1), from = places.map(() => -1);
  places.forEach(([, place], k) => { for (let j = 0; j < k; j++) if (places[j][1] < place && best[j] >= best[k]) { best[k] = best[j] + 1; from[k] = j; } });
  const ids = new Set();
  for (let k = best.indexOf(Math.max(0, ...best)); k >= 0; k = from[k]) ids.add(places[k][0]);
  return ids;
}

/** Two lists of turns, told line by line in the order of the second; a line that went stands where it was.
 *  Each row is {kind: "same" | "changed" | "added" | "removed", was, now, from, to, moved, parts}. */
export function lineDiff(before, after) {
  const old = new Map(before.map((t, i) => [t.id, i])), there = new Set(after.map(t => t.id));
  const stays = staying(after.filter(t => old.has(t.id)).map(t => [t.id, old.get(t.id)]));
  const rows = after.map((now, to) => {
    const from = old.get(now.id), was = before[from];
    if (!was) return { kind: "added", was: null, now, from: -1, to, moved: false, parts: now.text ? [["in", now.text]] : [] };
    const kind = JSON.stringify(was) === JSON.stringify(now) ? "same" : "changed";
    return { kind, was, now, from, to, moved: from !== to && !stays.has(now.id), parts: wordDiff(was.text, now.text) };
  });
  before.forEach((was, from) => {
    if (there.has(was.id)) return;
    const above = before.slice(0, from).map(t => t.id).reverse().find(id => rows.some(row => (row.now ?? row.was).id === id));
    const at = above === undefined ? 0 : rows.findIndex(row => (row.now ?? row.was).id === above) + 1;
    rows.splice(at, 0, { kind: "removed", was, now: null, from, to: -1, moved: false, parts: was.text ? [["out", was.text]] : [] });
  });
  return rows;
}
