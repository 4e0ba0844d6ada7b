// The right margin: how to write, how this character talks, and the character sheet, edited in place and saved like a conversation.
const version = new URL(import.meta.url).search;
const { el, button, fill, grow, notice, bothTexts, plural } = await import("./parts.js" + version);
const { Saver } = await import("./saver.js" + version);
const { drafts } = await import("./drafts.js" + version);
const { wellFormed } = await import("./turns.js" + version);
const FIELDS = [
  ["description", "Who {name} is, in one line", ""], ["voice", "Rules of the voice, one on each line", ""], ["facts", "What is true of {name}, one on each line", "As {name} would say it, if you like: “I am six.”"],
  ["system", "How {name} talks, told to the model", "(system prompt)"], ["greeting", "How {name} says hello", ""], ["visitor", "Who is talking to {name}", ""],
  ["audition", "Lines to try {name} with, one on each line", "Up to ten. Every lesson asks them, so that you hear the voice change."],
];
const LISTS = ["voice", "facts", "audition"];
const toText = sheet => Object.fromEntries(FIELDS.map(([f]) => [f, LISTS.includes(f) ? (sheet[f] ?? []).join("\n") : sheet[f]]));
const toSheet = text => Object.fromEntries(FIELDS.map(([f]) => [f, LISTS.includes(f) ? text[f].split("\n").map(s => s.trim()).filter(Boolean) : text[f]]));
const same = (a, b) => JSON.stringify(toSheet(a)) === JSON.stringify(toSheet(b));

