// Replacing a text: what to look for, and every place it stands at, each with a tick, before any of them changes.
// Rows are made as somebody scrolls to them, so that ten thousand places open as quickly as ten.
const version = new URL(import.meta.url).search;
const { el, plural } = await import("./parts.js" + version);
const { wellFormed } = await import("./turns.js" + version);
const { whyMissing } = await import("./wire.js" + version);
const CHUNK = 100, PAUSE = 250;

/** The inside of the dialog. `stored`: resolves when what was being typed is stored; `replace(body, words, tell)` does it and resolves to whether it was done. */
export function places(api, ids, stored, replace) {
  let rows = [], off = new Set(), shown = 0, asked = null, timer = 0, looking = false, again = false, fault = "", tell = () => {};
  const field = (id, label) => [el("label", { class: "ps-asklabel", for: id }, label), el("input", { type: "text", id, class: "ps-input", maxlength: "1000", autocomplete: "off" })];
  const [findLabel, find] = field("ps-replace-find", "Find"), [withLabel, other] = field("ps-replace-with", "Replace with");
  const option = word => { const box = el("input", { type: "checkbox", onchange: () => soon(0) }); return [box, el("label", { class: "ps-tick" }, box, el("span", {}, word))]; };
  const [exact, exactRow] = option("Capitals as typed"), [whole, wholeRow] = option("Whole words only");
  const said = el("p", { class: "ps-placescount", role: "status" });
  const everything = el("input", { type: "checkbox", checked: true, onchange: () => { off = new Set(everything.checked ? [] : rows.keys()); for (const box of boxes()) box.checked = everything.checked; count(); } });
  const head = el("div", { class: "ps-placeshead", hidden: true }, el("label", { class: "ps-tick" }, everything, el("span", {}, "All of them")), said);
  const list = el("div", { class: "ps-places", role: "group", "aria-label": "Places", hidden: true });
  const go = el("button", { type: "submit", class: "ps-button ps-filled" }, "Replace");
  const form = el("form", { class: "ps-ask", onsubmit: submit }, el("div", { class: "ps-pair" }, el("div", {}, findLabel, find), el("div", {}, withLabel, other)),
    el("div", { class: "ps-options" }, exactRow, wholeRow), head, list, el("div", { class: "ps-acts" }, go));
  const boxes = () => list.querySelectorAll("input");

  // --- looking
  function soon(pause = PAUSE) { clearTimeout(timer); timer = setTimeout(look, pause); }
  async function look() {
    if (looking) { again = true; return; }           // one question at a time; the newest is asked last
    looking = true;
    do { again = false; await once(); } while (again);
    looking = false;
  }
  async function once() {
    const wanted = { text: wellFormed(find.value), case: exact.checked, whole: whole.checked };
    if (!wanted.text) return show(null, []);
    try {
      await stored;
      const answer = await api.many.find({ ids, ...wanted });
      if (again) return;
      if (answer.ok !== true) { show(null, []); tell(answer.message); return; }
      show(wanted, answer.found);
    } catch (error) { show(null, []); tell(whyMissing(error, "The places")); }
  }
  function show(wanted, found) {
    tell("");
    asked = wanted; off = new Set(); shown = 0;
    rows = found.flatMap(one => one.places.map((place, n) => ({ ...place, n, id: one.id, rev: one.rev, title: one.title })));
    list.replaceChildren(); list.scrollTop = 0; list.hidden = !rows.length; head.hidden = !wanted; everything.parentNode.hidden = !rows.length;
    more();
    count();
  }
  function more() {
    const fresh = rows.slice(shown, shown + CHUNK).map((row, n) => line(row, shown + n));
    shown += fresh.length;
    list.append(...fresh);
  }
  function line(row, i) {
    const box = el("input", { type: "checkbox", tabindex: i ? "-1" : "0", "data-i": i }), after = el("ins", {}, other.value);
    box.checked = !off.has(i);
    const where = `${row.line ? `Line ${row.line}` : "Title"} · ${row.title || "No title yet"}`;
    return el("label", { class: "ps-place" }, box, el("span", { class: "ps-where" }, where), el("span", { class: "ps-text" }, row.lead, el("del", {}, row.words), after, row.tail));
  }
  function count() {
    const chosen = rows.length - off.size, inside = new Set(rows.map(row => row.id)).size;
    everything.checked = !off.size; everything.indeterminate = off.size > 0 && chosen > 0;
    said.textContent = rows.length ? `${plural(rows.length, "place", "places")} in ${plural(inside, "conversation", "conversations")}` : "It stands nowhere in these conversations.";
    go.textContent = chosen ? `Replace ${plural(chosen, "place", "places")}` : "Replace";
    go.setAttribute("aria-disabled", String(!chosen));
  }
  async function submit(e) {
    e.preventDefault();
    if (!asked || looking || rows.length === off.size) return;
    const chosen = new Map();
    rows.forEach(({ id, rev, n }, i) => {
      if (off.has(i)) return;
      if (!chosen.has(id)) chosen.set(id, { id, rev, places: [] });
      chosen.get(id).places.push(n);
    });
    const at = plural(rows.length - off.size, "place", "places");
    const body = { ...asked, replacement: wellFormed(other.value), chosen: [...chosen.values()] };
    fault = "";
    if (await replace(body, n => `Replaced at ${at} in ${plural(n, "conversation", "conversations")}.`, sentence => { fault = sentence; })) return;
    const why = fault;
    await look();                                    // the places as they stand now, and why nothing was done
    tell(why);
  }
  find.addEventListener("input", () => { go.setAttribute("aria-disabled", "true"); soon(); });
  other.addEventListener("input", () => { for (const each of list.querySelectorAll("ins")) each.textContent = other.value; });
  list.addEventListener("scroll", () => { if (shown < rows.length && list.scrollTop + list.clientHeight * 2 > list.scrollHeight) more(); }, { passive: true });
  list.addEventListener("change", e => { const i = +e.target.dataset.i; if (e.target.checked) off.delete(i); else off.add(i); count(); });
  list.addEventListener("focusin", e => { for (const box of list.querySelectorAll("[tabindex='0']")) box.tabIndex = -1; e.target.tabIndex = 0; });
  list.addEventListener("keydown", e => {              // the list is one stop for Tab; arrows walk inside
    const i = +e.target.dataset.i, to = { ArrowDown: i + 1, ArrowUp: i - 1, PageDown: i + 8, PageUp: i - 8, Home: 0, End: rows.length - 1 }[e.key];
    if (to === undefined || e.altKey || e.ctrlKey || e.metaKey) return;
    e.preventDefault();
    const wanted = Math.max(0, Math.min(rows.length - 1, to));
    while (shown <= wanted) more();
    boxes()[wanted].focus();
  });
  count(); said.textContent = "";
  /** Called when the dialog is open; `say` shows a sentence in it. */
  return { node: form, begin(say) { tell = say; find.focus(); } };
}
