// The parts of the open conversation as they stand on the sheet, without a word in them yet; and how a caret walks from line to line.
const version = new URL(import.meta.url).search;
const { el, button, roving, notice, bothTexts, KEYS } = await import("./parts.js" + version);
const TOOLS = [["up", "Up", "Move up"], ["down", "Down", "Move down"], ["above", "Insert above"], ["split", "Split here"], ["merge", "Merge"], ["keep", "Another version"], ["remove", "Remove"]];
const shortcut = name => KEYS.find(([, , what]) => what === name)?.[0] ?? null;

/** run(name) does a command, says(role) adds a line, back() goes on writing; marks, about, panel, opener and toggle are set among the parts. */
export function frame({ run, says, back, keys, history, drawer, leave }, { marks, about, panel, opener, toggle }) {
  const act = (name, word, more = {}) => button(word, name, () => run(name), { "aria-keyshortcuts": shortcut(name), "data-do": name, ...more });
  const state = el("p", { class: "ps-state" }), redo = act("redo", "Redo"), openList = button("Conversations", "list", drawer, { class: "ps-drawer" });
  const side = [openList, act("undo", "Undo"), redo, button("History", "clock", history), button("Keys", "keys", keys, { "aria-keyshortcuts": "F1" })];
  const bar = el("header", { class: "ps-bar", hidden: true }, state, el("div", { class: "ps-barside" }, ...side));
  const [trouble, clash, offer] = [notice("alert", back), notice("alert", back), notice("status", back)];
  const title = el("textarea", { class: "ps-title", rows: "1", maxlength: "200", placeholder: "A title", "aria-label": "Title" });
  const lines = el("ol", { class: "ps-lines", "aria-label": "Lines" });
  const tools = el("div", { class: "ps-tools", role: "toolbar", "aria-label": "This line" }, ...TOOLS.map(([name, word, whole]) => act(name, word, { "aria-label": whole ?? null })));
  const [visitorSays, personaSays] = ["user", "model"].map(role => button("", "plus", () => says(role)));
  const ends = el("div", { class: "ps-ends" }, toggle, button("Like this one", "like", () => leave("like")), button("Duplicate", "copy", () => leave("duplicate")), button("Move to the bin", "bin", () => leave("remove")));
  const body = el("div", { class: "ps-body", hidden: true }, offer.box, title, marks, about, lines, opener, panel, el("div", { class: "ps-foot" }, visitorSays, personaSays), ends);
  const blank = el("div", { class: "ps-blank", hidden: true });
  const node = el("section", { class: "ps-sheet", "aria-label": "Conversation" }, bar, trouble.box, clash.box, body, blank);
  return { node, state, redo, bar, trouble, clash, offer, title, lines, tools, settleTools: roving(tools), visitorSays, personaSays, body, blank };
}
export function bubble(t) {
  const who = el("span", { class: "ps-who", "aria-hidden": "true" }), box = el("textarea", { rows: "1", spellcheck: "true" });
  return el("li", { class: "ps-line", "data-id": t.id }, el("div", { class: "ps-bubble" }, who, box));
}

/** Up and down at the edge of a line go to its neighbour; Backspace at its start merges, or leaves a new version that is still empty. */
export function walking(lines, run) {
  lines.addEventListener("keydown", e => {
    const b = e.target;
    if (e.isComposing || e.keyCode === 229 || b.tagName !== "TEXTAREA" || e.shiftKey || e.ctrlKey || e.altKey || e.metaKey || b.selectionStart !== b.selectionEnd) return;
    const boxes = [...lines.querySelectorAll("textarea")], here = boxes.indexOf(b);
    const to = (box, at) => { e.preventDefault(); box.focus(); box.setSelectionRange(at, at); };
    if (e.key === "ArrowUp" && b.selectionStart === 0 && here > 0) to(boxes[here - 1], boxes[here - 1].value.length);
    else if (e.key === "ArrowDown" && b.selectionEnd === b.value.length && here < boxes.length - 1) to(boxes[here + 1], 0);
    else if (e.key === "Backspace" && b.selectionStart === 0) {
      const empty = !b.value && e.target.closest("li").querySelector(".ps-kept");
      if (empty || here > 0) { e.preventDefault(); run(empty ? "previousVersion" : "merge"); }
    }
  });
}

/** Two texts of one conversation beside each other: what differs, or all of it where that is not in the words. */
export function bothConversations(mine, theirs, names) {
  const [here, there] = [mine, theirs].map(text => new Map(text.turns.map(t => [t.id, t])));
  const kept = (t, o) => (o && JSON.stringify(t.others) === JSON.stringify(o.others) ? [] : t.others ?? []);   // versions are shown where they differ
  const whole = (t, o) => (t ? [t.text, ...kept(t, o).map(text => `Another version: ${text}`)].join("\n\n") : null);
  const role = new Map([...theirs.turns, ...mine.turns].map(t => [t.id, names[t.role]]));
  const rows = [["Title", mine.title, theirs.title], ...[...role].map(([id, who]) => [who, whole(here.get(id), there.get(id)), whole(there.get(id), here.get(id))])];
  const differ = rows.filter(([, a, b]) => a !== b);
  return bothTexts(differ.length ? differ : rows);
}
