// The quiet row under the title: the tags of a conversation, and how far it is. Saved by the page together with the words.
const version = new URL(import.meta.url).search;
const { el, button } = await import("./parts.js" + version);
const { wellFormed } = await import("./turns.js" + version);
export const STATES = [["", "Not yet checked"], ["needs work", "Needs work"], ["finished", "Finished"]];
export const stateWord = flag => (STATES.find(([value]) => value === flag) ?? STATES[0])[1];
const LONGEST = 60;
const plain = value => ({ tags: [...(value.tags ?? [])], flag: value.flag ?? "" });
const alike = (a, b) => a.toLowerCase() === b.toLowerCase();
const has = (tags, tag) => tags.some(each => alike(each, tag));
export const sameMarks = (a, b) => JSON.stringify(plain(a)) === JSON.stringify(plain(b));

/** Three-way: what only one side changed is taken from it; no tag that anybody added is lost. */
export function mergeMarks(base, mine, theirs) {
  const gone = base.tags.filter(tag => !has(mine.tags, tag)), fresh = mine.tags.filter(tag => !has(base.tags, tag) && !has(theirs.tags, tag));
  return { tags: [...theirs.tags.filter(tag => !has(gone, tag)), ...fresh], flag: mine.flag === base.flag ? theirs.flag : mine.flag };
}

/** changed() is called when somebody has changed a mark; known() resolves to the tags to suggest. */
export function marks({ toast, changed, known }) {
  let now = plain({}), ground = now, suggested = false, shown = 0;
  const chips = el("ul", { class: "ps-tags", "aria-label": "Tags" }), list = el("datalist", { id: "ps-tags" });
  const field = el("input", { class: "ps-tag", list: "ps-tags", "aria-label": "Add a tag", placeholder: "Add a tag", maxlength: String(LONGEST), autocomplete: "off", title: "Enter or a comma adds it" });
  const state = el("select", { class: "ps-flag", "aria-label": "State of this conversation" }, ...STATES.map(([value, word]) => el("option", { value }, word)));
  const node = el("div", { class: "ps-marks", role: "group", "aria-label": "Tags and state" }, chips, field, list, el("span", { class: "ps-state-of" }, state));

  function paint() {
    chips.replaceChildren(...now.tags.map(tag => el("li", {}, el("span", {}, tag), button("", "close", () => drop(tag), { "aria-label": `Remove the tag ${tag}`, title: "Remove" }))));
    chips.hidden = !now.tags.length;
    state.value = now.flag; state.dataset.flag = now.flag;
  }
  function become(next) { now = next; paint(); changed(); }
  /** A way back to these marks, as long as the same conversation is open. */
  function undoing(before) { const mine = shown; return () => { if (mine === shown) become(before); }; }
  function add(words) {
    const fresh = words.map(word => wellFormed(word).trim().replace(/\s+/g, " ").slice(0, LONGEST)).filter((tag, i, all) => tag && !has(now.tags, tag) && all.findIndex(each => alike(each, tag)) === i);
    field.value = "";
    if (fresh.length) become({ ...now, tags: [...now.tags, ...fresh] });
  }
  function drop(tag) {
    const before = now, at = now.tags.indexOf(tag), inside = chips.contains(document.activeElement);
    become({ ...now, tags: now.tags.filter(each => each !== tag) });
    if (inside) (chips.querySelectorAll("button")[Math.min(at, now.tags.length - 1)] ?? field).focus();
    toast(`The tag “${tag}” was taken off.`, "Undo", undoing(before));
  }
  field.addEventListener("keydown", e => {
    if (e.isComposing || e.keyCode === 229) return;
    if ((e.key === "Enter" || e.key === ",") && !e.ctrlKey && !e.metaKey && !e.altKey) { e.preventDefault(); e.stopPropagation(); add(field.value.split(",")); }
    if (e.key === "Backspace" && !field.value && now.tags.length) { e.preventDefault(); [...chips.querySelectorAll("button")].at(-1).focus(); }
  });
  field.addEventListener("input", e => { e.stopPropagation(); if (field.value.includes(",")) add(field.value.split(",")); });
  field.addEventListener("blur", () => add(field.value.split(",")));   // a word typed and left is meant
  field.addEventListener("focus", async () => {
    if (suggested) return;
    suggested = true;
    const tags = await known().catch(() => { suggested = false; return []; });   // suggestions only: a tag can be typed without them
    list.replaceChildren(...tags.slice(0, 200).map(tag => el("option", { value: tag })));
  });
  state.addEventListener("change", e => {
    e.stopPropagation();
    const before = now;
    become({ ...now, flag: state.value });
    toast(`Marked: ${stateWord(now.flag)}.`, "Undo", undoing(before));
  });
  state.addEventListener("input", e => e.stopPropagation());

  return {
    node, become, undoing, get now() { return now; }, get changed() { return !sameMarks(now, ground); },
    /** The marks as they are stored; what was not saved yet stays on top of them. */
    settle(stored) { const head = plain(stored); now = mergeMarks(ground, now, head); ground = head; paint(); },
    /** `sent` has been stored as `stored`. */
    stored(sent, stored) { ground = plain(stored); if (now === sent) { now = ground; paint(); } },
    /** Another conversation. */
    show(stored) { shown++; now = ground = plain(stored); field.value = ""; suggested = false; paint(); },
  };
}
