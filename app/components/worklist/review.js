// Right of the grid: the record on view, the reviewer's reading of it, and the last decisions.
const SHOWN_KEYS = [["anomalous", "Anomalous", "1"], ["not anomalous", "Not anomalous", "2"], ["second look", "Second look", "3"]];
const EXPLAIN_MS = 450;

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
    this.comment = element("textarea", { rows: "1", placeholder: "Comment, kept with the decision", "aria-label": "Comment, kept with the decision", maxlength: "4000" });
    this.comment.addEventListener("input", () => this.fit());
    this.comment.addEventListener("keydown", (event) => { if (event.key === "Escape") this.comment.blur(); });
    this.readings = SHOWN_KEYS.map(([value, words, key]) => {
      const button = this.button(words, key, () => this.desk.decide(value));
      return [value, button];
    });
    const rest = [this.button("Prev", "K", () => this.desk.step(-1), "plain"), this.button("Next", "J", () => this.desk.step(1), "plain"),
      this.button("Open", "\u21B5", () => this.desk.open(), "plain")];
    this.bar = element("div.bar", { role: "group", "aria-label": "Your reading" }, ...this.readings.map(([, button]) => button), element("span.push", {}), ...rest);
    this.last = element("div.last", {});
    this.body = element("div.review", {}, this.head, this.paper, this.message, this.bar, this.comment, this.last);
    this.empty = element("div.nothing", {}, "Choose a row to see its ECG.");
    root.replaceChildren(this.empty);
    this.root = root;
    this.desk.comment = () => this.comment.value.trim();
    this.listener = () => this.state();
    this.desk.listeners.add(this.listener);
    this.observer = new ResizeObserver(() => { if (this.packet) this.paint(); });
    this.observer.observe(root);
  }

  button(words, key, act, kind) {
    const button = element(`button.key${kind ? "." + kind : ""}`, { type: "button" }, element("span", {}, words), element("kbd", {}, key));
    button.addEventListener("click", act);
    return button;
  }

  fit() {
    this.comment.style.height = "auto";
    this.comment.style.height = `${Math.min(Math.max(this.comment.scrollHeight + 2, 32), 96)}px`;
  }

  show(packet) {
    const another = !this.packet || this.packet.position !== packet.position || this.packet.job !== packet.job;
    if (packet.job !== this.desk.job) this.desk.reset(packet.job);
    const fresh = this.answered !== `${packet.client} ${packet.answered}`;
    this.answered = `${packet.client} ${packet.answered}`;
    this.desk.answered(packet.client, packet.answered);
    if (fresh) this.desk.patch(packet.rows);
    if (fresh && packet.go_to !== null && packet.go_to !== undefined) this.return_to(packet.go_to);
    const { current } = this.desk;
    if (current !== null && this.desk.alive() && String(packet.position) !== current) {
      // a server that was started anew does not know what was on view
      if (packet.client !== this.desk.client && !this.desk.pending.length) this.desk.act("show", current);
      // an answer to an earlier key, while a later one is on its way
      if (this.desk.pending.length) return;
    }
    this.packet = packet;
    if (another || (fresh && packet.message)) { this.comment.value = packet.comment || ""; this.fit(); }
    if (packet.position === null) { this.root.replaceChildren(this.empty); return; }
    this.drawHead();
    this.drawLast();
    this.message.textContent = packet.message || "";
    this.message.hidden = !packet.message;
    if (this.body.parentNode !== this.root) { this.root.replaceChildren(this.body); this.fit(); }
    this.paint();
    this.state();
    clearTimeout(this.later);
    if (packet.explainable && !packet.made) this.later = setTimeout(() => this.explain(packet.position), EXPLAIN_MS);
  }

  // a decision that was not stored: back to its record
  return_to(position) {
    const node = this.desk.alive() ? this.desk.api.getRowNode(String(position)) : null;
    if (!node || this.desk.current === node.id) return;
    this.desk.shown = node.id;
    this.desk.choose(node, true);
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
      this.last.replaceChildren(head, element("p.muted", {}, "None yet: press 1, 2 or 3 to read this record."));
      return;
    }
    const rows = packet.last.map((one) => element(`tr${one.here ? ".here" : ""}`, {}, element("td.record", { title: one.record }, one.record), element("td", {}, one.decision),
      element("td.remark", { title: one.comment }, one.comment), element("td.muted.who", { title: one.at }, `${one.who}, ${clock(one.at)}`)));
    const table = element("table", {}, element("thead.unseen", {}, element("tr", {}, ...["Record", "Decision", "Comment", "Reviewer, time"].map((words) => element("th", { scope: "col" }, words)))),
      element("tbody", {}, ...rows));
    this.last.replaceChildren(head, table);
  }

  state() {
    if (!this.packet) return;
    const named = Boolean(this.desk.reviewer), node = this.desk.alive() && this.desk.current !== null ? this.desk.api.getRowNode(this.desk.current) : null;
    for (const [value, button] of this.readings) {
      button.classList.toggle("unnamed", !named);
      button.disabled = this.packet.side === "failed";
      button.setAttribute("aria-pressed", String(this.packet.mine === value && String(this.packet.position) === this.desk.current));
      button.title = named ? "" : "Enter your name first: it stands beside each decision";
    }
    this.bar.classList.toggle("last-row", Boolean(node) && !this.desk.neighbour(1));
  }

  close() {
    this.desk.listeners.delete(this.listener);
    this.observer.disconnect();
    clearTimeout(this.later);
    this.desk.send = null;
    this.desk.comment = null;
  }
}

const reviews = new WeakMap();

export default function (component) {
  const { data, parentElement, setTriggerValue } = component;
  if (!reviews.has(parentElement)) reviews.set(parentElement, new Review(home(parentElement)));
  const review = reviews.get(parentElement);
  desk().send = (acts) => setTriggerValue("acts", acts);
  if (data) review.show(unpack(data));
  if (desk().pending.length && !review.started) desk().flush();
  review.started = true;
  return () => {
    const open = reviews.get(parentElement);
    if (open) open.close();
    reviews.delete(parentElement);
  };
}
