// Small pieces of the page. Words of people enter it through .value and .textContent only; nothing here parses HTML.
const { wordDiff } = await import("./difference.js" + new URL(import.meta.url).search);
export function el(tag, attributes = {}, ...children) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (name.startsWith("on")) node.addEventListener(name.slice(2), value);
    else if (value !== null && value !== false) node.setAttribute(name, value === true ? "" : value);
  }
  node.append(...children);
  return node;
}
/** A button of a word, with an icon beside it when one is named. Pressing it with the mouse leaves the caret where it is. */
export function button(word, icon, onclick, attributes = {}) {
  const look = ["ps-button", attributes.class, icon && `ps-icon ps-i-${icon}`].filter(Boolean).join(" ");
  return el("button", { type: "button", onclick, ...attributes, class: look, onmousedown: e => e.preventDefault() }, word);
}
export const plural = (n, one, many) => `${n.toLocaleString("en")} ${n === 1 ? one : many}`;
/** A text area that hugs its words also where the browser can't do it by itself. */
export function grow(box) {
  if (CSS.supports("field-sizing", "content")) return;
  box.style.height = "auto";
  box.style.height = `${box.scrollHeight}px`;
}
/** Sets a field without disturbing the caret of somebody who is in it. */
export function fill(box, text) {
  if (box.value !== text) {
    const at = box.selectionStart;
    box.value = text;
    if (document.activeElement === box) box.setSelectionRange(at, at);
  }
  grow(box);
}

/** A toolbar is one stop for Tab; arrows, Home and End walk inside. What comes back makes its first button that stop again. */
export function roving(bar) {
  const all = () => [...bar.querySelectorAll("button:not([hidden])")];
  const settle = to => all().forEach(b => b.setAttribute("tabindex", b === to ? "0" : "-1"));
  const first = () => settle(all()[0]);
  first();
  bar.addEventListener("focusin", e => settle(e.target));
  bar.addEventListener("keydown", e => {
    const list = all(), i = list.indexOf(e.target), to = { ArrowRight: i + 1, ArrowLeft: i - 1, Home: 0, End: list.length - 1 }[e.key];
    if (to === undefined || e.altKey || e.ctrlKey || e.metaKey) return;
    e.preventDefault(); e.stopPropagation();
    list[(to + list.length) % list.length].focus();
  });
  return first;
}

/** One sentence at the foot of the window, with one thing to press; it stays while somebody is on it. */
export function toasts(root) {
  const box = el("div", { class: "ps-toast", role: "status", hidden: true });
  let timer = 0;
  const hide = () => { box.hidden = true; box.replaceChildren(); };
  const soon = () => { clearTimeout(timer); timer = setTimeout(() => (box.matches(":hover, :focus-within") ? soon() : hide()), 10_000); };
  root.append(box);
  return (sentence, word, act) => {
    box.replaceChildren(el("p", {}, sentence), ...(word ? [button(word, "", () => { hide(); act(); })] : []));
    box.hidden = false;
    soon();
  };
}

/** A question or a fault inside the page: a sentence and what can be done. Hidden while it has nothing to say; back() takes the focus from it then. */
export function notice(role, back = () => {}) {
  const box = el("div", { class: "ps-notice", role, hidden: true });
  const clear = () => {
    const inside = box.contains(document.activeElement);
    if (!box.hidden) { box.hidden = true; box.replaceChildren(); }
    if (inside) back();
  };
  const show = (sentence, choices, ...more) => {
    if (!box.hidden && !more.length && box.firstChild.textContent === sentence) return;   // said already: the button under somebody's finger stays
    const acts = Object.entries(choices).map(([word, act]) => button(word, "", act));
    box.replaceChildren(el("p", {}, sentence), ...more, el("div", { class: "ps-acts" }, ...acts));
    box.hidden = false;
  };
  return { box, show, clear };
}

/** A difference of two texts as marked words; the style sheet says the word in `say` to those who listen. */
export const marked = (parts, say = { in: "added", out: "removed" }) =>
  parts.map(([kind, words]) => (kind === "same" ? words : el(kind === "in" ? "ins" : "del", { "data-say": say[kind] }, words)));

