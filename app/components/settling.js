// What a reader chooses is shown at once; the server is told when it stands still, and files wait until it has it.
const SETTLE_MS = 150, AGAIN_MS = 10000;

class Settling {
  constructor(send) {
    Object.assign(this, { send, timer: null, sent: null, again: null });
  }

  get behind() { return this.timer !== null || this.sent !== null; }

  // chosen here, to be told: the last of what is chosen in quick succession
  choose(chosen) {
    this.chosen = chosen;
    clearTimeout(this.timer);
    this.timer = setTimeout(() => this.flush(), SETTLE_MS);
    this.mark();
  }

  flush() {
    if (this.timer === null) return;
    clearTimeout(this.timer);
    this.timer = null;
    this.sent = this.chosen;
    this.send(this.sent);
    clearTimeout(this.again);
    this.again = setTimeout(() => { if (this.sent !== null) this.send(this.sent); }, AGAIN_MS); // a connection was lost
    this.mark();
  }

  // the server has what was sent
  answered() { this.sent = null; this.mark(); }

  drop() { clearTimeout(this.timer); this.timer = this.sent = null; this.mark(); }

  // `page.css` holds the buttons of files while it is set
  mark() { document.documentElement.toggleAttribute("data-leadwise-behind", this.behind); }

  close() {
    this.flush();
    clearTimeout(this.again);
    document.documentElement.removeAttribute("data-leadwise-behind");
  }
}
