// Earlier lessons of a character: a table, the curves over each other, two lessons side by side, names and notes, the bin.
// What people wrote enters the page as text only; the curves come as the numbers of SVG paths.
const version = new URL(import.meta.url).search;
const { el, button, grow, toasts, plural } = await import("./editor/parts.js" + version);
const SVG = "http://www.w3.org/2000/svg";
const HEADS = ["Lesson", "Model", "What differs", "Steps", "Best loss", "Time", "State"];

async function ask(path, body) {
  const answer = await fetch(`/studio/runs/${path}`, { method: "POST", headers: { "content-type": "application/json" }, body: JSON.stringify(body), signal: AbortSignal.timeout(30_000) }).catch(() => null);
  if (!answer) return { ok: false, message: "The studio does not answer. Nothing is lost. Start it again, then try again." };
  if (!answer.ok) return { ok: false, message: `The studio could not do this (${answer.status}). Nothing is lost. Reload the page, then try again.` };
  return answer.json();
}

export function mount(root, value) {
  let persona = "", shown = null, picked = [], seen = "", ticket = 0;
  const body = el("tbody"), trouble = el("p", { class: "ps-fine", role: "alert", hidden: true });
  const head = el("thead", {}, el("tr", {}, ...HEADS.map(word => el("th", { scope: "col" }, word))));
  const table = el("table", { class: "ps-runs-table" }, el("caption", { class: "ps-heard" }, "Lessons of this character"), head, body);
  const hint = el("p", { class: "ps-fine" }), curves = el("figure", { class: "ps-overlay", hidden: true });
  const pair = el("section", { class: "ps-two", "aria-live": "polite", hidden: true });
  const bin = el("details", { class: "ps-bin", hidden: true });
  const node = el("section", { class: "ps ps-runs", "aria-label": "Earlier lessons", hidden: true }, el("h2", {}, "Earlier lessons"), hint, table, trouble, curves, pair, bin);
  const toast = toasts(node);
  root.replaceChildren(node);

  async function refresh(text) {
    const stamp = text ? JSON.parse(text) : { persona: "", seen: "" };
    if (stamp.persona !== persona) { persona = stamp.persona; picked = []; shown = null; pair.hidden = true; node.hidden = true; }
    if (persona) await look();
  }
  async function look() {
    const mine = ++ticket, answer = await ask("list", { persona });
    if (mine !== ticket) return;
    if (!answer.ok) return complain(answer.message);
    trouble.hidden = true;
    shown = answer;
    const now = JSON.stringify([answer, picked]);
    if (now === seen || node.contains(document.activeElement) && document.activeElement.matches("textarea, input[type=text]")) return;   // words under somebody's hands stay
    seen = now;
    picked = picked.filter(id => answer.rows.some(row => row.id === id));
    paint();
  }
  function complain(sentence) { trouble.textContent = sentence; trouble.hidden = false; node.hidden = false; }

  // --- the table
  function paint() {
    const focused = node.contains(document.activeElement) ? document.activeElement.dataset.key : null;
    const open = new Set([...body.querySelectorAll("details[open]")].map(each => each.dataset.run));
    node.hidden = !shown.rows.length && !shown.bin.length;
    table.hidden = !shown.rows.length;
    hint.textContent = shown.rows.length > 1 ? "Choose two to see what each answers to the same lines." : "";
    body.replaceChildren(...shown.rows.map(row => line(row, open.has(row.id))));
    paintCurves(); paintBin();
    if (focused) [...node.querySelectorAll("[data-key]")].find(each => each.dataset.key === focused)?.focus();
  }
  function line(row, open) {
    const called = row.name || row.date;
    const tick = el("input", { type: "checkbox", "data-key": `pick-${row.id}`, "aria-label": `Compare ${called}`, onchange: () => pick(row.id, tick.checked) });
    tick.checked = picked.includes(row.id);
    const title = el("span", { class: "ps-runname" }, el("b", {}, called), row.name ? el("small", {}, row.date) : "", row.best ? el("em", { class: "ps-best" }, "best so far") : "", row.note ? el("q", {}, row.note) : "");
    const first = el("th", { scope: "row" }, el("label", { class: "ps-pick" }, shown.rows.length > 1 ? tick : "", title), more(row, called, open));
    const cells = [row.model, row.differs, row.steps, row.loss, row.time, row.state];
    return el("tr", { class: row.best ? "ps-bestrow" : null }, first, ...cells.map((text, n) => el("td", { "data-label": HEADS[n + 1] }, text)));
  }
  function more(row, called, open) {
    const name = el("input", { type: "text", maxlength: "60", id: `name-${row.id}`, "data-key": `name-${row.id}` });
    const note = el("textarea", { rows: "2", maxlength: "500", id: `note-${row.id}`, "data-key": `note-${row.id}`, oninput: () => grow(note) });
    name.value = row.name; note.value = row.note;
    const save = async () => {
      if (name.value === row.name && note.value === row.note) return;
      const answer = await ask("describe", { persona, run: row.id, name: name.value, note: note.value });
      if (!answer.ok) return complain(answer.message);
      row.name = name.value; row.note = note.value;
      look();
    };
    name.addEventListener("change", save); note.addEventListener("change", save);
    const file = (word, path) => el("a", { class: "ps-button ps-quiet", href: `/studio/runs/${persona}/${row.id}/${path}`, download: path }, word);
    const acts = el("div", { class: "ps-acts" }, file("Save all figures", "metrics.csv"), file("Save the log", "log.txt"),
      ...(row.busy ? [] : [button("Move to the bin", "bin", () => remove(row, called), { class: "ps-quiet", "data-key": `bin-${row.id}` })]));
    const box = el("details", { class: "ps-more", "data-run": row.id }, el("summary", { "data-key": `more-${row.id}`, "aria-label": `Name, note and files of ${called}` }, "Name, note and files"),
      el("label", { for: name.id }, "Name"), name, el("label", { for: note.id }, "Note"), note, acts);
    box.open = open;
    return box;
  }

  // --- the bin
  async function remove(row, called) {
    const answer = await ask("bin", { persona, run: row.id });
    if (!answer.ok) return complain(answer.message);
    picked = picked.filter(id => id !== row.id);
    toast("Moved to the bin. It stays there for 30 days.", "Undo", () => restore(row.id));
    await look();
    comparing();
    (node.querySelector(".ps-toast button") ?? node.querySelector("summary"))?.focus();
  }
  async function restore(run) {
    const answer = await ask("restore", { persona, run });
    if (!answer.ok) return complain(answer.message);
    await look();
  }
  function paintBin() {
    bin.hidden = !shown.bin.length;
    const rows = shown.bin.map(each => el("li", {}, el("span", {}, each.name || each.date), button("Restore", "undo", () => restore(each.id), { class: "ps-quiet", "data-key": `back-${each.id}` })));
    bin.replaceChildren(el("summary", { "data-key": "bin" }, `In the bin: ${plural(shown.bin.length, "lesson", "lessons")}`), el("ul", {}, ...rows));
  }

  // --- two side by side
  function pick(id, on) {
    picked = on ? [...picked, id].slice(-2) : picked.filter(each => each !== id);
    for (const row of shown.rows) { const box = node.querySelector(`[data-key="pick-${row.id}"]`); if (box) box.checked = picked.includes(row.id); }
    seen = "";
    paintCurves();
    comparing();
  }
  const called = id => { const row = shown.rows.find(each => each.id === id); return row ? row.name || row.date : ""; };
  async function comparing() {
    if (picked.length < 2) { pair.hidden = true; pair.replaceChildren(); return; }
    const asked = [...picked], answer = await ask("pair", { persona, runs: asked });
    if (asked.join() !== picked.join()) return;
    if (!answer.ok) return complain(answer.message);
    const none = "These two were not asked the same lines, or one of them has answered none yet. Lines to try stand in the character sheet in Write; lessons that start from now on are asked them.";
    const each = ({ line, answers }) => el("li", {}, el("p", { class: "ps-asked" }, line),
      el("div", { class: "ps-both-answers" }, ...answers.map((text, n) => el("div", { class: `ps-answer ps-answer-${n}` }, el("small", {}, called(asked[n])), el("p", {}, text || "(nothing)")))));
    pair.replaceChildren(el("h3", {}, "The same lines to both"), answer.lines.length ? el("ol", {}, ...answer.lines.map(each)) : el("p", {}, none));
    pair.hidden = false;
  }

  // --- the curves over each other
  function paintCurves() {
    const { paths, high, low, steps } = shown.curves, ids = shown.rows.map(row => row.id).filter(id => paths[id]);
    curves.hidden = ids.length < 2;
    if (curves.hidden) return;
    const chosen = picked.filter(id => paths[id]), kind = id => (chosen.includes(id) ? `ps-line-${chosen.indexOf(id)}` : "ps-line-rest");
    const shape = (name, attributes) => { const made = document.createElementNS(SVG, name); for (const [key, text] of Object.entries(attributes)) made.setAttribute(key, text); return made; };
    const drawing = shape("svg", { viewBox: "0 0 100 100", preserveAspectRatio: "none", "aria-hidden": "true" });
    const order = [...ids.filter(id => !chosen.includes(id)), ...chosen];
    drawing.append(...[4, 50, 96].map(y => shape("path", { class: "ps-line-grid", d: `M0,${y}H100` })), ...order.map(id => shape("path", { class: kind(id), d: paths[id] })));
    const key = chosen.length ? chosen.map((id, n) => el("span", { class: `ps-key-${n}` }, called(id))) : [el("span", { class: "ps-key-rest" }, "a line for each lesson; choose two to tell them apart")];
    const fair = shown.fair ? "" : " They were tested on different conversations, so only the shapes can be compared.";
    curves.replaceChildren(el("figcaption", {}, el("h3", {}, "How surprised each was by conversations never seen"), el("p", { class: "ps-keys" }, ...key)),
      el("div", { class: "ps-frame", role: "img", "aria-label": `${plural(ids.length, "curve", "curves")} between ${low} and ${high}` }, drawing, el("i", {}, high), el("i", {}, low)),
      el("p", { class: "ps-fine" }, `Lower is better. From step 0 to step ${steps}.${fair}`));
  }

  refresh(value);
  return { refresh };
}