export function character(api, { saved }) {
  let persona = null, rev = 0, name = "", now = {}, ground = {}, theirs = null, kept = new Map();
  const help = el("p", {}), rules = el("ul", { class: "ps-rules" }), noRules = el("p", { hidden: true }, "Nothing is said about the voice yet.");
  const state = el("p", { class: "ps-state" }), back = () => details.querySelector("summary").focus();
  const trouble = notice("alert", back), clash = notice("alert", back), offer = notice("status", back);
  const fields = Object.fromEntries(FIELDS.map(([f]) => [f, el("textarea", { id: `ps-sheet-${f}`, "data-field": f, rows: LISTS.includes(f) || f === "system" ? "3" : "1" })]));
  const labels = Object.fromEntries(FIELDS.map(([f]) => [f, el("span")]));
  const smalls = Object.fromEntries(FIELDS.map(([f]) => [f, el("small")]));
  const form = el("div", { class: "ps-form" }, ...FIELDS.map(([f, , small]) => el("div", { class: "ps-field" }, el("label", { for: `ps-sheet-${f}` }, labels[f], small ? smalls[f] : ""), fields[f])));
  const details = el("details", { class: "ps-note" }, el("summary", {}, "Character sheet"), state, trouble.box, clash.box, offer.box, form);
  details.addEventListener("toggle", () => Object.values(fields).forEach(grow));
  const talks = el("div", { class: "ps-note" }, el("h3", {}, "How this character talks"), rules, noRules);
  const node = el("aside", { class: "ps-margin", "aria-label": "About this character" }, el("div", { class: "ps-note ps-next" }, el("h3", {}, "How to write"), help), talks, details);
  const saver = new Saver(send, tell), key = () => `sheet-${persona}`;

  function tell(kind, sentence) {
    state.dataset.kind = kind;
    state.textContent = { saving: "Saving…", saved: "Saved", held: "Not saved", refused: "Not saved", waiting: "Not saved" }[kind];
    if (!sentence) return trouble.clear();
    details.open = true;
    trouble.show(sentence, { "Save again": () => saver.save() });
  }
  function render() {
    for (const [f, label, small] of FIELDS) { labels[f].textContent = label.replaceAll("{name}", name); smalls[f].textContent = small.replaceAll("{name}", name); fill(fields[f], now[f]); }
    help.textContent = `Short is fine: two to ten lines. Write what ${name} would really say, including the odd wrong answer.`;
    paintRules();
  }
  function paintRules() {
    const list = toSheet(now).voice;
    rules.replaceChildren(...list.map(rule => el("li", {}, rule, ...(kept.has(rule) ? [el("small", {}, howKept(kept.get(rule)))] : []))));
    noRules.hidden = list.length > 0;
  }
  /** How the conversations keep each rule a machine can count. */
  function keep(counted) { kept = new Map(counted.map(rule => [rule.text, rule])); paintRules(); }
  const howKept = ({ broken, unsaid }) => (broken.length ? `Not kept in ${plural(broken.length, "conversation", "conversations")}.` : unsaid ? `Never said yet: ${unsaid}.` : "Kept in every conversation.");
  function become(text) { now = text; render(); touched(); }
  function touched() { drafts.keep(key(), { rev, text: now }); if (theirs) showClash(); saver.touch(); }

  async function send(last) {
    const mine = now, who = persona, answer = await api.sheet({ persona, base_rev: rev, sheet: toSheet(mine) }, last);
    if (who !== persona) return { ok: true };
    if (answer.ok === true) {
      rev = answer.rev; ground = mine;
      if (now === mine) drafts.drop(key());
      saved(persona, toSheet(mine));
      return { ok: true };
    }
    if (answer.error !== "conflict") return { refused: answer.message.startsWith("Not saved") ? answer.message : `Not saved: ${answer.message}` };
    return settle(toText(answer.sheet), answer.rev);
  }
  function settle(head, at) {                        // field by field: what only one side changed needs no question
    const free = FIELDS.every(([f]) => now[f] === ground[f] || head[f] === ground[f] || head[f] === now[f]);
    const both = Object.fromEntries(FIELDS.map(([f]) => [f, now[f] === ground[f] ? head[f] : now[f]]));
    rev = at; ground = head;
    if (free) { now = both; render(); return { again: true }; }
    theirs = head; details.open = true; showClash();
    return { held: true };
  }
  function showClash() {
    const rows = FIELDS.filter(([f]) => now[f] !== theirs[f]).map(([f]) => [labels[f].textContent, now[f], theirs[f]]);
    const pick = text => () => { const chosen = text(); theirs = null; clash.clear(); saver.held = false; become(chosen); saver.save(); };
    clash.show("This character sheet was changed in another window.", { "Keep mine": pick(() => now), "Use the newer one": pick(() => theirs) }, bothTexts(rows));
  }
  /** What windows left behind, one after the other: the next is asked about when this one is stored. */
  function offerNext(who, [[found, left] = [], ...others]) {
    if (!found || persona !== who) return;
    const done = () => { drafts.settle(found); offer.clear(); };
    const leave = () => { done(); offerNext(who, others); };
    if (same(left.text, now)) return leave();
    details.open = true;
    const back = () => { become(left.text); done(); saver.flush().then(stored => stored && offerNext(who, others)); };
    offer.show("Words typed before the studio stopped were found in this browser.", { "Put them back": back, "Leave them": leave });
  }
  form.addEventListener("input", e => { now = { ...now, [e.target.dataset.field]: wellFormed(e.target.value) }; grow(e.target); paintRules(); touched(); });
  form.addEventListener("compositionstart", () => { saver.composing = true; });
  form.addEventListener("compositionend", () => { saver.composing = false; });

  /** Shows the sheet of a character; `answer` is what the studio said about it. */
  function show(who, answer) {
    saver.reset(); theirs = null;
    for (const each of [trouble, clash, offer]) each.clear();
    if (persona !== who) kept = new Map();
    persona = who; rev = answer.rev; name = answer.sheet.name; now = ground = toText(answer.sheet);
    render(); state.textContent = ""; drafts.found(key()).then(left => offerNext(who, left));
  }
  return { node, show, keep, saver, flush: () => saver.flush(), put: section => talks.before(section) };
}
