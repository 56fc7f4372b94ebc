// The whole recording, a line a minute: only the lines in view are drawn, so that a day is as quick as half an hour.
const LINE_PX = 30, LINE_S = 60, WHOLE_LEFT = 62, WHOLE_MOST = 440, LEAST_WHOLE_S = 90;

const WHOLE = {
  buildWhole() {
    this.wholeLead = 0;
    this.wholeHead = element("div", {});
    this.wholeCanvas = element("canvas", { "aria-hidden": "true" });
    this.wholeTall = element("div.tall", {}, this.wholeCanvas);
    this.scroller = element("div.scroller", { tabindex: "0", role: "region", "aria-label": "The whole recording, a line a minute" }, this.wholeTall);
    this.scroller.addEventListener("scroll", () => { if (this.scores) this.paintWhole(); }, { passive: true });
    this.scroller.addEventListener("click", (event) => this.wholeAt(event));
    this.scroller.addEventListener("keydown", (event) => { if (event.key.startsWith("Arrow") || event.key.startsWith("Page")) event.stopPropagation(); });
    this.wholeSection = element("section", {}, this.wholeHead, this.scroller);
    return this.wholeSection;
  },

  drawWhole() {
    const { strips, scores, given } = this, total = given.duration_s;
    this.wholeSection.hidden = total < LEAST_WHOLE_S;
    const width = this.wholeSection.clientWidth;
    if (!width || this.wholeSection.hidden) return;
    const key = `${strips.packet}|${scores.packet}|${this.at}|${this.chosen}|${width}|${this.wholeLead}|${this.themed}`;
    if (this.drawn.whole === key) return;
    const moved = this.wholeChosen !== this.chosen;
    this.drawn.whole = key;
    this.wholeChosen = this.chosen;
    const lines = Math.ceil(total / LINE_S);
    this.wholeWidth = width - (lines * LINE_PX > WHOLE_MOST ? 14 : 2);
    this.wholeView = Math.min(lines * LINE_PX, WHOLE_MOST);
    this.scroller.style.height = `${this.wholeView + 2}px`;
    this.wholeTall.style.height = `${lines * LINE_PX}px`;
    const chips = strips.leads.length > 1 ? element("span.chips", { role: "group", "aria-label": "Lead shown" }, ...strips.leads.map((lead, r) =>
      chip(lead, r === this.wholeLead, () => { this.wholeLead = r; this.draw(); this.wholeHead.querySelector("[aria-pressed=true]")?.focus(); }))) : null;
    const told = given.waiting ? "a line a minute; anomalous beats are marked when all are compared" : "a line a minute, anomalous beats in amber; choose a place to see it on the paper";
    this.wholeHead.replaceChildren(heading("The whole recording", told, chips));
    if (moved && !this.wholeClicked) this.wholeScroll();
    this.wholeClicked = false;
    this.paintWhole();
  },

  // the line of the beat on view comes into view
  wholeScroll() {
    const top = Math.floor(this.time(this.chosen) / LINE_S) * LINE_PX, { scrollTop } = this.scroller;
    if (top < scrollTop || top + LINE_PX > scrollTop + this.wholeView) this.scroller.scrollTop = top - this.wholeView / 2;
  },

  wholeAt(event) {
    if (!this.scores) return;
    const box = this.wholeTall.getBoundingClientRect(), line = Math.floor((event.clientY - box.top) / LINE_PX), x = event.clientX - box.left;
    const t = line * LINE_S + ((x - WHOLE_LEFT) / (this.wholeWidth - WHOLE_LEFT)) * LINE_S;
    if (x < WHOLE_LEFT - 4 || t > this.given.duration_s + 1) return;
    let best = this.nearest(t);
    for (let k = this.from(t - 0.4); k < this.scores.n && this.time(k) < t + 0.4; k++) if (this.anomalous[k] && !this.anomalous[best]) best = k;
    this.wholeClicked = true;
    this.choose(best);
  },

  paintWhole() {
    const { scroller, wholeWidth: width, wholeView: tall, given } = this, from = scroller.scrollTop, first = Math.floor(from / LINE_PX), last = Math.min(Math.ceil((from + tall) / LINE_PX), Math.ceil(given.duration_s / LINE_S));
    const pen = fitted(this.wholeCanvas, width, tall), { ink } = this, lines = (draw) => { for (let line = first; line < last; line++) draw(line, line * LINE_PX - from); };
    pen.drawImage(this.under("whole", `${this.strips.packet}|${from}|${this.wholeLead}|${width}|${tall}|${this.themed}`, width, tall, (to) => {
      to.fillStyle = ink.paper;
      to.fillRect(0, 0, width, tall);
      to.font = "10.5px Inter, sans-serif";
      to.textBaseline = "middle";
      to.textAlign = "right";
      lines((line, top) => this.paintLine(to, ink, line, top, width));
    }), 0, 0, width, tall);
    lines((line, top) => this.markLine(pen, ink, line, top, width));
  },

  // where seconds and values of a line lie
  lineScale(line, top, width) {
    const start = line * LINE_S, stop = Math.min(start + LINE_S, this.given.duration_s), scale = (width - WHOLE_LEFT) / LINE_S;
    return { start, stop, middle: top + LINE_PX / 2, scale, x: (t) => WHOLE_LEFT + (t - start) * scale };
  },

  lineTrace(pen, { middle, x }, from, to) {
    const { strips } = this, low = strips[`low_${this.wholeLead}`], high = strips[`high_${this.wholeLead}`], rate = strips.columns_hz, up = (LINE_PX / 2 + 2) / 127;
    pen.beginPath();
    for (let c = Math.max(0, Math.floor(from * rate)); c < Math.min(low.length, Math.ceil(to * rate)); c++) {
      const at = x((c + 0.5) / rate);
      pen.lineTo(at, middle - (high[c] - 128) * up);
      pen.lineTo(at, middle - (low[c] - 128) * up);
    }
    pen.stroke();
  },

  paintLine(pen, ink, line, top, width) {
    const laid = this.lineScale(line, top, width), { start, stop, middle, x } = laid;
    pen.fillStyle = ink.muted;
    pen.fillText(clock(start, this.given.duration_s), WHOLE_LEFT - 8, middle);
    pen.lineWidth = 1;
    pen.strokeStyle = ink["grid-major"];
    pen.beginPath();
    for (let t = 10; t < LINE_S; t += 10) { const at = Math.round(x(start + t)) + 0.5; pen.moveTo(at, top + 4); pen.lineTo(at, top + LINE_PX - 4); }
    pen.stroke();
    pen.strokeStyle = ink.trace;
    pen.lineWidth = 0.8;
    this.lineTrace(pen, laid, start, stop);
  },

  // anomalous beats, and the one on view
  markLine(pen, ink, line, top, width) {
    const laid = this.lineScale(line, top, width), { start, stop, scale, x } = laid;
    const marked = [];
    for (let k = this.from(start - 0.4); k < this.scores.n && this.time(k) < stop + 0.2; k++) if (this.anomalous[k]) marked.push(this.time(k));
    pen.fillStyle = ink.anomaly; // a bar under each: not by colour alone
    for (const t of marked) pen.fillRect(x(Math.max(t - 0.2, start)), top + LINE_PX - 3, (Math.min(t + 0.4, stop) - Math.max(t - 0.2, start)) * scale, 2);
    pen.strokeStyle = ink.anomaly;
    pen.lineWidth = 1.5;
    for (const t of marked) this.lineTrace(pen, laid, Math.max(t - 0.15, start), Math.min(t + 0.35, stop));
    const own = this.time(this.chosen);
    if (own >= start && own < start + LINE_S) { pen.strokeStyle = ink.text; pen.lineWidth = 1.5; pen.strokeRect(x(Math.max(own - 0.35, start)), top + 1.5, 0.8 * scale, LINE_PX - 3); }
  },
};
