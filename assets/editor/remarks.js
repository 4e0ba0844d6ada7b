// What the checks say about the open conversation: one quiet line in the gap below the turn it is about, which takes no room of its own, so that
// no text moves when it comes or goes. Pressed, it opens: all of it, the way to Prepare, and silence with a reason.
const version = new URL(import.meta.url).search;
const { el, button, plural } = await import("./parts.js" + version);
const { whyMissing } = await import("./wire.js" + version);
const PAUSE = 200, HIDDEN = "persona-studio:remarks-hidden";
const NONE = "The checks have nothing to say about this conversation.";

/** show(check) opens Prepare at a finding; who() is the character. `lines` is the list whose items bear the ids of the turns. */
export function remarks(api, { toast, show, who }) {
  let lines = null, open = null, seen = [], timer = 0, busy = false, again = false, hidden = localStorage.getItem(HIDDEN) === "1";
  const about = el("div", { class: "ps-about" });    // for what is said of the conversation as a whole
  const toggle = button("", "", () => hide(!hidden));

  // --- asking the studio
  /** Something was saved: what the checks say now, a moment later. One question at a time. */
  function soon() { clearTimeout(timer); timer = setTimeout(look, PAUSE); }
  async function look() {
    if (!open) return;
    if (busy) { again = true; return; }
    const id = open;
    busy = true;
    const answer = await api.remarks({ persona: who(), id }).catch(() => null);   // unanswered, what was said last stays; saving tells of the silence
    busy = false;
    if (id === open && answer?.ok === true) { seen = answer.remarks; paint(); }
    if (again) { again = false; look(); }
  }
  async function asked(act, what) {
    const answer = await act.catch(error => ({ ok: false, message: whyMissing(error, what) }));
    if (answer.ok !== true) toast(answer.message);
    return answer.ok === true;
  }

  // --- showing it
  function hide(is) {
    hidden = is;
    localStorage.setItem(HIDDEN, is ? "1" : "0");
    paint();
  }
  function paint() {
    toggle.textContent = hidden ? "Show remarks" : "Hide remarks";
    const said = id => (hidden ? [] : seen.filter(one => one.turn === id));
    for (const li of lines.children) put(li, said(li.dataset.id));
    put(about, said(null));
  }
  function put(home, said) {
    const key = JSON.stringify(said), stands = home.querySelector(".ps-remark"), more = home.querySelector(".ps-remark-more");
    if ((home.dataset.said ?? "[]") === key || more?.contains(document.activeElement)) return;   // under somebody's hands nothing changes
    home.dataset.said = key;
    if (document.activeElement === stands) home.querySelector("textarea")?.focus();
    stands?.remove(); more?.remove();
    if (said.length) home.append(mark(said));
  }
  function mark(said) {
    const rest = said.length > 1 ? ` And ${plural(said.length - 1, "more", "more")}.` : "";
    const head = el("button", { type: "button", class: "ps-remark", "aria-expanded": "false", title: said.map(one => one.text).join("\n"), onmousedown: e => e.preventDefault(),
      onclick: () => (head.nextSibling?.matches?.(".ps-remark-more") ? fold(head) : unfold(head, said)) }, said[0].text + rest);
    return head;
  }
  function unfold(head, said) {
    head.setAttribute("aria-expanded", "true");
    const close = e => { if (e.key === "Escape" && !e.isComposing) { e.preventDefault(); e.stopPropagation(); fold(head); } };
    head.after(el("div", { class: "ps-remark-more", onkeydown: close }, ...said.map((one, n) => entry(one, n > 0)), button("Hide remarks", "", () => { fold(head); hide(true); }, { class: "ps-quiet" })));
  }
  function fold(head) {
    const more = head.nextSibling, inside = more.contains(document.activeElement);
    head.setAttribute("aria-expanded", "false");
    more.remove();
    if (inside) head.focus();
    paint();
  }
  function entry(one, named) {
    const reason = el("input", { class: "ps-input", "aria-label": "Is this all right as it is? Write why.", placeholder: "All right as it is? Write why.", maxlength: "300", autocomplete: "off" });
    for (const name of ["input", "change"]) reason.addEventListener(name, e => e.stopPropagation());
    const act = () => silence(one, reason);
    reason.addEventListener("keydown", e => { if (e.key === "Enter" && !e.isComposing) { e.preventDefault(); e.stopPropagation(); act(); } });
    const quiet = one.silent ? [reason, button("Silence this", "", act)] : [];
    return el("div", { class: "ps-remark-one" }, ...(named ? [el("p", {}, one.text)] : []), button("Show in Prepare", "", () => show(one.check)), ...quiet);
  }
  async function silence(one, reason) {
    const persona = who(), box = reason.closest("li")?.querySelector("textarea");
    if (!(await asked(api.silence({ persona, check: one.check, reason: reason.value }), "Silence"))) return reason.focus();
    if (reason.isConnected) { reason.closest(".ps-remark-more").remove(); box?.focus(); }
    toast("Silenced. In Prepare you find it again, with your reason.", "Undo", async () => { await asked(api.hear({ persona, check: one.check }), "Silence"); soon(); });
    look();
  }

  return {
    about, toggle, soon,
    paint() { if (lines) paint(); },
    /** The list of lines, once it is there. */
    under(list) { lines = list; paint(); },
    /** Another conversation is open; null for none. */
    opened(id) { clearTimeout(timer); open = id; seen = []; if (lines) paint(); if (id) soon(); },
    /** All of it in one sentence after the other, for those who ask. */
    get told() { return seen.length ? `${plural(seen.length, "remark", "remarks")}. ${seen.map(one => one.text).join(" ")}` : NONE; },
  };
}
