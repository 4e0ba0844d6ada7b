// Write with me: three drafts of an answer, one after the other. A draft enters the conversation only when somebody takes it.
const version = new URL(import.meta.url).search;
const { el, button } = await import("./parts.js" + version);
const { freshId } = await import("./turns.js" + version);
const { whyMissing } = await import("./wire.js" + version);
const MANY = 3, REMEMBERED = 30;

/** question() is {id, persona, turns} of the line to answer, or null; take(text, id) puts a draft below that line. */
export function help(api, { question, take, announce }) {
  let run = 0, about = null, ticket = "", pending = Promise.resolve(), tried = [], stopped = false;
  const opener = button("Ask for three drafts", "spark", () => start(), { class: "ps-ask", "aria-expanded": "false" });
  const heading = el("h3", { tabindex: "-1" }, "Three drafts"), who = el("p", { class: "ps-pen" }), cards = el("ol", { class: "ps-drafts" }), trouble = el("p", { class: "ps-refused", role: "alert", hidden: true });
  const stop = button("Stop", "stop", halt), others = button("Try three others", "again", () => start()), shut = button("Close", "", () => close(true));
  const node = el("section", { class: "ps-help", "aria-label": "Three drafts", hidden: true }, el("header", {}, heading, shut), who, cards, trouble, el("div", { class: "ps-acts" }, stop, others));

  function working(is) { stop.hidden = !is; others.hidden = is; node.setAttribute("aria-busy", String(is)); }
  function card() {
    const words = el("p", { class: "ps-draft", "aria-live": "polite", "data-kind": "waiting" }, "Writing…");
    return el("li", {}, words);
  }
  function fill(li, text) {
    li.firstChild.dataset.kind = "words";
    li.firstChild.textContent = text;
    li.append(button("Use this one", "", () => use(text)));
  }
  function refuse(sentence) {
    for (const li of [...cards.children]) if (li.firstChild.dataset.kind === "waiting") li.remove();
    trouble.textContent = sentence; trouble.hidden = false;
    working(false);
  }
  const asked = (act, what) => act.catch(error => ({ ok: false, message: whyMissing(error, what) }));

  async function start() {
    const mine = ++run, given = question();
    if (!given) return;
    if (given.id !== about) { about = given.id; tried = []; }
    stopped = false; trouble.hidden = true;
    show();
    await pending;                                   // the voice has one mouth: an answer that was stopped ends first
    if (mine !== run) return;
    const pen = await asked(api.pen({ id: given.persona }), "The model");
    if (mine !== run) return;
    if (!pen.ok) return refuse(pen.message);
    who.replaceChildren(pen.about, ...(pen.caution ? [" ", el("b", {}, pen.caution)] : []));
    for (const li of [...cards.children]) {
      if (stopped) break;
      const answer = await one(given);
      if (mine !== run) return;
      if (!answer.ok) return refuse(answer.message);
      if (answer.text) { tried = [...tried, answer.text].slice(-REMEMBERED); fill(li, answer.text); }
    }
    if (stopped) refuse(cards.querySelector("[data-kind=words]") ? "Stopped. What is here can be used." : "Stopped before the first words came.");
    working(false);
  }
  function one({ persona, turns }) {
    ticket = freshId();
    pending = asked(api.drafts({ persona, turns: turns.map(({ id, role, text }) => ({ id, role, text })), unlike: tried, ticket }), "A draft");
    return pending;
  }
  function show() {
    const moves = document.activeElement === opener || cards.contains(document.activeElement) || document.activeElement === others;
    cards.replaceChildren(...Array.from({ length: MANY }, card));
    node.hidden = false; opener.hidden = true; opener.setAttribute("aria-expanded", "true");
    working(true);
    if (moves) heading.focus();
    node.scrollIntoView({ block: "nearest" });
  }
  function halt() {
    stopped = true;
    hush();
    const inside = document.activeElement === stop;
    stop.hidden = true;
    if (inside) heading.focus();
  }
  function hush() { if (ticket) asked(api.hush({ id: ticket }), "The voice"); }   // an answer nobody hears any more does no harm
  /** Ends what is being written and puts the drafts away. */
  function close(back = false) {
    if (node.hidden) return;
    run++;
    if (!stop.hidden) hush();
    node.hidden = true; opener.setAttribute("aria-expanded", "false");
    cards.replaceChildren();
    paint();
    if (back && !opener.hidden) opener.focus();
  }
  function use(text) {
    const line = about;
    close();
    take(text, line);
    announce("Taken. The line is marked as drafted until you change it.");
  }
  /** Shows the button where there is something to answer; drafts of another line go. */
  function paint() {
    const given = question();
    if (!node.hidden && given?.id !== about) return close();
    opener.hidden = !given || !node.hidden;
  }
  working(false);
  return { node, opener, paint, close };
}
