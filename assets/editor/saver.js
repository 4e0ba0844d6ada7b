// The clock of saving: 400 ms after the last key, at most 2 s in steady typing, one request at a time, patience when nobody answers.
// send(last) resolves to {ok: true} | {again: true} (merged, send anew) | {held: true} (a question is open) | {refused: sentence}.
// show(kind, sentence) with kind "saving" | "saved" | "held" | "refused" | "waiting".
const { whyNot } = await import("./wire.js" + new URL(import.meta.url).search);
const PAUSE = 400, LONGEST = 2000;

export class Saver {
  constructor(send, show) {
    Object.assign(this, { send, show, dirty: false, held: false, composing: false, busy: null, timer: 0, since: 0, wait: 0 });
  }
  get idle() { return !this.dirty && !this.busy; }
  get stuck() { return this.dirty && (this.held || this.wait > 0); }
  reset() { clearTimeout(this.timer); Object.assign(this, { dirty: false, held: false, since: 0, wait: 0 }); }
  touch() {
    this.dirty = true;
    this.since ||= performance.now();
    if (this.held) return;
    if (!this.wait) this.show("saving", "");
    clearTimeout(this.timer);
    this.timer = setTimeout(() => this.save(), Math.max(0, Math.min(PAUSE, this.since + LONGEST - performance.now())));
  }
  /** Save now, and again until nothing is left to save; resolves to whether everything is stored. */
  async flush() {
    await this.busy;
    if (this.dirty) await this.save();
    return this.idle;
  }
  save(last = false) {
    clearTimeout(this.timer);
    if (this.busy || !this.dirty || this.held) return this.busy;
    if (this.composing && !last) { this.timer = setTimeout(() => this.save(), PAUSE); return null; }   // never in the middle of a character
    this.busy = this.#send(last);
    return this.busy;
  }
  async #send(last) {
    let end;
    do {
      this.dirty = false; this.since = 0;
      if (!this.wait) this.show("saving", "");
      end = await this.send(last).catch(error => ({ failed: whyNot(error) }));
      if (end.ok) this.wait = 0; else this.dirty = true;
      this.held = Boolean(end.held);
    } while (end.again || (end.ok && this.dirty));
    this.busy = null;
    if (end.ok) this.show("saved", "");
    else if (end.held) this.show("held", "");
    else if (end.refused) this.#later("refused", end.refused);        // a full disk may have room again in a while
    else this.#later("waiting", end.failed);
  }
  #later(kind, sentence) {
    this.wait = kind === "refused" ? 15_000 : Math.min(15_000, this.wait * 2 || 1000);
    this.timer = setTimeout(() => this.save(), this.wait);
    this.show(kind, sentence);
  }
}
