// What narrows the list beside the words: a tag, the state, the length, drafted lines, and nearness to one conversation. Each is a chip that takes it away again.
const version = new URL(import.meta.url).search;
const { el, button } = await import("./parts.js" + version);
const NONE = Object.freeze({ tag: "", flag: "", length: "", drafted: false, like: "" });
const STATES = [["", "Any"], ["unchecked", "Not yet checked"], ["needs work", "Needs work"], ["finished", "Finished"]];
const LENGTHS = [["", "Any"], ["short", "Fewer than 3 lines"], ["medium", "3 to 10 lines"], ["long", "More than 10 lines"]];
const word = (table, value) => table.find(([v]) => v === value)[1];

/** changed() is called when the list has to be read anew. */
export function filters(api, changed) {
  let persona = null, on = NONE, title = "", ticket = 0;
  const choose = name => el("select", { id: `ps-filter-${name}`, onchange: e => set({ [name]: e.target.value }) });
  const [tag, flag, length] = ["tag", "flag", "length"].map(choose);
  const drafted = el("input", { id: "ps-filter-drafted", type: "checkbox", onchange: e => set({ drafted: e.target.checked }) });
  const field = (name, box) => el("div", { class: "ps-field" }, el("label", { for: box.id }, name), el("span", { class: "ps-select" }, box));
  const tagField = field("Tag", tag);
  const panel = el("div", { id: "ps-filter", class: "ps-filter", role: "group", "aria-label": "Filter", hidden: true }, tagField, field("State", flag), field("Length", length),
    el("label", { class: "ps-check" }, drafted, "With drafted lines"));
  const toggle = button("Filter", "filter", () => open(panel.hidden), { class: "ps-quiet ps-small", "aria-expanded": "false", "aria-controls": "ps-filter" });
  const chips = el("div", { class: "ps-chips", role: "group", "aria-label": "Active filters", hidden: true });
  const how = el("p", { class: "ps-how", hidden: true });
  fillSelect(flag, STATES); fillSelect(length, LENGTHS); fillSelect(tag, [["", "Any"]]);
  tagField.hidden = true;

  function fillSelect(box, options) {
    box.replaceChildren(...options.map(([value, name]) => el("option", { value }, name)));
    box.value = on[box.id.split("-")[2]];
  }
  async function readTags() {
    const mine = ++ticket, who = persona;
    const answer = await api.tags({ id: who }).catch(() => null);   // without an answer the other filters still work, and the next opening asks again
    if (mine !== ticket || answer?.ok !== true) return;
    const known = answer.tags.map(t => [t.tag, `${t.tag} (${t.count.toLocaleString("en")})`]);
    fillSelect(tag, [["", "Any"], ...(on.tag && !known.some(([t]) => t === on.tag) ? [[on.tag, `${on.tag} (0)`]] : []), ...known]);
    tagField.hidden = tag.options.length < 2;
  }
  function open(wanted) {
    panel.hidden = !wanted;
    toggle.setAttribute("aria-expanded", String(wanted));
    if (wanted) readTags();
  }
  function set(values) {
    on = { ...on, ...values };
    paint(); changed();
  }
  function paint() {
    for (const [box, value] of [[tag, on.tag], [flag, on.flag], [length, on.length]]) box.value = value;
    drafted.checked = on.drafted;
    const shown = [["like", `Like “${title}”`], ["tag", `Tag: ${on.tag}`], ["flag", on.flag && word(STATES, on.flag)], ["length", on.length && word(LENGTHS, on.length)], ["drafted", "With drafted lines"]];
    chips.replaceChildren(...shown.filter(([name]) => on[name]).map(([name, says]) =>
      button(says, "", () => drop(name), { class: "ps-chip", "data-filter": name, "aria-label": `${says}, remove this filter`, title: says })));
    chips.hidden = !chips.childElementCount;
    how.hidden = !on.like;
  }
  function drop(name) {                              // the focus goes to the chip beside it, or back to where filters come from
    const at = [...chips.children].findIndex(chip => chip.dataset.filter === name);
    set({ [name]: NONE[name] });
    (chips.children[Math.min(at, chips.childElementCount - 1)] ?? toggle).focus();
  }
  panel.addEventListener("keydown", e => {
    if (e.key !== "Escape" || e.isComposing) return;
    e.preventDefault(); e.stopPropagation();
    open(false); toggle.focus();
  });
  return {
    toggle, parts: [panel, chips, how], get asked() { return on; }, get any() { return on !== NONE && Object.keys(NONE).some(name => on[name]); },
    clear() { set(NONE); },
    /** Another character: nothing is asked for, and its tags are other ones. */
    show(who) { persona = who; on = NONE; ticket++; fillSelect(tag, [["", "Any"]]); tagField.hidden = true; open(false); paint(); },
    /** The conversations nearest to this one, and nothing else asked for. */
    like(id, name) { title = name; set({ ...NONE, like: id }); },
    /** By what the answer compared. */
    said(sentence) { how.textContent = sentence ?? ""; },
  };
}
