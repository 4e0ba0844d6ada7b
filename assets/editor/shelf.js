// The list of conversations: a search field and a listbox in which only the rows in view exist, so that ten thousand cost as much as ten.
const version = new URL(import.meta.url).search;
const { el, button, plural } = await import("./parts.js" + version);
const { whyMissing } = await import("./wire.js" + version);
const { filters } = await import("./filter.js" + version);
const ROW = 66, PAGE = 100, AGAIN = 2000;   // AGAIN: ms until a better answer is asked for

/** choose(id, focus) is called with the conversation somebody wants; `listed` after each answer. */
export function shelf(api, { choose, create, bring, listed }) {
  let persona = null, open = null, query = "", total = 0, all = 0, pages = new Map(), active = 0, epoch = 0, asking = 0, awaiting = 0, loading = null, broken = false;
  let hidden = false;                                // behind another tab, where Chat may have added a conversation meanwhile
  let pick = null;                                   // who keeps the ticks while several are chosen: many.js
  const search = el("input", { type: "search", class: "ps-find", placeholder: "Find a word or a title", "aria-label": "Find a word or a title", "aria-controls": "ps-list", autocomplete: "off" });
  const found = el("p", { class: "ps-found", role: "status" });
  const runway = el("div", { class: "ps-runway", role: "presentation" });
  const list = el("div", { id: "ps-list", class: "ps-list", role: "listbox", tabindex: "0", "aria-label": "Conversations" }, runway);
  const nothing = el("div", { class: "ps-nothing", hidden: true });
  const filter = filters(api, look);
  const node = el("nav", { class: "ps-shelf", "aria-label": "Conversations" }, search, el("div", { class: "ps-foundline" }, found, filter.toggle), ...filter.parts, list, nothing,
    button("New conversation", "plus", create, { class: "ps-wide" }), button("Bring in a file", "down", bring, { class: "ps-quiet ps-wide" }));

  const request = () => ({ persona, query, ...filter.asked });        // what is looked for, without the page
  const row = i => pages.get(Math.floor(i / PAGE))?.[i % PAGE];
  async function page(p) {
    if (pages.has(p)) return;
    pages.set(p, null);
    const mine = epoch;
    let answer = null, fault = null;
    try { answer = await api.list({ ...request(), offset: p * PAGE, limit: PAGE }); } catch (error) { fault = error; }
    if (mine !== epoch) return;
    if (!answer?.rows) { pages.delete(p); return unread(fault, answer); }
    pages.set(p, answer.rows); total = answer.total; all = answer.all ?? total; broken = false;
    told(answer);
    listed({ total, query: query || filter.any });
    paint();
  }
  /** Says by what conversations were compared; while the studio reads them for their meaning, a better answer follows by itself. */
  function told(answer) {
    filter.said(answer.compared);
    clearTimeout(awaiting);
    if (answer.reading && filter.asked.like) awaiting = setTimeout(better, AGAIN);
  }
  async function better() {
    if (hidden) return;                               // whoever comes back to the list reads it anew
    const mine = epoch, answer = await api.list({ ...request(), offset: 0, limit: PAGE }).catch(() => null);
    if (mine !== epoch || !filter.asked.like) return;
    if (!answer?.rows) return void (awaiting = setTimeout(better, AGAIN));
    const ids = rows => (rows ?? []).map(r => r.id).join();
    if (ids(answer.rows) !== ids(pages.get(0))) { pages = new Map([[0, answer.rows]]); total = answer.total; paint(); }
    told(answer);
  }
  function unread(fault, answer) {
    total = 0; broken = true; runway.replaceChildren(); list.hidden = true;
    nothing.replaceChildren(el("p", {}, answer?.message ?? whyMissing(fault ?? {}, "The list")), button("Try again", "", () => refresh()));
    nothing.hidden = false; found.textContent = "";
    listed({ total: null, query });
  }
  function missed() {
    nothing.hidden = total > 0 || !(query || filter.any);
    list.hidden = total === 0;
    if (nothing.hidden) return;
    const clear = (word, act) => button(word, "", () => { act(); search.focus(); }), both = query && filter.any ? " under these filters" : "";
    nothing.replaceChildren(el("p", {}, query ? `No conversation contains “${query}”${both}.` : "No conversation is left under these filters."),
      ...(query ? [clear("Clear the search", () => { search.value = ""; look(); })] : []), ...(filter.any ? [clear("Clear the filters", () => filter.clear())] : []));
  }
  const words = r => r.title || (r.opening ? r.opening : "No title yet");
  const below = r => `${plural(r.turns, "line", "lines")}${r.tags?.length ? ` · ${r.tags.join(", ")}` : r.title && r.opening ? ` · ${r.opening}` : ""}`;
  const MARKS = { "needs work": ["ps-mark ps-work", "Needs work"], finished: ["ps-mark ps-done", "Finished"] };
  const marked = r => { const [look, word] = MARKS[r.flag] ?? []; return word ? [el("em", { class: look }, word), " · "] : []; };
  function paint() {
    if (broken) return;
    missed();
    runway.style.height = `${total * ROW}px`;
    const count = query || filter.any ? `${total.toLocaleString("en")} of ${plural(all, "conversation", "conversations")}` : plural(total, "conversation", "conversations");
    if (found.textContent !== count) found.textContent = count;
    const first = Math.max(0, Math.floor(list.scrollTop / ROW) - 4), end = Math.min(total, first + Math.ceil(list.clientHeight / ROW) + 8), rows = [];
    for (let i = first; i < end; i++) {
      const r = row(i);
      if (!r) page(Math.floor(i / PAGE));
      rows.push(el("div", { id: `ps-row-${i}`, class: i === active ? "ps-row ps-active" : "ps-row", role: "option", "data-i": i, "aria-setsize": total, "aria-posinset": i + 1,
        "aria-selected": String(Boolean(r && (pick?.on ? pick.has(r.id) : r.id === open))), "aria-current": pick?.on && r?.id === open ? "true" : null, style: `top:${i * ROW}px` },
        el("b", {}, r ? words(r) : "…"), el("span", {}, ...(r ? [...marked(r), below(r)] : []))));
    }
    runway.replaceChildren(...rows);
    pick?.painted();
    if (total) list.setAttribute("aria-activedescendant", `ps-row-${active}`); else list.removeAttribute("aria-activedescendant");
  }
  function reveal(i) {
    active = Math.max(0, Math.min(total - 1, i));
    if (active * ROW < list.scrollTop) list.scrollTop = active * ROW;
    if ((active + 1) * ROW > list.scrollTop + list.clientHeight) list.scrollTop = (active + 1) * ROW - list.clientHeight;
    paint();
  }
  /** Reads the list from its beginning; resolves when the newest such reading has been answered. */
  async function restart() {
    epoch++; pages = new Map();
    let mine = loading = page(0);
    for (await mine; mine !== loading; await mine) mine = loading;
  }
  async function look() {
    query = search.value.trim(); active = 0; list.scrollTop = 0;
    await restart();
  }
  /** Reads the list anew, for another character too; the place in it is kept for the same one. */
  async function refresh(who = persona) {
    if (who !== persona) { persona = who; open = null; search.value = query = ""; active = 0; total = 0; list.scrollTop = 0; filter.show(who); }
    await restart();
  }
  const at = id => { for (const [p, rows] of pages) { const i = rows?.findIndex(r => r.id === id) ?? -1; if (i >= 0) return p * PAGE + i; } return -1; };
  /** Shows which conversation is open, and brings its row into view where that row is known. */
  function mark(id) { open = id; const i = at(id); if (i >= 0) reveal(i); else paint(); }
  /** What was just saved appears in its row without asking the studio. */
  function patch(id, now) {
    if (broken) return refresh();                     // the studio answers again
    const r = row(at(id));
    if (!r) return null;
    Object.assign(r, { title: now.title, turns: now.turns.length, opening: now.turns[0]?.text.slice(0, 80) ?? "", ...(now.tags && { tags: now.tags, flag: now.flag }) });
    return paint();
  }
  function like(id, title) { search.value = ""; filter.like(id, title); }
  async function step(by) {
    reveal(active + by);
    await page(Math.floor(active / PAGE));
    if (row(active)) choose(row(active).id, true);
  }

  list.addEventListener("scroll", () => requestAnimationFrame(paint), { passive: true });
  list.addEventListener("click", e => {
    const r = e.target.closest(".ps-row"), i = r ? +r.dataset.i : -1;
    if (!row(i) || pick?.click(e, i)) return;
    active = i;
    choose(row(i).id, false);
  });
  list.addEventListener("keydown", e => {
    const jump = { ArrowDown: 1, ArrowUp: -1, PageDown: 8, PageUp: -8, Home: -total, End: total }[e.key];
    if (pick?.key(e, jump)) return;
    if (jump && !e.altKey) { e.preventDefault(); reveal(active + jump); }
    if (e.key === "Enter" && !e.ctrlKey && !e.metaKey && row(active)) { e.preventDefault(); choose(row(active).id, true); }
  });
  search.addEventListener("input", () => { clearTimeout(asking); asking = setTimeout(look, 120); });
  search.addEventListener("keydown", e => { if ((e.key === "ArrowDown" || e.key === "Enter") && !e.isComposing) { e.preventDefault(); list.focus(); } });
  new ResizeObserver(() => {
    const now = node.offsetParent === null && node.clientHeight === 0;
    if (hidden && !now) refresh(); else if (!now && pages.size) paint();
    hidden = now;
  }).observe(node);
  return { node, list, search, refresh, mark, patch, step, like, first: () => row(0)?.id ?? null, knows: id => at(id) >= 0, get total() { return total; },
    request, row, reveal, paint, get active() { return active; }, picker(given) { pick = given; } };
}
