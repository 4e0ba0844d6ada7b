// The character bible in the margin: which statements of the sheet the open conversation shows, the next scene to write, and what is unwritten.
// It follows what is saved, a moment later, and touches nothing but itself: no line, no caret.
const version = new URL(import.meta.url).search;
const { el, button, plural } = await import("./parts.js" + version);
const { whyMissing } = await import("./wire.js" + version);
const PAUSE = 1200, FEW = 5, MOST = 100;

const scenes = n => (n ? plural(n, "scene", "scenes") : "none yet");
const all = s => [...s.linked, ...s.seeming];

/** tick(shows) links the open conversation; write(card) begins a scene; choose(id) opens a conversation; rules(list) hears how the voice is kept. */
export function bible(api, { tick, write, choose, rules, attempt }) {
  let persona = null, name = "", open = null, seen = null, idea = 0, timer = 0, ticket = 0, expanded = null, whole = false, pending = 0, painted = "", queue = Promise.resolve();
  const heading = text => el("h3", {}, text), note = (...children) => el("section", { class: "ps-note", hidden: true }, ...children);
  const ticks = el("div", { class: "ps-ticks" }), rest = el("div", { class: "ps-ticks" });
  const others = el("details", { class: "ps-more" }, el("summary", {}, "All statements"), rest);
  const hint = el("p", { class: "ps-fine" });
  const here = note(heading("This conversation shows"), ticks, hint, others);
  const scene = el("p", { class: "ps-card", "aria-live": "polite" });
  const next = note(heading("A scene to write next"), scene, el("div", { class: "ps-acts" },
    button("Write this scene", "", () => write(seen.card, persona)), button("Another idea", "", () => { idea += 1; look(); }, { class: "ps-quiet" })));
  const list = el("ol", { class: "ps-cover" });
  const more = button("", "", () => { whole = !whole; paintPicture(); }, { class: "ps-quiet ps-wide" });
  const legend = el("p", { class: "ps-fine ps-legend", hidden: true }, el("i"), "ticked by you", el("b"), "told from the words");
  const picture = note(heading("Still unwritten"), list, legend, more);
  const lead = el("p"), again = button("Try again", "", () => look()), blank = note(heading("Still unwritten"), lead, again);
  const node = el("div", { class: "ps-bible" }, here, next, picture, blank);

  // --- asking the studio
  async function look() {
    clearTimeout(timer);
    const who = persona, mine = ++ticket;
    if (!who || pending) return;                     // after a tick it is asked again
    let answer = null, fault = {};
    try { answer = await api.coverage({ id: who, idea }); } catch (error) { fault = error; }
    if (mine !== ticket || who !== persona) return;
    seen = answer?.ok === true ? answer : null;
    paint(seen ? "" : answer?.message ?? whyMissing(fault, "What is still unwritten"));
  }
  /** Something was saved: look again when the writer has paused. */
  function soon() { clearTimeout(timer); timer = setTimeout(look, PAUSE); }

  // --- showing it
  function paint(trouble = "") {
    const empty = seen && !seen.statements.length;
    const unwritten = `Write in the character sheet what is true of ${name}, one statement on each line. Then you see here which of them no scene shows yet.`;
    blank.hidden = !(trouble || empty);
    lead.textContent = trouble || unwritten;
    again.hidden = !trouble;
    const ready = seen && !empty;
    here.hidden = !ready || !open; next.hidden = !ready || !seen.card; picture.hidden = !ready;
    if (!seen) return;
    rules(seen.rules);
    const now = JSON.stringify([open, seen.statements]);
    if (now !== painted) { painted = now; keepingFocus(() => { paintTicks(); paintPicture(); }); }   // what stands under a finger stays
    if (seen.card && scene.textContent !== seen.card.text) scene.textContent = seen.card.text;
  }
  function keepingFocus(draw) {
    const key = node.contains(document.activeElement) ? document.activeElement.dataset.key : null;
    draw();
    if (key) [...node.querySelectorAll("[data-key]")].find(each => each.dataset.key === key)?.focus();
  }
  function paintTicks() {
    const state = s => (s.linked.includes(open) ? 2 : s.seeming.includes(open) ? 1 : 0);
    const likely = seen.statements.filter(state), unlikely = seen.statements.filter(s => !state(s));
    ticks.replaceChildren(...likely.map(s => box(s, state(s) === 2)));
    rest.replaceChildren(...unlikely.map(s => box(s, false)));
    hint.textContent = !likely.length ? "Nothing can be told from its words." : "Told from its words. Tick what is right.";
    hint.hidden = likely.length > 0 && likely.every(s => state(s) === 2);
    others.hidden = !unlikely.length;
  }
  function box(s, on) {
    const check = el("input", { type: "checkbox", "data-key": `tick-${s.text}`, onchange: () => turn(s, check.checked) });
    check.checked = on;
    return el("label", { class: on ? "ps-tick" : "ps-tick ps-maybe" }, check, el("span", {}, s.text));
  }
  /** One after the other: each link starts from what the one before has left. */
  function turn(s, on) {
    const id = open;
    s.linked = s.linked.filter(each => each !== id).concat(on ? [id] : []);
    s.seeming = s.seeming.filter(each => each !== id);
    const shows = seen.statements.filter(each => each.linked.includes(id)).map(each => each.text);
    pending += 1; ticket += 1; painted = "";         // what was asked before would show the tick undone; a refused one has to go again
    queue = queue.then(() => attempt(() => tick(id, shows), "This link")).then(() => { pending -= 1; return look(); });
  }
  function paintPicture() {
    const ordered = seen.statements.map((s, n) => [all(s).length, n, s]).sort((a, b) => a[0] - b[0] || a[1] - b[1]).map(([, , s]) => s);
    const most = Math.max(1, ...ordered.map(s => all(s).length)), shown = whole ? ordered : ordered.slice(0, FEW);
    list.replaceChildren(...shown.map(s => entry(s, most)));
    legend.hidden = !shown.some(s => all(s).length);
    more.hidden = ordered.length <= FEW;
    more.textContent = whole ? "Only the emptiest" : `All ${ordered.length} statements`;
    more.setAttribute("aria-expanded", String(whole));
  }
  function entry(s, most) {
    const count = all(s).length, isOpen = expanded === s.text;
    const bar = el("span", { class: "ps-bars", "aria-hidden": "true" }, el("i", { style: `flex:${s.linked.length}` }), el("b", { style: `flex:${s.seeming.length}` }), el("u", { style: `flex:${most - count}` }));
    const said = el("span", { class: "ps-scenes" }, scenes(count));
    const head = el("button", { type: "button", class: "ps-entry", "data-key": `entry-${s.text}`, "aria-expanded": count ? String(isOpen) : null, "aria-disabled": count ? null : "true",
      onclick: () => { if (!count) return; expanded = isOpen ? null : s.text; keepingFocus(paintPicture); } }, el("span", { class: "ps-said" }, s.text), bar, said);
    return el("li", {}, head, ...(isOpen && count ? [found(s)] : []));
  }
  function found(s) {
    const box = el("ul", { class: "ps-found-list" }), ids = all(s).slice(0, MOST), who = persona;
    const row = r => el("li", {}, el("button", { type: "button", "data-key": `found-${r.id}`, onclick: () => choose(r.id) }, r.title || r.opening || "No title yet"),
      s.linked.includes(r.id) ? el("small", {}, "ticked") : "");
    attempt(async () => {
      const answer = await api.titles({ ids });
      if (who !== persona || !box.isConnected || answer.ok !== true) return;
      keepingFocus(() => box.replaceChildren(...answer.rows.map(row), ...(all(s).length > MOST ? [el("li", {}, `And ${plural(all(s).length - MOST, "more", "more")}.`)] : [])));
    }, "This list");
    return box;
  }

  return {
    node, soon, look,
    /** Another character, or the same one anew. */
    show(who, called) { clearTimeout(timer); if (who !== persona) { seen = null; idea = 0; expanded = null; whole = false; paint(); } persona = who; name = called; look(); },
    /** Which conversation is open; null for none. */
    opened(id) { if (open === id) return; open = id; if (seen) paint(); },
  };
}
