// One open conversation: its title and lines, undo, saving, and what to do when another window changed it too.
const version = new URL(import.meta.url).search;
const { el, button, fill, grow, roving, notice, bothTexts, KEYS, plural } = await import("./parts.js" + version);
const { commands, freshId, line, merge, other, Past, put, received, said, sameText, sameWords, wellFormed } = await import("./turns.js" + version);
const { Saver } = await import("./saver.js" + version);
const { drafts } = await import("./drafts.js" + version);
const { whyMissing } = await import("./wire.js" + version);
const TOOLS = [["up", "Move up"], ["down", "Move down"], ["above", "Insert above"], ["split", "Split here"], ["merge", "Merge"], ["remove", "Remove"]];
const shortcut = name => KEYS.find(([, , what]) => what === name)?.[0] ?? null;

export function page(api, { announce, toast, saved, keys, history, leave, drawer }) {
  // --- parts
  const run = name => go(name).catch(error => toast(whyMissing(error, "An earlier version")));
  const act = (name, word) => button(word, name, () => run(name), { "aria-keyshortcuts": shortcut(name), "data-do": name });
  const state = el("p", { class: "ps-state" });
  const redo = act("redo", "Redo");
  const openList = button("Conversations", "list", drawer, { class: "ps-drawer" });
  const bar = el("header", { class: "ps-bar", hidden: true }, state, el("div", { class: "ps-barside" }, openList, act("undo", "Undo"), redo, button("History", "clock", history), button("Keys", "keys", keys, { "aria-keyshortcuts": "F1" })));
  const [trouble, clash, offer] = [notice("alert"), notice("alert"), notice("status")];
  const title = el("textarea", { class: "ps-title", rows: "1", maxlength: "200", placeholder: "A title", "aria-label": "Title" });
  const lines = el("ol", { class: "ps-lines", "aria-label": "Lines" });
  const tools = el("div", { class: "ps-tools", role: "toolbar", "aria-label": "This line" }, ...TOOLS.map(([name, word]) => act(name, word)));
  const [visitorSays, personaSays] = ["user", "model"].map(role => button("", "plus", () => says(role)));
  const ends = el("div", { class: "ps-ends" }, button("Duplicate", "copy", () => leave("duplicate")), button("Move to the bin", "bin", () => leave("remove")));
  const body = el("div", { class: "ps-body", hidden: true }, offer.box, title, lines, el("div", { class: "ps-foot" }, visitorSays, personaSays), ends);
  const blank = el("div", { class: "ps-blank", hidden: true });
  const node = el("section", { class: "ps-sheet", "aria-label": "Conversation" }, bar, trouble.box, clash.box, body, blank);
  roving(tools);

  // --- the document
  let doc = null, names = { user: "Visitor", model: "Character" }, persona = null;
  let now = { title: "", turns: [] }, ground = now, here = -1, past = new Past(), older = 0, sent = new Set(), shrunk = false, theirs = null, ticket = 0;
  const boxes = () => lines.querySelectorAll("textarea");
  const spot = () => ({ ...now, i: here, at: boxes()[here]?.selectionStart ?? 0 });
  const saver = new Saver(send, tell);

  function tell(kind, sentence) {
    state.dataset.kind = kind;
    state.textContent = { saving: "Saving…", saved: "Saved", held: "Not saved", refused: "Not saved", waiting: "Not saved" }[kind];
    if (!sentence) return trouble.clear();
    trouble.show(sentence, { "Save again": () => saver.save() });
  }
  function bubble(t) {
    const who = el("span", { class: "ps-who", "aria-hidden": "true" }), box = el("textarea", { rows: "1", spellcheck: "true" });
    return el("li", { class: "ps-line", "data-id": t.id }, el("div", { class: "ps-bubble" }, who, box));
  }
  function render(focus) {                           // keyed: an untouched line keeps its node, its caret and its place
    const have = new Map([...lines.children].map(li => [li.dataset.id, li]));
    now.turns.forEach((t, i) => {
      const li = have.get(t.id) ?? bubble(t), [who, box] = li.firstChild.children;
      have.delete(t.id);
      if (lines.children[i] !== li) lines.insertBefore(li, lines.children[i] ?? null);
      li.dataset.role = t.role;
      who.textContent = names[t.role];
      box.setAttribute("aria-label", `Line ${i + 1} of ${now.turns.length}, ${names[t.role]}`);
      box.placeholder = t.role === "user" ? `What does ${names.user} say?` : `What does ${names.model} answer?`;
      fill(box, t.text);
    });
    if ([...have.values()].some(li => li.contains(tools))) tools.remove();
    for (const li of have.values()) li.remove();
    fill(title, now.title);
    paintFoot();
    select(Math.min(focus ? focus.i : here, now.turns.length - 1), focus);
  }
  function paintFoot() {
    const turn = now.turns.length ? other(now.turns.at(-1).role) : "user";
    for (const [b, role] of [[visitorSays, "user"], [personaSays, "model"]]) {
      b.textContent = `${names[role]} says`;
      b.classList.toggle("ps-filled", role === turn);
    }
    redo.hidden = !past.forth.length;
  }
  function select(i, focus) {
    here = i;
    const li = lines.children[i];
    for (const each of lines.querySelectorAll(".ps-now")) if (each !== li) each.classList.remove("ps-now");
    if (!li) return tools.remove();
    li.classList.add("ps-now");
    if (tools.parentNode !== li) li.append(tools);
    const off = { up: i === 0, merge: i === 0, down: i === now.turns.length - 1 };
    for (const b of tools.children) b.setAttribute("aria-disabled", String(Boolean(off[b.dataset.do])));
    if (!focus) return;
    if (focus.stay) return focus.stay.focus();
    const box = boxes()[i];
    box.focus();
    box.setSelectionRange(focus.at, focus.at);
  }
  function become(next, focus) { now = next; shrunk = true; render(focus); touched(); }
  function touched() {
    drafts.keep(doc.id, { persona, rev: doc.rev, ground, ...now });
    if (theirs) showClash();
    saver.touch();
    paintFoot();
  }

  // --- saving
  async function send(last) {
    const mine = now, { id } = doc, op = freshId();
    sent.add(op);
    const answer = await api.save({ id, base: doc.rev, op, title: mine.title, turns: mine.turns, shrink: shrunk }, last);
    if (doc?.id !== id) return { ok: true };
    if (answer.ok === true) {
      if (!(await matches(answer.sha256, mine))) return { refused: "Not saved: what was stored differs from what you wrote. Your words are kept in this window. Press Save again." };
      doc.rev = answer.rev; ground = mine;
      if (now === mine) { drafts.drop(id); shrunk = false; }
      saved(id, doc.rev, mine);
      return { ok: true };
    }
    if (answer.error === "conflict") return settle(answer);
    if (answer.error === "missing") return gone();
    return { refused: answer.message?.startsWith("Not saved") ? answer.message : `Not saved: ${answer.message} Your words are kept in this window.` };
  }
  /** Whether the studio stored what was sent; true where the browser can't tell. */
  async function matches(sha256, { title, turns }) {
    if (!sha256 || !globalThis.crypto?.subtle) return true;
    const canonical = JSON.stringify({ title, turns: turns.map(({ id, role, text, others, drafted }) => ({ id, role, text, others, drafted })) });
    const digest = new Uint8Array(await crypto.subtle.digest("SHA-256", new TextEncoder().encode(canonical)));
    return [...digest].map(byte => byte.toString(16).padStart(2, "0")).join("") === sha256;
  }
  function settle(answer) {                          // the stored revision is not the one we began from
    const head = { title: answer.title, turns: received(answer.turns) }, ours = sent.has(answer.op);
    const both = ours ? now : merge(ground, now, head);
    doc.rev = answer.rev; ground = head;
    if (ours) return { again: true };                // our own save, whose answer was lost on the way
    if (both) { past.note(spot()); now = both; shrunk = true; render(); return { again: true }; }
    theirs = head; showClash();
    return { held: true };
  }
  function showClash() {
    const [mine, head] = [now, theirs].map(text => new Map(text.turns.map(t => [t.id, t.text])));
    const role = new Map([...theirs.turns, ...now.turns].map(t => [t.id, names[t.role]]));
    const all = [...role].map(([id, who]) => [who, mine.get(id) ?? null, head.get(id) ?? null]);
    const rows = [["Title", now.title, theirs.title], ...all], differ = rows.filter(([, a, b]) => a !== b);
    const pick = act => () => { theirs = null; clash.clear(); saver.held = false; act(); saver.save(); };
    const takeTheirs = newer => () => { past.note(spot()); become(newer); };
    clash.show("This conversation was changed in another window.", { "Keep mine": pick(() => { shrunk = true; saver.touch(); }), "Use the newer one": pick(takeTheirs(theirs)) }, bothTexts(differ.length ? differ : rows));
  }
  function gone() {
    const back = async () => { const { id } = doc, answer = await api.recover({ id }); if (answer.ok && doc?.id === id) { clash.clear(); saver.held = false; saver.save(); } };
    clash.show("This conversation was moved to the bin in another window. Your words are kept in this window.", { "Bring it back": () => back().catch(error => toast(whyMissing(error, "The bin"))) });
    return { held: true };
  }

  // --- opening
  /** Leaves the open conversation; resolves when its words are stored, or kept in this browser. */
  async function close() {
    drafts.flush();
    if (doc && !saver.idle && !(await saver.flush())) toast("The last words are not saved yet. This browser keeps them and offers them when you open that conversation again.");
    saver.reset(); doc = null; theirs = null;
    for (const each of [trouble, clash, offer]) each.clear();
  }
  async function open(id, focus) {
    const mine = ++ticket;
    if (doc?.id === id && focus) return goTo(focus);
    await close();
    let answer, fault = {};
    try { answer = await api.load({ id }); } catch (error) { fault = error; }
    if (mine !== ticket) return;
    if (answer?.ok !== true) return unread(answer, fault, id, focus);
    const text = { title: answer.title, turns: received(answer.turns) };
    doc = { id, rev: answer.rev }; now = ground = text; here = -1; past = new Past(); older = answer.rev; sent = new Set(); shrunk = false;
    lines.replaceChildren(); blank.hidden = true; body.hidden = bar.hidden = false;
    render(); tell("saved", "");
    drafts.visited(persona, id);
    offerDraft(id);
    if (focus) goTo(focus);
  }
  function goTo(focus) {
    const i = typeof focus.turn === "string" ? now.turns.findIndex(t => t.id === focus.turn) : focus.turn ?? 0;
    if (!now.turns[i]) return title.focus();
    select(i, { i, at: focus.end ? now.turns[i].text.length : 0 });
    lines.children[i].scrollIntoView({ block: "center" });
  }
  function offerDraft(id) {
    const left = drafts.found(id);
    if (!left) return;
    const mine = { title: left.title, turns: received(left.turns) };
    if (sameWords(mine, now)) return drafts.settle(id);
    const back = () => {
      const both = left.rev === doc.rev ? mine : merge({ title: left.ground.title, turns: left.ground.turns }, mine, now) ?? mine;
      past.note(spot()); become(both); drafts.settle(id); offer.clear(); saver.save();
    };
    offer.show("Words typed before the studio stopped were found in this browser.", { "Put them back": back, "Leave them": () => { drafts.settle(id); offer.clear(); } });
  }
  function unread(answer, fault, id, focus) {
    const sentence = answer?.error === "missing" ? "This conversation is not there any more. It may be in the bin. Choose another one." : answer?.message ?? whyMissing(fault, "This conversation");
    say(el("p", {}, sentence), button("Try again", "", () => open(id, focus)));
  }
  /** The sheet without a conversation: a sentence and what to press, never an empty editor. */
  function say(...children) { body.hidden = bar.hidden = true; blank.hidden = false; blank.replaceChildren(...children); }

  // --- commands
  async function go(name) {
    if (name === "save") { if (await saver.flush()) announce("Saved"); return; }
    if (!doc) return;
    if (name === "undo" || name === "redo") return wind(name);
    const i = here < 0 ? now.turns.length - 1 : here;
    if (!now.turns.length && name !== "below" && name !== "above") return;
    const stay = document.activeElement?.closest?.(".ps-tools") ? document.activeElement : null;
    const after = commands[name](now.turns, i, boxes()[i]?.selectionStart ?? 0);
    if (!after) return;
    past.note(spot());
    const removed = now.turns[i], walks = name === "up" || name === "down";
    become({ ...now, turns: after.turns }, { ...after.focus, stay: walks ? stay : null });
    if (walks) announce(`Moved to line ${after.focus.i + 1} of ${now.turns.length}`);
    if (name === "remove") toast("Line removed.", "Undo", () => putBack(removed, i));
  }
  function putBack(turn, i) {
    if (!doc || now.turns.some(t => t.id === turn.id)) return;
    past.note(spot());
    const at = Math.min(i, now.turns.length);
    become({ ...now, turns: put(now.turns, at, 0, turn) }, { i: at, at: turn.text.length });
  }
  async function wind(name) {
    if (name === "undo" && !past.back.length && older > 1) await remember();
    const then = past[name](spot());
    if (!then) return announce(`Nothing to ${name}`);
    become({ title: then.title, turns: then.turns }, then.i >= 0 && lines.contains(document.activeElement) ? then : null);
  }
  /** With this session's steps used up, the stored revisions carry on: undo goes on over a reload. */
  async function remember() {
    const { id } = doc, answer = await api.history({ id, before: older, limit: 100 });
    if (doc?.id !== id || !answer.revisions?.length) { older = 0; return; }
    older = answer.revisions.at(-1).rev;
    let next = now;
    for (const r of answer.revisions) {
      const then = { title: r.title ?? now.title, turns: received(r.turns), i: here, at: 0 };
      if (!sameText(then, next)) past.back.unshift(then);
      next = then;
    }
  }
  function says(role) {
    const at = now.turns.length;
    past.note(spot());
    become({ ...now, turns: [...now.turns, line(role)] }, { i: at, at: 0 });
    boxes()[at].focus();
    lines.lastChild.scrollIntoView({ block: "nearest" });
  }
  /** Another version takes the place of this one, undoably. */
  function use(then) { past.note(spot()); become({ title: then.title ?? now.title, turns: received(then.turns) }); }

  // --- typing
  // The row of tools moves to the line with the caret; under a pressed pointer it waits, so that nothing slides away from the click.
  let pressed = false;
  lines.addEventListener("pointerdown", () => { pressed = true; });
  for (const end of ["pointerup", "pointercancel", "pointerleave"]) lines.addEventListener(end, () => { pressed = false; if (here >= 0) select(here); });
  lines.addEventListener("focusin", e => { here = [...lines.children].indexOf(e.target.closest("li")); if (!pressed) select(here); });
  function before(e) {
    if (e.inputType === "historyUndo" || e.inputType === "historyRedo") { e.preventDefault(); return run(e.inputType === "historyUndo" ? "undo" : "redo"); }
    if (e.target === title && e.inputType === "insertLineBreak") { e.preventDefault(); return boxes()[0]?.focus(); }
    const where = e.target === title ? "title" : e.target.closest("li").dataset.id;
    return past.note(spot(), `${where}:${e.inputType.startsWith("delete") ? "-" : "+"}`);
  }
  body.addEventListener("beforeinput", e => { if (e.target.tagName === "TEXTAREA") before(e); });
  body.addEventListener("input", e => {
    const text = wellFormed(e.target.value);
    if (e.target === title) now = { ...now, title: text.replace(/\s*\n\s*/g, " ") };
    else now = { ...now, turns: put(now.turns, here, 1, said(now.turns[here], text)) };
    if (e.target === title && text.includes("\n")) fill(title, now.title);
    grow(e.target); touched();
  });
  body.addEventListener("compositionstart", () => { saver.composing = true; });
  body.addEventListener("compositionend", () => { saver.composing = false; });
  body.addEventListener("focusout", () => { saver.composing = false; });
  lines.addEventListener("keydown", e => {
    const b = e.target;
    if (e.isComposing || e.keyCode === 229 || b.tagName !== "TEXTAREA" || e.shiftKey || e.ctrlKey || e.altKey || e.metaKey || b.selectionStart !== b.selectionEnd) return;
    const to = (i, at) => { e.preventDefault(); const box = boxes()[i]; box.focus(); box.setSelectionRange(at ?? box.value.length, at ?? box.value.length); };
    if (e.key === "ArrowUp" && b.selectionStart === 0 && here > 0) to(here - 1);
    else if (e.key === "ArrowDown" && b.selectionEnd === b.value.length && here < now.turns.length - 1) to(here + 1, 0);
    else if (e.key === "Backspace" && b.selectionStart === 0 && here > 0) { e.preventDefault(); run("merge"); }
  });

  return {
    node, run, open, close, say, use, saver,
    get id() { return doc?.id ?? null; }, get rev() { return doc?.rev ?? 0; }, get now() { return now; }, get ground() { return ground; }, get past() { return past; },
    name(who, given) { persona = who; names = given; if (doc) render(); else paintFoot(); },
    /** Another window saved: an idle one follows without moving its caret. */
    async follow(rev) {
      if (!doc || rev <= doc.rev || !saver.idle) return;
      const { id } = doc, answer = await api.load({ id });
      if (answer.ok !== true || doc?.id !== id || !saver.idle) return;
      past.note(spot()); now = ground = { title: answer.title, turns: received(answer.turns) }; doc.rev = answer.rev; render();
      announce(`Changed in another window. ${plural(now.turns.length, "line", "lines")} now.`);
    },
  };
}
