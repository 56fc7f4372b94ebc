// Right of the grid: the record on view, the reviewer's reading of it, and the last decisions.
const SHOWN_KEYS = [["anomalous", "Anomalous", "1"], ["not anomalous", "Not anomalous", "2"], ["second look", "Second look", "3"]];
const EXPLAIN_MS = 450;
const ONE_COLUMN_PX = 860, STATUS_BAR_PX = 34;

// today's time, or the day
function clock(iso) {
  const at = new Date(iso), now = new Date();
  if (at.toDateString() === now.toDateString()) return at.toLocaleTimeString("en-GB", { hour: "2-digit", minute: "2-digit" });
  return at.toLocaleDateString("en-GB", { day: "numeric", month: "short" });
}

class Review {
  constructor(root) {
    this.desk = desk();
    this.head = element("div.head", {});
    this.paper = element("div.paper", {});
    this.preview = new Preview(this.paper);
    this.message = element("div.message", { role: "alert" });
    this.failures = element("div.failures", { role: "alert" });
    this.comment = element("textarea", { rows: "1", placeholder: "Comment, kept with the decision", "aria-label": "Comment, kept with the decision", maxlength: "4000" });
    this.typed = false;
    this.comment.addEventListener("input", () => { this.typed = true; this.fit(); });
    this.comment.addEventListener("keydown", (event) => { if (event.key === "Escape") this.comment.blur(); });
    this.readings = SHOWN_KEYS.map(([value, words, key]) => {
      const button = this.button(words, key, () => this.desk.decide(value));
      return [value, button];
    });
    const rest = [["Prev", "K", "Previous record", () => this.desk.step(-1)], ["Next", "J", "Next record", () => this.desk.step(1)],
      ["Open", "\u21B5", "Open in Analyse", () => this.desk.open()]].map(([words, key, told, act]) => {
      const button = this.button(words, key, act, "plain");
      button.title = told;
      return button;
    });
    this.bar = element("div.bar", { role: "group", "aria-label": "Your reading" }, ...this.readings.map(([, button]) => button), element("span.push", {}), ...rest);
    this.last = element("div.last", {});
    this.body = element("div.review", {}, this.failures, this.head, this.paper, this.message, this.bar, this.comment, this.last);
    this.empty = element("div.nothing", {}, "Choose a row to see its ECG.");
    root.replaceChildren(this.empty);
    this.root = root;
    this.remark = (position) => (position === this.about ? this.comment.value.trim() : "");
    this.turn = () => this.turned();
    this.desk.comment = this.remark;
    this.desk.turned = this.turn;
    this.refuse = (words) => this.tell(words);
    this.desk.refuse = this.refuse;
    this.about = this.desk.current;
    this.listener = () => this.state();
    this.desk.listeners.add(this.listener);
    this.observer = new ResizeObserver(() => { if (this.packet) this.paint(); });
    this.observer.observe(root);
    this.drawFailures();
  }

  button(words, key, act, kind) {
    const button = element(`button.key${kind ? "." + kind : ""}`, { type: "button" }, element("span", {}, words), element("kbd", {}, key));
    button.addEventListener("click", act);
    return button;
  }

  tell(words) {
    this.message.textContent = words;
    this.message.hidden = !words;
  }

  write(comment) {
    this.comment.value = comment;
    this.fit();
  }

  fit() {
    this.comment.style.height = "auto";
    this.comment.style.height = `${Math.min(Math.max(this.comment.scrollHeight + 2, 32), 96)}px`;
  }

  // another record is chosen: a comment belongs to one record, and what is typed from now on to this one
  turned() {
    this.about = this.desk.current;
    this.typed = false;
    if (this.comment.value) this.write("");
    this.state();
  }

  show(packet) {
    if (packet.job !== this.desk.job) this.desk.reset(packet.job);
    const { desk } = this, own = packet.client === desk.client;
    if (own && packet.answered > desk.seen) {
      desk.failed.push(...packet.failed.filter((one) => one.n > desk.seen));
      desk.answered(packet.client, packet.answered);
      desk.patch(packet.rows);
      this.drawFailures();
    }
    if (desk.current !== null && desk.alive() && String(packet.position) !== desk.current) {
      // an answer to an earlier key, or of a server that was started anew: never an ECG beside keys that read another one
      if (!desk.pending.length && this.corrected !== `${packet.client} ${packet.answered}`) {
        this.corrected = `${packet.client} ${packet.answered}`;
        desk.act("show", desk.current);
      }
      this.state();
      return;
    }
    this.packet = packet;
    if (this.about !== String(packet.position)) { this.about = String(packet.position); this.typed = false; }
    if (!this.typed && this.comment.value !== (packet.comment || "")) this.write(packet.comment || "");
    if (packet.position === null) { this.root.replaceChildren(this.empty); return; }
    this.drawHead();
    this.drawLast();
    this.tell(packet.message || "");
    if (this.body.parentNode !== this.root) { this.root.replaceChildren(this.body); this.fit(); }
    this.paint();
    this.state();
    clearTimeout(this.later);
    if (packet.explainable && !packet.made) this.later = setTimeout(() => this.explain(packet.position), EXPLAIN_MS);
  }