/** Two versions beside each other, what is only in one of them marked; rows = [label, mine, theirs], null for "not there". */
export function bothTexts(rows) {
  const cell = (text, parts, kind) => {
    if (text === null) return el("span", { class: "ps-none" }, "Not in this one.");
    return el("span", {}, ...(text ? marked(parts.filter(([k]) => k === "same" || k === kind).map(([k, words]) => [k === kind ? "in" : k, words]), { in: "only here" }) : ["(empty)"]));
  };
  const body = rows.map(([label, mine, theirs]) => {
    const parts = wordDiff(mine ?? "", theirs ?? "");
    return el("tr", {}, el("th", { scope: "row" }, label), el("td", {}, cell(mine, parts, "out")), el("td", {}, cell(theirs, parts, "in")));
  });
  const head = ["", "Yours", "In the other window"].map((word, i) => el(i ? "th" : "td", i ? { scope: "col" } : {}, word));
  return el("table", { class: "ps-both" }, el("thead", {}, el("tr", {}, ...head)), el("tbody", {}, ...body));
}

export const mac = navigator.platform.startsWith("Mac");
/** One table: dispatch, help and aria-keyshortcuts. Ctrl is ⌘ on a Mac. */
export const KEYS = [
  ["Control+Enter", "New line below", "below"], ["Control+Shift+Enter", "New line above", "above"],
  ["Alt+ArrowUp", "Move up", "up"], ["Alt+ArrowDown", "Move down", "down"],
  ["Alt+Enter", "Split here", "split"], ["Alt+Backspace", "Merge with the line above", "merge"],
  ["Alt+Shift+ArrowDown", "Duplicate the line", "copy"], ["Control+Shift+Backspace", "Remove the line", "remove"],
  ["Alt+Shift+r", "Swap the speaker", "swap"],
  ["Alt+Shift+v", "Another version of the line", "keep"], ["Alt+Shift+PageUp", "Previous version", "previousVersion"], ["Alt+Shift+PageDown", "Next version", "nextVersion"],
  ["Control+z", "Undo", "undo"], ["Control+Shift+z", "Redo", "redo"], ["Control+y", "Redo", "redo"],
  ["Alt+Shift+c", "Hear what the checks say", "remarks"],
  ["Alt+Shift+n", "New conversation", "new"], ["Control+s", "Save now", "save"], ["Control+k", "Find a word or a title", "search"],
  ["Alt+PageUp", "Previous conversation", "previous"], ["Alt+PageDown", "Next conversation", "next"], ["F1", "This list of keys", "help"],
];
const ALSO = [["↑ or ↓ at the edge of a line", "The line above or below"], ["Backspace at the start", "Merge with the line above"],
  ["Escape", "To the list of conversations"], ["Space in the list", "Choose a conversation"], ["Shift + ↑ or ↓ in the list", "Choose several"], [`${mac ? "⌘" : "Ctrl"} + A in the list`, "Choose all that are found"], ["?", "This list of keys, outside a field"]];
// The letter the layout types (QWERTZ, AZERTY), else the key's place (Cyrillic, Option on a Mac).
const letter = e => (/^[a-z]$/i.test(e.key) ? e.key : /^Key[A-Z]$/.test(e.code) ? e.code[3] : null)?.toLowerCase();
export const chord = e => [(mac ? e.metaKey : e.ctrlKey) && "Control", e.altKey && "Alt", e.shiftKey && "Shift", letter(e) ?? e.key].filter(Boolean).join("+");
const SIGNS = { Control: mac ? "⌘" : "Ctrl", ArrowUp: "↑", ArrowDown: "↓", PageUp: "Page ↑", PageDown: "Page ↓" };
const spoken = keys => keys.split("+").map(k => SIGNS[k] ?? (k.length === 1 ? k.toUpperCase() : k)).join(" + ");

export function dialog(name, ...children) {
  const head = el("div", { class: "ps-dialoghead" }, el("h2", {}, name), button("Close", "", () => box.close()));
  const box = el("dialog", { class: "ps-dialog", "aria-label": name }, head, ...children);
  return box;
}
export function keysDialog() {
  const rows = [...KEYS.map(([keys, what]) => [spoken(keys), what]), ...ALSO];
  return dialog("Keys", el("dl", {}, ...rows.map(([keys, what]) => el("div", {}, el("dt", {}, el("kbd", {}, keys)), el("dd", {}, what)))));
}
