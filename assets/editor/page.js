// One open conversation: its title and lines, undo, saving, and what to do when another window changed it too.
const version = new URL(import.meta.url).search;
const { el, button, fill, grow, plural } = await import("./parts.js" + version);
const { broughtBack, commands, freshId, line, merge, other, Past, put, received, said, sameText, sameWords, seal, steps, wellFormed } = await import("./turns.js" + version);
const { Saver } = await import("./saver.js" + version);
const { drafts } = await import("./drafts.js" + version);
const { whyMissing } = await import("./wire.js" + version);
const { bothConversations, bubble, frame, walking } = await import("./frame.js" + version);
const { decorate, explain, HEARD } = await import("./versions.js" + version);
const { marks, sameMarks } = await import("./marks.js" + version);
const { help } = await import("./help.js" + version);
const { remarks } = await import("./remarks.js" + version);
const WALKS = ["up", "down", "nextVersion", "previousVersion"];   // pressed again and again: the button keeps the focus

export function page(api, { announce, toast, saved, keys, history, leave, drawer, show }) {
  // --- parts
  const run = name => go(name).catch(error => toast(whyMissing(error, "An earlier version")));
  const marking = marks({ toast, changed: () => touched(), known: async () => ((await api.tags({ id: persona })).tags ?? []).sort((a, b) => b.count - a.count).map(t => t.tag) });
  const assist = help(api, { announce, take, question: () => { const t = now.turns.at(-1); return doc && t?.role === "user" && t.text.trim() ? { id: t.id, persona, turns: now.turns } : null; } });
  const told = remarks(api, { toast, show, who: () => persona });
  const { node, state, redo, bar, trouble, clash, offer, title, lines, tools, settleTools, visitorSays, personaSays, body, blank } = frame({ run, keys, history, drawer, leave, says: role => says(role), back: () => (boxes()[here] ?? title).focus() }, { marks: marking.node, about: told.about, panel: assist.node, opener: assist.opener, toggle: told.toggle });
  told.under(lines);

  // --- the document
  let doc = null, names = { user: "Visitor", model: "Character" }, persona = null;
  let now = { title: "", turns: [] }, ground = now, here = -1, past = new Past(), older = 0, sent = new Set(), shrunk = false, theirs = null, remembering = null, ticket = 0, newest = 0;
  const boxes = () => lines.querySelectorAll("textarea");
  const spot = () => ({ ...now, i: here, at: boxes()[here]?.selectionStart ?? 0 });
  const saver = new Saver(send, tell);

  function tell(kind, sentence) {
    state.dataset.kind = kind;
    state.textContent = { saving: "Saving…", saved: "Saved", held: "Not saved", refused: "Not saved", waiting: "Not saved" }[kind];
    if (kind === "saved" && doc && newest > doc.rev) follow(newest).catch(() => {});   // the next save finds out anyway
    if (!sentence) return trouble.clear();
    trouble.show(sentence, { "Save again": () => saver.save() });
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
      beside(li, t);
    });
    if ([...have.values()].some(li => li.contains(tools))) tools.remove();
    for (const li of have.values()) li.remove();
    fill(title, now.title);
    paintFoot(); told.paint();
    select(Math.min(focus ? focus.i : here, now.turns.length - 1), focus);
  }
  const beside = (li, t) => decorate(li, t, name => { here = [...lines.children].indexOf(li); run(name); });
  function paintFoot() {
    const turn = now.turns.length ? other(now.turns.at(-1).role) : "user";
    for (const [b, role] of [[visitorSays, "user"], [personaSays, "model"]]) {
      b.textContent = `${names[role]} says`;
      b.classList.toggle("ps-filled", role === turn);
    }
    redo.hidden = !past.forth.length;
    assist.paint();
  }
  function select(i, focus) {
    here = i;
    const li = lines.children[i];
    for (const each of lines.querySelectorAll(".ps-now")) if (each !== li) each.classList.remove("ps-now");
    if (!li) return tools.remove();
    li.classList.add("ps-now");
    if (tools.parentNode !== li) li.append(tools);
    const off = { up: i === 0, merge: i === 0, down: i === now.turns.length - 1 };
    for (const b of tools.children) { b.setAttribute("aria-disabled", String(Boolean(off[b.dataset.do]))); b.hidden = b.dataset.do === "keep" && now.turns[i].role === "user"; }
    if (tools.querySelector("[hidden][tabindex='0']")) settleTools();
    if (!focus) return;
    if (focus.stay) return focus.stay.focus();
    const box = boxes()[i];
    box.focus();
    box.setSelectionRange(focus.at, focus.at);
  }
  function become(next, focus) { now = next; shrunk = true; render(focus); touched(); }
  function touched() {
    drafts.keep(doc.id, { persona, rev: doc.rev, ground, ...now, ...(marking.changed && { marks: marking.now }) });
    if (theirs) showClash();
    saver.touch();
    paintFoot();
  }

  // --- saving
  async function send(last) {
    const end = now !== ground || !marking.changed ? await sendWords(last) : { ok: true };
    return end.ok && doc && marking.changed ? sendMarks(last) : end;
  }
  async function sendMarks(last) {
    const mine = marking.now, { id } = doc, answer = await api.mark({ id, base: doc.rev, ...mine }, last);
    if (doc?.id !== id) return { ok: true };
    if (answer.ok !== true) return refused(answer);
    doc.rev = answer.rev; marking.stored(mine, answer);
    if (now === ground && !marking.changed) drafts.drop(id);
    saved(id, doc.rev, { ...ground, ...marking.now });
    return { ok: true };
  }
  async function sendWords(last) {
    const mine = now, { id } = doc, op = freshId();
    sent.add(op);
    const answer = await api.save({ id, base: doc.rev, op, title: mine.title, turns: mine.turns, shrink: shrunk }, last);
    if (doc?.id !== id) return { ok: true };
    if (answer.ok === true) {
      const seen = answer.sha256 && (await seal(mine));
      if (seen && seen !== answer.sha256) return { refused: "Not saved: what was stored differs from what you wrote. Your words are kept in this window. Press Save again." };
      doc.rev = answer.rev; ground = mine;
      if (now === mine) { shrunk = false; if (!marking.changed) drafts.drop(id); }
      saved(id, doc.rev, { ...mine, ...marking.now }); told.soon();
      return { ok: true };
    }
    return refused(answer);
  }
  function refused(answer) {
    if (answer.error === "conflict") return settle(answer);
    if (answer.error === "missing") return gone();
    return { refused: answer.message?.startsWith("Not saved") ? answer.message : `Not saved: ${answer.message} Your words are kept in this window.` };
  }
  function settle(answer) {                          // the stored revision is not the one we began from
    const head = { title: answer.title, turns: received(answer.turns) }, ours = sent.has(answer.op);
    doc.rev = answer.rev; marking.settle(answer);
    if (sameText(head, ground)) return { again: true };   // only tags or state were changed there: there is nothing to merge
    const both = ours ? now : merge(ground, now, head);
    ground = head;
    if (ours) return { again: true };                // our own save, whose answer was lost on the way
    if (both) { past.note(spot()); now = both; shrunk = true; render(); return { again: true }; }
    theirs = head; showClash();
    return { held: true };
  }
  function showClash() {
    const pick = act => () => { theirs = null; clash.clear(); saver.held = false; act(); saver.save(); };
    const takeTheirs = newer => () => { past.note(spot()); become(newer); };
    clash.show("This conversation was changed in another window.", { "Keep mine": pick(() => { shrunk = true; saver.touch(); }), "Use the newer one": pick(takeTheirs(theirs)) }, bothConversations(now, theirs, names));
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
    assist.close();
    saver.reset(); doc = null; theirs = null; told.opened(null);
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
    doc = { id, rev: answer.rev }; now = ground = text; here = -1; past = new Past(); older = answer.rev; sent = new Set(); shrunk = false; newest = 0;
    lines.replaceChildren(); marking.show(answer); blank.hidden = true; body.hidden = bar.hidden = false;
    render(); tell("saved", ""); told.opened(id);
    drafts.visited(persona, id);
    drafts.found(id).then(left => doc?.id === id && offerNext(id, left));
    if (focus) goTo(focus);
  }
  function goTo(focus) {
    const i = typeof focus.turn === "string" ? now.turns.findIndex(t => t.id === focus.turn) : focus.turn ?? 0;
    if (!now.turns[i]) return title.focus();
    select(i, { i, at: focus.end ? now.turns[i].text.length : 0 });
    lines.children[i].scrollIntoView({ block: "center" });
  }
  /** What windows left behind, one after the other: the next is asked about when this one is stored, so that none takes another's place. */
  function offerNext(id, [[name, left] = [], ...others]) {
    if (!name || doc?.id !== id) return;
    const mine = { title: left.title, turns: received(left.turns) };
    const done = () => { drafts.settle(name); offer.clear(); };
    const leave = () => { done(); offerNext(id, others); };
    if (sameWords(mine, now) && (!left.marks || sameMarks(left.marks, marking.now))) return leave();
    const back = () => {
      const both = left.rev === doc.rev && now === ground ? mine : merge({ title: left.ground.title, turns: left.ground.turns }, mine, now) ?? mine;
      past.note(spot()); become(both); if (left.marks) marking.become(left.marks); done();
      saver.flush().then(stored => stored && offerNext(id, others));
    };
    offer.show("Words typed before the studio stopped were found in this browser.", { "Put them back": back, "Leave them": leave });
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
    if (name === "remarks") return announce(told.told);
    if (name === "undo" || name === "redo") return wind(name);
    const i = here < 0 ? now.turns.length - 1 : here;
    if (!now.turns.length && name !== "below" && name !== "above") return;
    const stay = document.activeElement?.closest?.(".ps-tools, .ps-kept") ? document.activeElement : null;
    const after = commands[name](now.turns, i, boxes()[i]?.selectionStart ?? 0);
    if (!after) return;
    if (after.refused) return toast(after.refused);
    past.note(spot());
    const { id } = doc, removed = now.turns[i], at = after.focus.i;
    become({ ...now, turns: after.turns }, { ...after.focus, stay: WALKS.includes(name) ? stay : null });
    if (name === "up" || name === "down") announce(`Moved to line ${at + 1} of ${now.turns.length}`);
    if (HEARD[name]) announce(HEARD[name](now.turns[at]));
    if (name === "keep") explain(toast);
    if (name === "remove") toast("Line removed.", "Undo", () => doc?.id === id && putBack(removed, i));
    if (name === "drop") toast("Version removed.", "Undo", () => showAgain(removed));
  }
  function showAgain(dropped) {
    const back = doc && broughtBack(now.turns, dropped.id, dropped);
    if (back) { past.note(spot()); become({ ...now, turns: back.turns }, back.focus); }
  }
  /** A draft becomes a line below the one it answers. */
  function take(text, id) {
    const at = now.turns.findIndex(t => t.id === id) + 1, taken = received([line("model", text, freshId(), { drafted: true })]);
    past.note(spot());
    become({ ...now, turns: put(now.turns, at, 0, ...taken) }, { i: at, at: taken[0].text.length });
  }
  function putBack(turn, i) {
    if (now.turns.some(t => t.id === turn.id)) return;
    past.note(spot());
    const at = Math.min(i, now.turns.length);
    become({ ...now, turns: put(now.turns, at, 0, turn) }, { i: at, at: turn.text.length });
  }
  async function wind(name) {
    if (name === "undo" && !past.back.length && older > 1) await (remembering ??= remember().finally(() => { remembering = null; }));   // keys come faster than answers
    const then = past[name](spot());
    if (!then) return announce(`Nothing to ${name}`);
    become({ title: then.title, turns: then.turns }, then.i >= 0 && lines.contains(document.activeElement) ? then : null);
  }
  /** With this session's steps used up, the stored revisions carry on: undo goes on over a reload. */
  async function remember() {
    const { id } = doc, answer = await api.history({ id, before: older, limit: 100 });
    if (doc?.id !== id || !answer.revisions?.length) { older = 0; return; }
    older = answer.revisions.at(-1).rev;
    past.back.unshift(...steps(answer.revisions, now).map(then => ({ ...then, i: here, at: 0 })));
  }
  function says(role) {
    const at = now.turns.length;
    past.note(spot());
    become({ ...now, turns: [...now.turns, line(role)] }, { i: at, at: 0 });
    boxes()[at].focus();
    lines.lastChild.scrollIntoView({ block: "nearest" });
  }
  /** Another version takes the place of this one, undoably; its tags and its state with it. */
  function use(then) {
    const before = marking.now, next = { tags: then.tags ?? [], flag: then.flag ?? "" };
    past.note(spot()); become({ title: then.title ?? now.title, turns: received(then.turns) });
    if (sameMarks(before, next)) return;
    marking.become(next);
    toast("Its tags and its state came back with it.", "Keep those of now", marking.undoing(before));
  }

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
    if (e.target.tagName !== "TEXTAREA") return;
    const text = wellFormed(e.target.value);
    if (e.target === title) now = { ...now, title: text.replace(/\s*\n\s*/g, " ") };
    else { now = { ...now, turns: put(now.turns, here, 1, said(now.turns[here], text)) }; beside(lines.children[here], now.turns[here]); }
    if (e.target === title && text.includes("\n")) fill(title, now.title);
    grow(e.target); touched();
  });
  body.addEventListener("compositionstart", () => { saver.composing = true; });
  body.addEventListener("compositionend", () => { saver.composing = false; });
  body.addEventListener("focusout", () => { saver.composing = false; });
  walking(lines, run);

  /** Something else has stored it: an idle window follows without moving its caret, a busy one when it has saved. */
  async function follow(rev, why = "Changed in another window.") {
    if (!doc || rev <= doc.rev) return;
    newest = Math.max(newest, rev);
    if (!saver.idle) return;
    const { id } = doc, answer = await api.load({ id });
    if (answer.ok !== true || doc?.id !== id || !saver.idle || answer.rev <= doc.rev) return;   // an answer that a save has overtaken is of yesterday
    const head = { title: answer.title, turns: received(answer.turns) };
    doc.rev = answer.rev; marking.settle(answer);
    if (sameText(head, now)) return;
    past.note(spot()); now = ground = head; render(); told.soon();
    announce(`${why} ${plural(now.turns.length, "line", "lines")} now.`);
  }

  return {
    node, run, open, close, say, use, saver, follow, checked: told.soon,
    get id() { return doc?.id ?? null; }, get rev() { return doc?.rev ?? 0; }, get now() { return now; }, get ground() { return ground; }, get past() { return past; }, get marks() { return marking.now; },
    name(who, given) { persona = who; names = given; if (doc) render(); else paintFoot(); },
    /** Changes what is kept beside the words. `act(base)` asks the studio; it takes no word, so where a save was faster it is asked again. */
    async beside(id, act) {
      if (doc?.id === id) await saver.flush();
      let answer = await act(doc?.id === id ? doc.rev : 1);
      for (let tries = 4; tries && answer.error === "conflict"; tries--) answer = await act(answer.rev);
      if (answer.ok === true && doc?.id === id && answer.rev === doc.rev + 1) doc.rev = answer.rev;
      return answer;
    },
  };
}
