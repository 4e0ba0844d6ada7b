// What stands at a line beside its words: the other versions kept of it, and that a model drafted it.
const version = new URL(import.meta.url).search;
const { el, button, roving, plural, KEYS } = await import("./parts.js" + version);
const TOLD = "persona-studio:told-versions";
const shortcut = name => KEYS.find(([, , what]) => what === name)?.[0] ?? null;
const LEARNED = "The version you see is the one that is learned. The others are kept beside it.";

/** Brings the row of versions and the mark of a draft at a line up to date. run(name) does a command on that line. */
export function decorate(li, t, run) {
  const now = `${t.others?.length ?? 0} ${Boolean(t.drafted)}`, bubble = li.firstChild;
  if (li.dataset.beside === now) return;
  li.dataset.beside = now;
  li.querySelector(".ps-kept")?.remove();
  bubble.querySelector(".ps-drafted")?.remove();
  if (t.drafted) bubble.append(drafted(run));
  if (t.others?.length) bubble.after(kept(t.others.length + 1, run));
}
function drafted(run) {
  return el("div", { class: "ps-drafted" }, el("span", { title: "The model wrote this line, and nobody has changed it since." }, "Drafted"), button("Keep as it is", "", () => run("own"), { "data-do": "own" }));
}
function kept(n, run) {
  const act = (word, name, label) => button(word, "", () => run(name), { "aria-label": label, title: label, "aria-keyshortcuts": shortcut(name), "data-do": name });
  const row = el("div", { class: "ps-kept", role: "toolbar", "aria-label": `${plural(n, "version", "versions")} of this line` },
    act("‹", "previousVersion", "Previous version"), el("span", { title: LEARNED }, plural(n, "version", "versions")), act("›", "nextVersion", "Next version"),
    button("Remove this version", "", () => run("drop"), { class: "ps-drop", "data-do": "drop" }));
  roving(row);
  return row;
}

/** What is said after a command on versions, to those who listen. */
export const HEARD = {
  keep: t => `A new version. ${plural(t.others.length + 1, "version", "versions")} of this line now.`,
  nextVersion: t => `Now shown and learned: ${t.text.slice(0, 200)}`,
  previousVersion: t => `Now shown and learned: ${t.text.slice(0, 200)}`,
  drop: t => `Version removed. Now shown: ${t.text.slice(0, 200)}`,
  own: () => "This line is yours now.",
};
/** The first time somebody keeps a version: what becomes of the versions. */
export function explain(toast) {
  if (localStorage.getItem(TOLD)) return;
  try { localStorage.setItem(TOLD, "1"); } catch { return; }   // a closed store would say it every time
  toast(LEARNED);
}
