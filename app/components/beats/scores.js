// How the beats score, and the threshold: dragged on the histogram, or moved by key; everything else follows at once.
const RATE_PAGE = 10;
const HIST_TALL = 96, HIST_BINS = 48, HIST_FOOT = 26, HIST_TOP = 20;

const SCORES = {
  buildScores() {
    this.scoresHead = element("div.head", {});
    this.hist = drawing("svg", { class: "hist", tabindex: "0", role: "slider", "aria-orientation": "horizontal", "aria-label": "Alarm threshold, as a false-alarm rate" });
    this.scoreRows = element("div", {});
    this.reset = element("button.reset", { type: "button" }, "reset");
    this.reset.addEventListener("click", () => { this.setRate(this.scores.validated); this.hist.focus(); });
    this.hist.addEventListener("pointerdown", (event) => {
      if (event.button || !this.scores) return;
      this.dragging = true;
      this.hist.setPointerCapture(event.pointerId);
      this.rateAt(event);
    });
    this.hist.addEventListener("pointermove", (event) => { if (this.dragging) this.rateAt(event); });
    for (const kind of ["pointerup", "pointercancel"]) this.hist.addEventListener(kind, () => { this.dragging = false; this.settling.flush(); });
    this.hist.addEventListener("keydown", (event) => this.rateKey(event));
    return element("section", { "aria-label": "Scores and alarm threshold" }, this.scoresHead, this.hist, this.scoreRows);
  },

  // to the right is a higher threshold, and fewer false alarms
  rateKey(event) {
    if (!this.scores || event.ctrlKey || event.metaKey || event.altKey) return;
    const last = this.scores.rates.length - 1, by = { ArrowRight: -1, ArrowUp: -1, ArrowLeft: 1, ArrowDown: 1, PageUp: -RATE_PAGE, PageDown: RATE_PAGE }, to = { Home: last, End: 0 };
    if (event.key in by) this.setRate(Math.max(0, Math.min(last, this.at + by[event.key])));
    else if (event.key in to) this.setRate(to[event.key]);
    else return;
    event.preventDefault();
    event.stopPropagation();
  },

  rateAt(event) {
    const x = event.clientX - this.hist.getBoundingClientRect().left, far = this.scores.thresholds.map((level) => Math.abs(this.scoreX(level) - x));
    this.setRate(far.indexOf(Math.min(...far)));
  },

  // logarithmic: one beat far out does not press the others together
  scoreX(score) {
    const f = (v) => Math.log1p(Math.max(v, 0)), [low, high] = this.scoreSpan;
    return ((f(score) - f(low)) / Math.max(f(high) - f(low), 1e-6)) * this.histWide;
  },

  // the beats in each bar; the same at every threshold and width
  bins() {
    const { scores } = this;
    if (this.binned && this.binned.of === scores.packet) return this.binned;
    const counts = new Array(HIST_BINS).fill(0), bin = new Uint8Array(scores.n);
    for (let k = 0; k < scores.n; k++) {
      bin[k] = Math.max(0, Math.min(HIST_BINS - 1, Math.floor((this.scoreX(scores.score[k]) / this.histWide) * HIST_BINS)));
      counts[bin[k]]++;
    }
    this.binned = { of: scores.packet, counts, bin };
    return this.binned;
  },

  drawScores() {
    const { scores, view } = this, width = this.railBox.clientWidth && this.hist.parentElement.clientWidth;
    const key = `${scores.packet}|${this.at}|${this.chosen}|${width}`;
    if (!width || this.drawn.scores === key) return;
    this.drawn.scores = key;
    this.histWide = width;
    if (this.spanOf !== scores.packet) {
      let low = Infinity, high = 1;
      for (const v of scores.score) { if (v < low) low = v; if (v > high) high = v; }
      this.scoreSpan = [Math.max(0, Math.min(low, ...scores.thresholds)), Math.max(high, ...scores.thresholds) * 1.05];
      this.spanOf = scores.packet;
    }
    const { counts, bin } = this.bins(), over = new Array(HIST_BINS).fill(0);
    for (const k of this.list) over[bin[k]]++;
    const f = (n) => Math.sqrt(n), most = f(Math.max(...counts, 1)), base = HIST_TOP + HIST_TALL, each = width / HIST_BINS;
    let calm = "", marked = "";
    counts.forEach((n, i) => {
      if (!n) return;
      const tall = Math.max(2, (f(n) / most) * (HIST_TALL - 4)), part = (tall * over[i]) / n;
      if (n > over[i]) calm += `M${(i * each + 0.5).toFixed(1)} ${base - part}v${-(tall - part).toFixed(2)}h${(each - 1).toFixed(1)}v${(tall - part).toFixed(2)}z`;
      if (over[i]) marked += `M${(i * each + 0.5).toFixed(1)} ${base}v${-part.toFixed(2)}h${(each - 1).toFixed(1)}v${part.toFixed(2)}z`;
    });
    const at = this.scoreX(scores.thresholds[this.at]), own = Math.max(4, Math.min(width - 4, this.scoreX(scores.score[this.chosen]))), svg = this.hist;
    svg.setAttribute("width", width);
    svg.setAttribute("height", base + HIST_FOOT);
    svg.replaceChildren(drawing("rect", { width, height: base + HIST_FOOT, class: "none-fill" }), drawing("path", { d: calm, class: "counts" }), drawing("path", { d: marked, class: "bars" }),
      drawing("path", { d: `M0 ${base + 0.5}H${width}`, class: "base" }), drawing("path", { d: `M${own - 4} ${base + 9}h8l-4-7z`, class: this.anomalous[this.chosen] ? "own above" : "own" }),
      drawing("path", { d: `M${at} ${HIST_TOP - 4}V${base}`, class: "alarm" }), drawing("rect", { x: at - 5, y: HIST_TOP - 6, width: 10, height: 16, rx: 3, class: "handle" }));
    const now = view.threshold.now, half = now.length * 3.2 + 2;
    svg.append(label(Math.max(half, Math.min(width - half, at)), 10, now, { class: "now", "text-anchor": "middle" }), label(0, base + 22, "score", { class: "axis" }));
    for (const tick of [1, 3, 10, 30, 100, 300]) {
      const x = this.scoreX(tick);
      if (x > 44 && x < width - 12) svg.append(label(x, base + 22, String(tick), { class: "axis", "text-anchor": "middle" }));
    }
    const last = scores.rates.length - 1, moved = this.at !== scores.validated;
    svg.setAttribute("aria-valuemin", 0);
    svg.setAttribute("aria-valuemax", last);
    svg.setAttribute("aria-valuenow", last - this.at);
    svg.setAttribute("aria-valuetext", `${now} false alarms, ${this.list.length} beats above the threshold`);
    this.scoresHead.replaceChildren(element("h3", {}, view.threshold.title), ...(moved ? [element("span.moved", {}, "moved"), this.reset] : [element("span.aside", {}, view.threshold.aside)]));
    this.reset.replaceChildren(`reset to ${view.threshold.aside.replace("validated at ", "")}`);
    this.scoreRows.replaceChildren(...view.threshold.rows.map(([name, value]) => element("div.row", {}, element("span.muted", {}, name), element("b", {}, value))));
  },
};
