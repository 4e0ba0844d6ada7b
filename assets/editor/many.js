// Several conversations at once: ticks in the list, a bar at its foot, and one undo for each act.
// The ticks are ids, so that what is chosen stays what it was while the list is searched, and nothing comes in unseen.
const version = new URL(import.meta.url).search;
const { el, button, dialog, roving, plural, mac } = await import("./parts.js" + version);
const { freshId } = await import("./turns.js" + version);
const { whyMissing, whyUnknown } = await import("./wire.js" + version);
const { places } = await import("./places.js" + version);
const STATES = [["needs work", "Needs work", n => `${n} marked as needing work.`], ["finished", "Finished", n => `${n} marked as finished.`], ["", "No state", n => `The state was taken off ${n}.`]];
const conversations = n => plural(n, "conversation", "conversations");

/** `shelf` is the list; `flush` stores what is being typed; `changed(to)` is called after each act. */
export function many(api, shelf, { root, flush, toast, announce, changed }) {
  let on = false, busy = false, ticked = new Set(), anchor = null, base = new Set(), ticket = 0, choosing = null;

  // --- parts
  const select = button("Select", "", () => { start(); (shelf.total ? shelf.list : undo).focus(); }, { class: "ps-small", title: "Choose several conversations" });
  const all = button("All", "", () => everything(), { class: "ps-small", "aria-label": "Choose all that are found" });
  const none = button("None", "", () => tick([], true), { class: "ps-small", "aria-label": "Choose none" });
  const lead = el("div", { class: "ps-leadacts" }, select, all, none);
  const count = el("p", { class: "ps-count", role: "status" });
  const undo = button("Undo", "", () => wind(), { class: "ps-small" });
  const acts = [["Tag", tagging], ["State", state], ["Move", moving], ["Replace", replacing], ["Bin", bin]].map(([word, act]) =>
    button(word, "", async () => {
      await choosing;                                // what was asked for just before is chosen first
      return ticked.size ? attempt(act) : toast("Nothing is chosen yet. Press Space on a conversation, or press All.");
    }, { class: "ps-small" }));
  const bar = el("div", { class: "ps-lotbar", role: "toolbar", "aria-label": "What to do with the chosen conversations" }, ...acts, undo, button("Done", "", () => leave(true), { class: "ps-small" }));
  const foot = el("div", { class: "ps-lot", hidden: true }, count, bar);
  shelf.node.querySelector(".ps-foundline").append(lead);
  shelf.list.after(foot);
  roving(bar);

  const attempt = act => act().catch(error => toast(error.sentence ?? whyMissing(error, "These conversations")));
  const sure = answer => { if (answer.ok === true) return answer; throw Object.assign(new Error(answer.error), { sentence: answer.message, missing: answer.error === "missing" }); };

  // --- ticks
  function paint() {
    shelf.node.classList.toggle("ps-picking", on);
    if (on) shelf.list.setAttribute("aria-multiselectable", "true"); else shelf.list.removeAttribute("aria-multiselectable");
    foot.hidden = all.hidden = none.hidden = !on;
    root.classList.toggle("ps-busy", busy);
    const words = busy ? "Working…" : `${ticked.size.toLocaleString("en")} chosen`;
    if (count.textContent !== words) count.textContent = words;
    for (const b of acts) b.setAttribute("aria-disabled", String(!ticked.size));
    undo.hidden = !last();
    undo.textContent = last()?.startsWith("back-") ? "Redo" : "Undo";
    shelf.paint();
  }
  function start() {
    if (on) return;
    on = true;
    paint();
    announce("Choosing several conversations. Space chooses one, Escape ends it.");
  }
  /** Back to the list as it is for reading. */
  function leave(focus = false) {
    if (!on) return;
    on = false; ticked = new Set(); anchor = null;
    paint();
    if (focus) shelf.list.focus();
  }
  function tick(ids, anew = false) {
    ticked = new Set(anew ? ids : [...ticked, ...ids]);
    paint();
  }
  function hold(i) {                                 // from here Shift reaches on; what is ticked now stays ticked
    anchor = { i, id: shelf.row(i)?.id };
    base = new Set(ticked);
  }
  function toggle(i) {
    const { id } = shelf.row(i);
    start();
    if (!ticked.delete(id)) ticked.add(id);
    hold(i);
    paint();
  }
  async function reach(i) {                          // from the anchor to here, also over rows that are not loaded
    const mine = ++ticket;
    start();
    if (!anchor || shelf.row(anchor.i)?.id !== anchor.id) hold(shelf.active);
    const [first, end] = [Math.min(anchor.i, i), Math.max(anchor.i, i) + 1];
    let ids = Array.from({ length: end - first }, (_, n) => shelf.row(first + n)?.id);
    if (ids.includes(undefined)) ids = (await found()).slice(first, end);
    if (mine === ticket) tick([...base, ...ids], true);
  }
  const found = async () => sure(await api.many.found({ found: shelf.request() })).ids;
  const everything = () => { choosing = attempt(async () => { start(); tick(await found()); hold(shelf.active); }); };
  /** Something chosen has gone elsewhere: it is not chosen any more. */
  async function prune() {
    const { ids } = sure(await api.many.found({ found: { persona: shelf.request().persona, query: "" } })), there = new Set(ids);
    tick([...ticked].filter(id => there.has(id)), true);
    await shelf.refresh();
  }

  const control = e => (mac ? e.metaKey : e.ctrlKey);
  const handled = e => { e.preventDefault(); return true; };
  shelf.picker({
    get on() { return on; }, has: id => ticked.has(id),
    painted() { select.hidden = on || !(shelf.total || last()); },
    click(e, i) {
      if (!on && !e.shiftKey && !control(e)) return false;
      if (e.shiftKey) choosing = attempt(() => reach(i).then(() => shelf.reveal(i))); else { toggle(i); shelf.reveal(i); }
      return true;
    },
    key(e, jump) {
      if (e.altKey) return false;
      if (e.key === " " && !e.shiftKey && shelf.row(shelf.active)) { toggle(shelf.active); return handled(e); }
      if (control(e) && e.key.toLowerCase() === "a") { everything(); return handled(e); }
      if (!e.shiftKey || !jump || !shelf.total) { if (jump) anchor = null; return false; }
      start();
      if (!anchor) hold(shelf.active);
      shelf.reveal(shelf.active + jump);
      choosing = attempt(() => reach(shelf.active));
      return handled(e);
    },
  });
  shelf.node.addEventListener("keydown", e => {
    const letter = e.key.toLowerCase(), again = letter === "y" || (letter === "z" && e.shiftKey);
    if (!on || e.isComposing) return;
    if (e.key === "Escape") leave(true);
    else if (control(e) && !e.altKey && (letter === "z" || again) && e.target !== shelf.search) { if (last()?.startsWith(again ? "back-" : "many-")) wind(); }
    else return;
    e.preventDefault(); e.stopPropagation();
  });

  // --- acts. The name of the last one is kept in this browser, so that it can be undone after a reload too.
  const key = () => `persona-studio:many:${shelf.request().persona}`;
  function last() { try { return localStorage.getItem(key()); } catch { return null; } }
  function remember(op) { try { localStorage.setItem(key(), op); } catch { /* without a store only the message can undo it */ } }

  /** One act on what is chosen. `words(n)` says what was done; a refusal is told by `tell` where a dialog is open. Resolves to whether it was done. */
  async function act(path, body, words, { tell = toast, to = null, away = false, op = `many-${freshId()}` } = {}) {
    if (busy) return false;
    busy = true; paint();
    try {
      if (!(await flush())) { tell("The open conversation is not saved yet. Nothing was changed. Save it first."); return false; }
      const answer = sure(await api.many[path]({ op, ...body }));
      if (away) { ticked = new Set(); anchor = null; }
      if (answer.changed) remember(op);
      await changed(to);
      toast(answer.changed ? words(answer.changed) : "There was nothing to change: they are like this already.", ...(answer.changed ? ["Undo", () => wind(op)] : []));
      return true;
    } catch (error) {
      if (error.sentence) { tell(error.sentence); if (error.missing) await prune().catch(() => {}); }
      else if (tell === toast) toast(whyUnknown(error), "Try again", () => act(path, body, words, { to, away, op }));
      else tell(whyUnknown(error));
      return false;
    } finally { busy = false; paint(); }
  }
  /** Takes an act back, or does it again: the taking back is an act too. */
  const wind = (op = last()) => op && attempt(async () => {
    if (!(await flush())) return toast("The open conversation is not saved yet. Nothing was changed. Save it first.");
    const answer = sure(await api.many.undo({ op })), forth = op.startsWith("back-");
    remember(answer.op);
    await changed();
    paint();
    if (!answer.back && !answer.changed && !answer.homeless) return toast("There is nothing left to undo.");
    const stay = n => `${n === 1 ? "It stays as it is" : "They stay as they are"}.`;
    const sentences = [forth ? `Done again in ${conversations(answer.back)}.` : `Undone in ${conversations(answer.back)}.`,
      answer.changed && `${conversations(answer.changed)} ${answer.changed === 1 ? "was" : "were"} changed since. ${stay(answer.changed)}`,
      answer.homeless && `${conversations(answer.homeless)} came from a character that is not here any more. ${stay(answer.homeless)}`];
    return toast(sentences.filter(Boolean).join(" "), forth ? "Undo" : "Redo", () => wind(answer.op));
  });

  // --- what is asked before an act
  const ids = () => [...ticked];
  /** A dialog that goes when it is closed; `tell` says in it why something was not done. */
  function ask(name, ...children) {
    const fault = el("p", { class: "ps-fault", role: "alert", hidden: true }), box = dialog(name, ...children, fault);
    box.addEventListener("close", () => box.remove());
    root.append(box);
    box.showModal();
    return { box, tell: sentence => { fault.hidden = !sentence; fault.textContent = sentence; } };
  }
  const choice = (word, act) => el("button", { type: "button", class: "ps-choice", onclick: act }, word);

  async function tagging() {
    const chosen = ids();
    const input = el("input", { type: "text", id: "ps-newtags", class: "ps-input", maxlength: "600", autocomplete: "off" });
    const known = el("fieldset", { class: "ps-ticks", hidden: true }, el("legend", {}, "Tags they have now"));
    const form = el("form", { class: "ps-ask", onsubmit: e => { e.preventDefault(); go(); } }, el("label", { class: "ps-asklabel", for: "ps-newtags" }, "New tags, with commas between them"), input, known,
      el("div", { class: "ps-acts" }, el("button", { type: "submit", class: "ps-button ps-filled" }, "Change the tags")));
    const { box, tell } = ask(`Tags of ${conversations(chosen.length)}`, form);
    let boxes = [];
    const go = async () => {
      const asked = boxes.filter(({ box: b }) => b.asked), typed = input.value.split(",").map(word => word.trim()).filter(Boolean);
      const add = [...typed, ...asked.filter(({ box: b }) => b.checked).map(({ tag }) => tag)], drop = asked.filter(({ box: b }) => !b.checked).map(({ tag }) => tag);
      if (!add.length && !drop.length) return input.focus();
      if (await act("tag", { ids: chosen, add, drop }, n => `The tags of ${conversations(n)} were changed.`, { tell })) box.close();
      return null;
    };
    input.focus();
    const about = await api.many.about({ ids: chosen }).then(sure).catch(error => tell(error.sentence ?? whyMissing(error, "Their tags")));
    boxes = Object.entries(about?.tags ?? {}).map(([tag, n]) => {
      const box = el("input", { type: "checkbox", onchange: () => { box.asked = true; } });
      box.checked = n === chosen.length; box.indeterminate = n < chosen.length;
      return { tag, box, row: el("label", { class: "ps-tick" }, box, el("span", {}, tag), el("small", {}, box.checked ? "all of them" : `${n.toLocaleString("en")} of ${chosen.length.toLocaleString("en")}`)) };
    });
    known.append(...boxes.map(({ row }) => row));
    known.hidden = !boxes.length;
  }
  async function state() {
    const chosen = ids(), pick = (flag, words) => act("flag", { ids: chosen, flag }, n => words(conversations(n)), { tell }).then(done => done && box.close());
    const { box, tell } = ask(`State of ${conversations(chosen.length)}`, el("div", { class: "ps-choices" }, ...STATES.map(([flag, word, words]) => choice(word, () => pick(flag, words)))));
    box.querySelector(".ps-choice").focus();
  }
  async function moving() {
    const chosen = ids(), { characters } = sure(await api.many.about({ ids: chosen })), others = characters.filter(one => one.id !== shelf.request().persona);
    const pick = ({ id, name }) => act("move", { ids: chosen, persona: id }, n => `${conversations(n)} moved to ${name}.`, { tell, to: id, away: true }).then(done => done && box.close());
    const inside = others.length ? el("div", { class: "ps-choices" }, ...others.map(one => choice(one.name, () => pick(one)))) : el("p", {}, "There is no other character yet. Make one first, with New character above.");
    const { box, tell } = ask(`Move ${conversations(chosen.length)} to`, inside);
    box.querySelector(".ps-choice")?.focus();
  }
  async function replacing() {
    const chosen = ids(), stored = flush();           // the places are to be those of what stands on the page
    const view = places(api, chosen, stored, (body, words, tell) => act("replace", body, words, { tell }).then(done => { if (done) box.close(); return done; }));
    const { box, tell } = ask(`Replace in ${conversations(chosen.length)}`, view.node);
    view.begin(tell);
    box.classList.add("ps-wider");
  }
  function bin() {
    return act("bin", { ids: ids() }, n => `${conversations(n)} moved to the bin. ${n === 1 ? "It stays" : "They stay"} there for 30 days.`, { away: true });
  }

  all.hidden = none.hidden = true;
  return { leave, get ticked() { return ticked; } };
}
