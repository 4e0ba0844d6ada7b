// Earlier versions of a conversation: who changed what and when, the difference word by word, and the way back.
const version = new URL(import.meta.url).search;
const { el, button, dialog, marked, plural } = await import("./parts.js" + version);
const { received } = await import("./turns.js" + version);
const { lineDiff, wordDiff } = await import("./difference.js" + version);
const { stateWord } = await import("./marks.js" + version);
const PAGE = 100, AROUND = 1, FOLD = 4;              // unchanged lines left standing beside a changed one; from how many on they are folded
const WHAT = { written: "Written", marked: "Marked", mended: "Mended in Prepare", replaced: "Replaced in many", removed: "Moved to the bin", recovered: "Brought back from the bin",
  restored: "Restored after damage", copied: "Copied" };
/** What made a version, in words. */
export const happened = r => (r.rev === 1 && r.what === "written" ? "Begun" : WHAT[r.what] ?? "Changed");
const when = r => (r.at ? new Date(r.at * 1000).toLocaleString([], { dateStyle: "medium", timeStyle: "short" }) : `Version ${r.rev}`);
const text = r => ({ ...r, title: r.title ?? "", turns: received(r.turns), tags: r.tags ?? [], flag: r.flag ?? "" });

/** A sentence of counts; empty where nothing differs. */
export function summary(rows, before, after) {
  const count = test => rows.filter(test).length;
  const said = [[count(r => r.kind === "changed"), "changed"], [count(r => r.kind === "added"), "added"], [count(r => r.kind === "removed"), "removed"], [count(r => r.moved), "moved"]]
    .filter(([n]) => n).map(([n, word]) => `${plural(n, "line", "lines")} ${word}`);
  return [...said, ...(before.title === after.title ? [] : ["another title"]), ...marksSaid(before, after)].join(", ");
}
function marksSaid(before, after) {
  const only = (a, b) => a.tags.filter(tag => !b.tags.includes(tag)).join(", "), [off, on] = [only(before, after), only(after, before)];
  const state = before.flag === after.flag ? [] : [`state “${stateWord(after.flag)}” instead of “${stateWord(before.flag)}”`];
  return [...(on ? [`tags added: ${on}`] : []), ...(off ? [`tags taken off: ${off}`] : []), ...state];
}

/** names() are the speakers, now() what is open (with id and rev), use(r) takes a version; ask(before) resolves to revisions, fail(error) says why not. */
export function history({ names, now, use, ask, fail }) {
  const versions = el("div", { class: "ps-versions", role: "group", "aria-label": "Versions" });
  const preview = el("div", { class: "ps-preview", tabindex: "0", role: "region", "aria-label": "The chosen version" });
  const node = dialog("History", el("div", { class: "ps-history" }, versions, preview));
  node.classList.add("ps-wide-dialog");
  let all = [], chosen = null, against = "before", open = null, more = false;

  function note({ kind, was, now: line, from, to, moved }) {
    const who = names(), said = kind === "changed" ? [] : kind === "same" ? [] : [kind];
    if (moved) said.push(`moved from line ${from + 1} to line ${to + 1}`);
    if (kind === "changed" && was.role !== line.role) said.push(`said by ${who[line.role]}, before by ${who[was.role]}`);
    const [then, kept] = [was?.others?.length ?? 0, line?.others?.length ?? 0];
    if (kind === "changed" && (then || kept) && JSON.stringify(was.others) !== JSON.stringify(line.others)) said.push(`${plural(kept, "other version", "other versions")} kept, before ${then}`);
    if (kind === "changed" && Boolean(was.drafted) !== Boolean(line.drafted)) said.push(line.drafted ? "drafted" : "not a draft any more");
    if (kind === "added" && line.drafted) said.push("drafted");
    return said.join(", ");
  }
  function spoken(row) {
    const turn = row.now ?? row.was, words = note(row);
    return el("p", { "data-kind": row.kind }, el("b", {}, names()[turn.role], words ? el("small", {}, ` ${words}`) : ""), el("span", {}, ...marked(row.parts)));
  }
  function folded(rows) {
    const calm = row => row.kind === "same" && !row.moved, near = i => rows.slice(Math.max(0, i - AROUND), i + AROUND + 1).some(row => !calm(row)), shown = [];
    for (let i = 0; i < rows.length;) {
      let end = i;
      while (end < rows.length && calm(rows[end]) && !near(end)) end++;
      if (end - i >= FOLD && rows.some(row => !calm(row))) shown.push(el("details", {}, el("summary", {}, `${plural(end - i, "line", "lines")} unchanged`), ...rows.slice(i, end).map(spoken)));
      else { end = Math.max(end, i + 1); shown.push(...rows.slice(i, end).map(spoken)); }
      i = end;
    }
    return shown;
  }
  function difference(before, after) {
    const rows = lineDiff(before.turns, after.turns), said = summary(rows, before, after);
    const title = before.title === after.title ? [] : [el("p", { "data-kind": "changed" }, el("b", {}, "Title"), el("span", {}, ...marked(wordDiff(before.title, after.title))))];
    return [el("p", { class: "ps-summary" }, said ? `${said[0].toUpperCase()}${said.slice(1)}.` : "Nothing differs."), ...title, ...folded(rows)];
  }
  const first = r => [el("p", { class: "ps-summary" }, "This is the first version."), ...lineDiff(r.turns, r.turns).map(spoken)];

  async function show(r) {
    chosen = r;
    for (const b of versions.querySelectorAll(".ps-version")) b.setAttribute("aria-pressed", String(b.dataset.rev === String(r.rev)));
    if (against === "before" && all.at(-1) === r && more) await older();
    if (chosen !== r) return;
    const before = all[all.indexOf(r) + 1], stands = now(), current = r.rev === stands.rev;
    const told = against === "before" ? (before ? difference(before, r) : first(r)) : difference(r, text(stands));
    const pick = (name, word) => button(word, "", () => { against = name; show(r).catch(fail); }, { class: "ps-choice", "aria-pressed": String(against === name) });
    const back = button("Use this version", "", () => { node.close(); if (now().id === open) use(r); });
    preview.replaceChildren(el("div", { class: "ps-against", role: "group", "aria-label": "What it is compared with" }, pick("before", "What changed then"), pick("now", "What changed since")),
      ...told, ...(current ? [el("small", {}, "This is the one you see now.")] : [back]));
    preview.scrollTop = 0;
  }
  function entry(r) {
    return el("button", { type: "button", class: "ps-version", "data-rev": String(r.rev), "aria-pressed": "false", onclick: () => show(r).catch(fail) },
      el("b", {}, when(r)), el("span", {}, `${happened(r)} · ${plural(r.turns.length, "line", "lines")}`));
  }
  async function older() {
    const id = open, found = (await ask(all.length ? all.at(-1).rev : now().rev + 1)).map(text);
    if (id !== open) return;
    more = found.length === PAGE;
    all = [...all, ...found];
    versions.querySelector(".ps-older")?.remove();
    versions.append(...found.map(entry), ...(more ? [button("Older versions", "", () => older().catch(fail), { class: "ps-quiet ps-older" })] : []));
  }
  /** Opens on the newest version. */
  async function showAll() {
    open = now().id; all = []; against = "before"; chosen = null;
    versions.replaceChildren(); preview.replaceChildren();
    await older();
    node.showModal();
    if (!all.length) return;
    await show(all[0]);
    versions.firstChild.focus();
  }
  return { node, show: showAll };
}
