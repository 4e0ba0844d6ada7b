// The conversation editor of the Write tab: a vanilla module in an empty element, speaking JSON to the studio. No library, no build step.
// It is put together here from editor/: shelf (the list), page (the open conversation), character (the margin), turns (the pure part).
// The query of this file's address goes on to the others, so that a new version of the studio never meets an old half in a browser's cache.
const version = new URL(import.meta.url).search;
const from = name => import(`./editor/${name}.js${version}`);
const [{ el, button, toasts, keysDialog, KEYS, chord }, { line }, { drafts }, { wire, whyMissing }, { shelf }, { page }, { character }, { history }, { many }, { bible }] =
  await Promise.all(["parts", "turns", "drafts", "wire", "shelf", "page", "character", "history", "many", "bible"].map(from));

export function mount(root, { persona = null, onsaved = () => {}, onbring = () => {}, onshow = () => {}, api = wire() } = {}) {
  if (root.editor) return root.editor;               // js_on_load may run again
  root.classList.add("ps");
  const gone = new AbortController(), { signal } = gone;   // window listeners must not outlive the element
  const channel = new BroadcastChannel("persona-studio");
  const heard = el("p", { class: "ps-heard", role: "status" });
  const announce = sentence => { heard.textContent = ""; requestAnimationFrame(() => { heard.textContent = sentence; }); };
  const help = keysDialog(), curtain = el("div", { class: "ps-curtain", onclick: () => drawer(false) });
  let who = persona, names = { user: "Visitor", model: "Character" }, ticket = 0, ready = false;

  const list = shelf(api, { choose, create: () => attempt(create, "A new conversation"), bring, listed });
  const margin = character(api, { saved: (id, sheet) => { names = { ...names, user: sheet.visitor.trim() || "Visitor" }; desk.name(id, names); book.soon(); desk.checked(); onsaved({ persona: id }); } });
  const desk = page(api, { announce, toast: (...all) => toast(...all), keys: () => help.showModal(), history: () => attempt(showHistory, "The history"), drawer: () => drawer(true), show: check => desk.saver.flush().then(() => onshow(check)),
    leave: what => attempt({ remove, duplicate, like }[what], "This conversation"),
    saved: (id, rev, now) => { list.patch(id, now); channel.postMessage({ id, rev }); book.soon(); onsaved({ id, rev }); } });
  const book = bible(api, { write: (card, who) => attempt(() => scene(card, who), "A new scene"), choose: id => attempt(() => arrive(id, null), "This conversation"), rules: margin.keep,
    tick: (id, shows) => desk.beside(id, base => api.link({ id, base, shows })).then(sure), attempt: (...all) => attempt(...all) });
  margin.put(book.node);
  const lot = many(api, list, { root, flush: () => desk.saver.flush(), toast: (...all) => toast(...all), announce, changed: manyChanged });
  const past = history({ names: () => names, now: () => ({ id: desk.id, rev: desk.rev, ...desk.now, ...desk.marks }), use: desk.use,
    ask: async before => sure(await api.history({ id: desk.id, before, limit: 100 })).revisions, fail: error => toast(error.sentence ?? whyMissing(error, "The history")) });
  root.replaceChildren(list.node, desk.node, margin.node, curtain, help, past.node, heard);
  const toast = toasts(root);
  /** Runs something that asks the studio; a refusal or silence becomes a sentence, never a thrown error. */
  const attempt = (act, what) => act().catch(error => toast(error.sentence ?? whyMissing(error, what)));
  const sure = answer => { if (answer.ok === true) return answer; throw Object.assign(new Error(answer.error), { sentence: answer.message ?? "It is not there any more. Nothing else was changed." }); };

  // --- which conversation
  function choose(id, focus) {
    drawer(false);
    return desk.open(id, focus ? { turn: 0 } : null).then(() => { list.mark(id); book.opened(desk.id); });
  }
  function listed({ total, query }) {
    if (total === null && !desk.id) return desk.say(el("p", {}, "Your conversations could not be read. Nothing is lost."), button("Try again", "", () => refresh(who)));
    if (total !== 0 || query || desk.id) return;
    desk.say(el("p", { class: "ps-lead" }, `Nothing written yet. Start with how ${names.model} says hello.`),
      el("div", { class: "ps-acts" }, button("Write the first conversation", "", () => attempt(create, "A new conversation"), { class: "ps-filled" }), button("Bring in a file", "", bring)));
  }
  async function arrive(id, focus) {
    await list.refresh();
    await desk.open(id, focus);
    list.mark(id);
    book.opened(desk.id); book.soon();
    channel.postMessage({ list: who });
  }
  async function scene({ title, line: first, statement }, mine) {
    await desk.close();
    const { id } = sure(await api.scene({ persona: mine, title, line: first, statement }));
    await arrive(id, { turn: 0, end: true });
  }
  async function create() {
    drawer(false);
    await desk.close();
    const { id } = sure(await api.new({ persona: who, title: "", turns: [line("user")] }));
    await arrive(id, { turn: 0 });
  }
  async function duplicate() {
    if (!(await desk.saver.flush())) return;
    const { id } = sure(await api.duplicate({ persona: who, id: desk.id }));
    await arrive(id, { turn: 0 });
    toast("This is the copy. The other one stays as it is.");
  }
  /** The list becomes what is nearest to the open conversation, as it is stored. */
  async function like() {
    const { id, now } = desk;
    await desk.saver.flush();
    drawer(true);
    list.like(id, now.title || now.turns[0]?.text.slice(0, 40) || "No title yet");
  }
  async function remove() {
    const { id } = desk, inside = desk.node.contains(document.activeElement);
    if (!(await desk.saver.flush())) return;
    sure(await api.remove({ id }));
    await shut();
    book.opened(null); book.soon();
    await list.refresh();
    channel.postMessage({ list: who });
    if (list.first()) await choose(list.first(), inside);
    else if (inside) desk.node.querySelector(".ps-blank button")?.focus();
    toast("Moved to the bin. It stays there for 30 days.", "Undo", () => attempt(async () => { sure(await api.recover({ id })); await arrive(id, { turn: 0 }); }, "The bin"));
  }
  function bring() {
    drawer(false);
    onbring();
  }
  /** Something was done with many at once, the open one perhaps among them; `to` is a character that received some. */
  async function manyChanged(to = null) {
    await settleOpen("Changed together with others.");
    await list.refresh();
    if (!desk.id && list.first()) { await desk.open(list.first(), null); list.mark(list.first()); }
    for (const each of new Set([who, to ?? who])) channel.postMessage({ list: each, many: true });
    book.opened(desk.id); book.soon(); onsaved({ persona: who });
  }
  /** The open conversation follows what was done to it elsewhere; it is closed where it is in the bin or another's now. */
  async function settleOpen(why) {
    const { id } = desk, answer = id && await api.load({ id });
    if (!id || id !== desk.id || !desk.saver.idle) return;   // what is being typed is merged by its own save
    if (answer.ok === true && answer.persona === who) return desk.follow(answer.rev, why);
    if (answer.ok === true || answer.error === "missing") await shut();
  }
  /** Closes the open conversation for good: no line stays in view that nobody would save. */
  async function shut() {
    await desk.close();
    desk.say(el("p", { class: "ps-lead" }, "This conversation is not in this list any more. Choose another one."));
  }
  // The panel below the band brought something in (then `detail` is the first of it) or took it back.
  addEventListener("studio:changed", ({ detail }) => attempt(async () => {
    if (detail) return arrive(detail, null);
    await refresh(who);
    return channel.postMessage({ list: who });
  }, "The list"), { signal });

  // In Prepare something was mended or silenced.
  addEventListener("studio:checked", () => { settleOpen("Mended in Prepare.").catch(() => {}); desk.checked(); }, { signal });   // the next save finds out anyway

  // --- which character
  async function refresh(id) {
    const mine = ++ticket;
    if (id !== who) lot.leave();
    who = id; ready = false;
    await Promise.all([desk.close(), margin.flush()]);
    if (mine !== ticket) return;
    book.opened(null);
    if (!id) {                                       // the window says only a moment later who is open
      setTimeout(() => mine === ticket && desk.say(el("p", { class: "ps-lead" }, "There is no character yet. Make one first, with New character above.")), 1500);
      return;
    }
    let answer, fault = {};
    try { answer = await api.character({ id }); } catch (error) { fault = error; }
    if (mine !== ticket) return;
    if (answer?.ok !== true) return desk.say(el("p", {}, answer?.message ?? whyMissing(fault, "This character")), button("Try again", "", () => refresh(id)));
    names = { user: answer.sheet.visitor, model: answer.sheet.name };
    root.style.setProperty("--ps-face", answer.avatar ? `url("/studio/avatar/${encodeURIComponent(id)}")` : "none");
    desk.name(id, names); margin.show(id, answer); book.show(id, names.model);
    await list.refresh(id);
    if (mine !== ticket) return;
    ready = true;
    const wanted = window.studioOpen;                // a line asked for before the editor was there
    window.studioOpen = null;
    if (wanted) return jump(wanted);
    const start = (await drafts.ofPersona(id)) ?? drafts.last(id), there = start && (await api.load({ id: start }).catch(() => null))?.persona === id;
    if (mine === ticket && (there || list.first())) await choose(there ? start : list.first(), false);
  }
  async function jump({ conversation, turn }) {
    await desk.open(conversation, { turn: turn ?? 0, end: true });
    book.opened(desk.id);                            // before the list is read: a tick is meant for the conversation one sees
    if (!list.knows(conversation)) await list.refresh();   // Chat or another tab may have added it
    list.mark(conversation);
    book.soon();
  }
  addEventListener("studio:open", ({ detail }) => { if (ready) { window.studioOpen = null; jump(detail); } else window.studioOpen = detail; }, { signal });

  // --- history
  async function showHistory() {
    if (!desk.id) return;
    await desk.saver.flush();
    await past.show();
  }

  // --- the drawer of narrow windows, and keys
  const narrow = () => desk.node.querySelector(".ps-drawer").offsetParent !== null;
  function drawer(open) {
    if (open && !narrow()) return;
    if (root.classList.contains("ps-open") === open) return;
    root.classList.toggle("ps-open", open);
    desk.node.inert = margin.node.inert = open;
    if (open) list.search.focus(); else if (narrow()) desk.node.querySelector(".ps-drawer").focus();
  }
  const shown = () => root.isConnected && root.offsetParent !== null;
  addEventListener("keydown", e => {
    const inside = root.contains(e.target);
    if (!shown() || e.isComposing || e.keyCode === 229 || (!inside && e.target !== document.body) || root.querySelector("dialog[open]")) return;
    const field = e.target.matches("input, textarea, select"), asked = e.key === "?" && !field && !e.ctrlKey && !e.altKey && !e.metaKey;
    const name = asked ? "help" : KEYS.find(([keys]) => keys === chord(e))?.[2];
    if (!name) { if (e.key === "Escape" && inside) escape(e); return; }
    if (margin.node.contains(e.target) && !["save", "search", "help", "new"].includes(name)) return;   // the sheet's fields keep the browser's own undo
    if (e.target.matches("input") && ["undo", "redo"].includes(name)) return;
    e.preventDefault();
    command(name);
  }, { signal });
  function command(name) {
    if (name === "help") return help.showModal();
    if (name === "new") return attempt(create, "A new conversation");
    if (name === "search") { drawer(true); return list.search.focus(); }
    if (name === "next" || name === "previous") return attempt(() => list.step(name === "next" ? 1 : -1), "The list");
    if (name === "save") margin.flush();
    return desk.run(name);
  }
  function escape(e) {
    e.preventDefault();
    if (root.classList.contains("ps-open")) drawer(false); else if (list.list.offsetParent) list.list.focus();
  }

  // --- other windows, and leaving
  channel.onmessage = ({ data }) => {
    if (!root.isConnected) return;
    if (data.list === who || data.id) book.soon();
    if (data.list === who) list.refresh().then(() => desk.id && list.mark(desk.id));
    if (data.many && data.list === who) settleOpen("Changed in another window.").catch(() => {});
    if (data.id && data.id === desk.id) desk.follow(data.rev).catch(() => {});     // the next save finds out anyway
  };
  const hurry = () => { drafts.flush(); desk.saver.save(true); margin.saver.save(true); };
  addEventListener("pagehide", hurry, { signal });
  addEventListener("visibilitychange", () => document.hidden && hurry(), { signal });
  addEventListener("beforeunload", e => { if (!root.isConnected) { gone.abort(); channel.close(); } else if (desk.saver.stuck || margin.saver.stuck) e.preventDefault(); }, { signal });

  refresh(persona);
  return (root.editor = { desk, list, refresh, run: command, get persona() { return who; } });
}