  // decisions that were not stored: said until the reviewer goes back to them; keys stay with the record on view
  drawFailures() {
    this.failures.hidden = !this.desk.failed.length;
    this.failures.replaceChildren(...this.desk.failed.map((one) => {
      const back = element("button.plain", { type: "button" }, `Back to ${one.record}`);
      back.addEventListener("click", () => this.back(one));
      return element("div.message", {}, one.message, " ", back);
    }));
  }

  back(one) {
    const node = this.desk.node(String(one.position));
    this.desk.failed = this.desk.failed.filter((other) => other !== one);
    this.drawFailures();
    if (!node) return;
    this.desk.choose(node, true);
    if (!one.comment) return;
    this.write(one.comment);
    this.typed = true;
  }

  // asked for when the reviewer stays on a record, and again until it is there
  explain(position) {
    if (String(position) !== this.desk.current) return;
    if (!this.desk.pending.length) this.desk.act("explain", position);
    this.later = setTimeout(() => this.explain(position), EXPLAIN_MS);
  }

  paint() {
    const width = Math.floor(this.root.clientWidth);
    if (!width) return;
    this.paper.hidden = !this.packet.signal;
    if (this.packet.signal) this.preview.draw(this.packet, width);
    this.fitLast();
    requestAnimationFrame(() => {
      shared().previewed = { at: performance.now(), position: this.packet.position, made: Boolean(this.packet.made), pressed: shared().pressed };
    });
  }

  drawHead() {
    const { packet } = this;
    const side = element(`span.side.${packet.side}`, {}, element("i", { "aria-hidden": "true" }), element("b", {}, packet.verdict), element("span.muted", {}, packet.rarity));
    this.head.replaceChildren(
      element("div.title", {}, element("h2", { title: packet.path }, packet.name), element("span.muted", {}, packet.facts)), side,
      element("p.where", {}, ...packet.where.map(([strong, words]) => element(strong ? "b" : "span", {}, words))));
  }

  drawLast() {
    const { packet } = this;
    const head = element("div.last-head", {}, element("h3", {}, "Last decisions"), element("span.muted", {}, "append-only, a later one supersedes"));
    if (!packet.last.length) {
      this.last.replaceChildren(head, element("p.muted", {}, packet.side === "waiting" ? "None yet." : "None yet: press 1, 2 or 3 to read this record."));
      return;
    }
    const rows = packet.last.map((one) => element(`tr${one.here ? ".here" : ""}`, {}, element("td.record", { title: one.record }, one.record), element("td", {}, one.decision),
      element("td.remark", { title: one.comment }, one.comment), element("td.muted.who", { title: one.at }, `${one.who}, ${clock(one.at)}`)));
    const table = element("table", {}, element("thead.unseen", {}, element("tr", {}, ...["Record", "Decision", "Comment", "Reviewer, time"].map((words) => element("th", { scope: "col" }, words)))),
      element("tbody", {}, ...rows));
    this.last.replaceChildren(head, table);
    this.fitLast();
  }

  // as many of the last decisions as the window has room for, where it shows the grid beside them
  fitLast() {
    const rows = [...this.last.querySelectorAll("tbody tr")], page = document.querySelector("[data-testid=stMain]");
    if (!rows.length) return;
    for (const row of rows) row.hidden = false;
    if (window.innerWidth <= ONE_COLUMN_PX) return;
    const scrolled = page ? page.scrollTop : 0, room = window.innerHeight - STATUS_BAR_PX;
    rows.forEach((row, k) => { row.hidden = k > 0 && row.getBoundingClientRect().bottom + scrolled > room; });
  }

  state() {
    if (!this.packet) return;
    const behind = this.desk.alive() && this.desk.current !== null && String(this.packet.position) !== this.desk.current;
    this.body.classList.toggle("behind", behind);
    this.body.setAttribute("aria-busy", String(behind));
    const named = Boolean(this.desk.reviewer), node = this.desk.node();
    const side = node ? node.data.v : this.packet.side;
    for (const [value, button] of this.readings) {
      button.classList.toggle("unnamed", !named);
      button.disabled = side === "waiting" || (side === "failed" && value !== SECOND_LOOK);
      button.setAttribute("aria-pressed", String(this.packet.mine === value && !behind));
      button.title = named ? "" : "Enter your name first: it stands beside each decision";
    }
    this.bar.classList.toggle("last-row", Boolean(node) && !this.desk.neighbour(1));
  }

  close() {
    this.desk.listeners.delete(this.listener);
    this.observer.disconnect();
    clearTimeout(this.later);
    // what was mounted since has put its own here
    for (const [name, own] of [["send", this.send], ["comment", this.remark], ["turned", this.turn], ["refuse", this.refuse]]) {
      if (this.desk[name] === own) this.desk[name] = null;
    }
  }
}

const reviews = new WeakMap();

export default function (component) {
  const { data, parentElement, setTriggerValue } = component;
  if (!reviews.has(parentElement)) reviews.set(parentElement, new Review(home(parentElement)));
  const review = reviews.get(parentElement);
  review.send = (acts) => setTriggerValue("acts", acts);
  desk().send = review.send;
  if (data) review.show(unpack(data));
  if (desk().pending.length && !review.started) desk().flush();
  review.started = true;
  return () => {
    const open = reviews.get(parentElement);
    if (open) open.close();
    reviews.delete(parentElement);
  };
}
