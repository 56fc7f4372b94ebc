// The interval before each beat over time. Anomalous beats are amber triangles; runs and pauses are named below and above.
const TACHO_TALL = 150, TACHO_LEFT = 46, TACHO_FOOT = 18, TACHO_TOP = 16;
const TACHO_SPANS = [["Whole recording", Infinity], ["10 min", 600], ["1 min", 60]];
const TICK_STEPS = [1, 2, 5, 10, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 14400];

const TACHOGRAM = {
  buildTachogram() {
    this.tachoSpan = Infinity;
    this.tachoHead = element("div", {});
    this.tacho = element("canvas", { "aria-hidden": "true" });
    this.tachoSlider = element("div.tacho", { tabindex: "0", role: "slider", "aria-orientation": "horizontal", "aria-label": "Beat on view",
      "aria-keyshortcuts": "ArrowLeft ArrowRight PageUp PageDown Home End" }, this.tacho);
    this.tachoSlider.addEventListener("pointerdown", (event) => {
      if (event.button || !this.scores) return;
      this.scrubbing = true;
      this.tachoSlider.setPointerCapture(event.pointerId);
      this.tachoAt(event);
    });
    this.tachoSlider.addEventListener("pointermove", (event) => { if (this.scrubbing) this.tachoAt(event); });
    for (const kind of ["pointerup", "pointercancel"]) this.tachoSlider.addEventListener(kind, () => { this.scrubbing = false; this.draw(); });
    this.tachoSlider.addEventListener("keydown", (event) => this.tachoKey(event));
    return element("section", { "aria-label": "Tachogram" }, this.tachoHead, this.tachoSlider);
  },

  tachoKey(event) {
    if (!this.scores || event.ctrlKey || event.metaKey || event.altKey) return;
    const last = this.scores.n - 1, to = { ArrowLeft: this.chosen - 1, ArrowDown: this.chosen - 1, ArrowRight: this.chosen + 1, ArrowUp: this.chosen + 1, Home: 0, End: last };
    if (event.key in to) this.choose(Math.max(0, Math.min(last, to[event.key])));
    else if (event.key === "PageDown" || event.key === "PageUp") this.step(event.key === "PageDown" ? 1 : -1);
    else return;
    event.preventDefault();
    event.stopPropagation();
  },

  // an anomalous beat near the pointer if there is one, else the nearest beat
  tachoAt(event) {
    const box = this.tachoSlider.getBoundingClientRect(), x = event.clientX - box.left, t = this.tachoFrom + (x - TACHO_LEFT) / this.tachoScale, near = 6 / this.tachoScale;
    let best = -1, far = Infinity;
    for (let k = this.from(t - near); k < this.scores.n && this.time(k) <= t + near; k++) {
      if (this.anomalous[k] && Math.abs(this.time(k) - t) < far) { best = k; far = Math.abs(this.time(k) - t); }
    }
    this.choose(best >= 0 ? best : this.nearest(t));
  },

  // of the whole recording, cut where single intervals would flatten the rest
  rrRange() {
    const { scores } = this;
    if (this.rangeOf === scores.packet) return this.range;
    const kept = Float32Array.from(scores.rr).filter((v) => v === v).sort(), at = (q) => (kept.length ? kept[Math.min(kept.length - 1, Math.floor(q * kept.length))] : 1);
    const low = Math.max(0, Math.min(at(0.002), 0.5 * at(0.5)) - 0.05), high = Math.min(Math.max(at(0.998), 1.4 * at(0.5)), 3) + 0.1;
    this.rangeOf = scores.packet;
    this.range = [Math.floor(low * 5) / 5, Math.ceil(high * 5) / 5];
    return this.range;
  },

  drawTachogram() {
    const { scores, given, chosen } = this, width = this.stripSection.clientWidth, total = given.duration_s, span = Math.min(this.tachoSpan, total), t0 = this.time(chosen);
    const key = `${scores.packet}|${this.at}|${chosen}|${width}|${this.tachoSpan}|${this.themed}`;
    if (!width || this.drawn.tacho === key) return;
    this.drawn.tacho = key;
    const fit = TACHO_SPANS.filter(([, s]) => s === Infinity || s < total * 0.9);
    const chips = fit.length > 1 ? element("span.chips", { role: "group", "aria-label": "Time shown" }, ...fit.map(([words, s]) => chip(words, s === this.tachoSpan, () => { this.tachoSpan = s; this.draw(); this.tachoHead.querySelector("[aria-pressed=true]")?.focus(); }))) : null;
    this.tachoHead.replaceChildren(heading("Tachogram", "the interval before each beat; a triangle is an anomalous beat", chips));
    if (!this.scrubbing || this.tachoFrom === undefined) this.tachoFrom = Math.max(0, Math.min(t0 - span / 2, total - span));
    const pen = fitted(this.tacho, width, TACHO_TALL), { ink } = this, base = TACHO_TALL - TACHO_FOOT;
    const [low, high] = this.rrRange(), scale = (this.tachoScale = (width - TACHO_LEFT - 8) / span), x = (t) => TACHO_LEFT + (t - this.tachoFrom) * scale;
    const y = (rr) => base - ((Math.max(low, Math.min(high, rr)) - low) / (high - low)) * (base - TACHO_TOP);
    const first = Math.max(0, this.from(this.tachoFrom) - 1), last = Math.min(scores.n, this.from(this.tachoFrom + span) + 1), dense = (last - first) / (width - TACHO_LEFT) > 0.8;
    const clipped = (to) => { to.save(); to.beginPath(); to.rect(TACHO_LEFT, 0, width - TACHO_LEFT, TACHO_TALL); to.clip(); };
    pen.drawImage(this.under("tacho", `${scores.packet}|${this.tachoFrom}|${span}|${width}|${this.themed}`, width, TACHO_TALL, (to) => {
      to.fillStyle = ink.surface;
      to.fillRect(0, 0, width, TACHO_TALL);
      to.font = "10.5px Inter, sans-serif";
      to.lineWidth = 1;
      this.tachoAxes(to, ink, { x, y, low, high, span, base, width });
      clipped(to);
      this.tachoLine(to, ink, x, y, first, last, dense);
      to.restore();
    }), 0, 0, width, TACHO_TALL);
    pen.font = "10.5px Inter, sans-serif";
    clipped(pen);
    this.tachoRuns(pen, ink, x, base);
    this.tachoAnomalous(pen, ink, x, y, first, last, dense);
    this.tachoPauses(pen, ink, x);
    pen.restore();
    const cx = Math.round(x(t0)) + 0.5;
    pen.strokeStyle = ink.text;
    pen.lineWidth = 1;
    pen.beginPath();
    pen.moveTo(cx, TACHO_TOP - 6);
    pen.lineTo(cx, base + 3);
    pen.stroke();
    if (scores.rr[chosen] === scores.rr[chosen]) { pen.lineWidth = 1.5; pen.beginPath(); pen.arc(cx - 0.5, y(scores.rr[chosen]), 6.5, 0, 7); pen.stroke(); }
    this.tachoSlider.setAttribute("aria-valuemin", 0);
    this.tachoSlider.setAttribute("aria-valuemax", scores.n - 1);
    this.tachoSlider.setAttribute("aria-valuenow", chosen);
    this.tachoSlider.setAttribute("aria-valuetext", this.beatWords(chosen));
  },

  tachoAxes(pen, ink, { x, y, low, high, span, base, width }) {
    const step = high - low > 1.2 ? 0.4 : 0.2;
    pen.textBaseline = "middle";
    pen.textAlign = "right";
    for (let rr = Math.ceil(low / step) * step; rr <= high + 1e-6; rr += step) {
      const at = Math.round(y(rr)) + 0.5;
      pen.strokeStyle = ink.border;
      pen.beginPath();
      pen.moveTo(TACHO_LEFT, at);
      pen.lineTo(width, at);
      pen.stroke();
      pen.fillStyle = ink.muted;
      if (at > TACHO_TOP + 2) pen.fillText(rr.toFixed(1), TACHO_LEFT - 8, at);
    }
    pen.fillText("RR s", TACHO_LEFT - 8, 8);
    const every = TICK_STEPS.find((s) => span / s <= 12) || 14400;
    pen.textBaseline = "alphabetic";
    pen.textAlign = "center";
    for (let t = Math.ceil(this.tachoFrom / every - 1e-6) * every; t <= this.tachoFrom + span + 1e-6; t += every) {
      const at = Math.max(TACHO_LEFT + 12, Math.min(width - 20, x(t)));
      pen.fillText(clock(t, this.given.duration_s), at, TACHO_TALL - 4);
    }
    pen.strokeStyle = ink.muted;
    pen.beginPath();
    pen.moveTo(TACHO_LEFT, base + 0.5);
    pen.lineTo(width, base + 0.5);
    pen.stroke();
  },

  tachoLine(pen, ink, x, y, first, last, dense) {
    const { rr } = this.scores;
    pen.strokeStyle = pen.fillStyle = ink.muted;
    pen.lineWidth = dense ? 1 : 0.7;
    pen.globalAlpha = dense ? 0.85 : 0.6;
    pen.beginPath();
    if (dense) { // the lowest and highest interval of each pixel
      let column = -1, low = 0, high = 0;
      const stroke = () => { if (column >= 0) { pen.moveTo(column + 0.5, low + 0.5); pen.lineTo(column + 0.5, high - 0.5); } };
      for (let k = first; k < last; k++) {
        if (rr[k] !== rr[k]) continue;
        const at = Math.round(x(this.time(k))), v = y(rr[k]);
        if (at !== column) { stroke(); column = at; low = high = v; } else { if (v > low) low = v; if (v < high) high = v; }
      }
      stroke();
    } else {
      let down = false;
      for (let k = first; k < last; k++) {
        if (rr[k] !== rr[k]) { down = false; continue; }
        if (down) pen.lineTo(x(this.time(k)), y(rr[k])); else pen.moveTo(x(this.time(k)), y(rr[k]));
        down = true;
      }
    }
    pen.stroke();
    pen.globalAlpha = 1;
    if (dense) return;
    pen.fillStyle = ink.trace;
    for (let k = first; k < last; k++) {
      if (rr[k] !== rr[k]) continue;
      pen.beginPath();
      pen.arc(x(this.time(k)), y(rr[k]), 1.6, 0, 7);
      pen.fill();
    }
  },

  tachoAnomalous(pen, ink, x, y, first, last, dense) {
    const { rr } = this.scores, r = !dense ? 3.8 : this.list.length > 3000 ? 1.6 : this.list.length > 400 ? 2.4 : 3.8;
    pen.fillStyle = ink.anomaly;
    const taken = new Set(); // of a day, thousands lie on one another; each is a path of its own: one of all is slow
    for (let k = first; k < last; k++) {
      if (!this.anomalous[k]) continue;
      const cx = x(this.time(k)), cy = rr[k] === rr[k] ? y(rr[k]) : y(10), cell = Math.round(cx) * 1000 + Math.round(cy / 2);
      if (taken.has(cell)) continue;
      taken.add(cell);
      if (r < 2) { pen.fillRect(cx - r, cy - r, 2 * r, 1.8 * r); continue; } // too small to have a form
      pen.beginPath();
      pen.moveTo(cx, cy - r);
      pen.lineTo(cx + r, cy + r * 0.8);
      pen.lineTo(cx - r, cy + r * 0.8);
      pen.fill();
    }
  },

  tachoRuns(pen, ink, x, base) {
    pen.fillStyle = ink.anomaly;
    for (const [start, stop] of this.runs) {
      const a = x(this.time(start)), b = x(this.time(stop - 1));
      pen.fillRect(a - 1, base - 3, Math.max(3, b - a + 2), 3);
    }
  },

  // the longest first, as many as there is room for
  tachoPauses(pen, ink, x) {
    const { scores } = this, placed = [], right = this.tacho.clientWidth - 34;
    pen.fillStyle = ink.text;
    pen.textAlign = "center";
    for (const [after, seconds] of [...scores.pauses].sort((a, b) => b[1] - a[1]).slice(0, 200)) {
      if (after + 1 >= scores.n || placed.length >= 9) continue;
      const on = x(this.time(after + 1)), at = Math.min(right, Math.max(on, TACHO_LEFT + 34));
      if (on < TACHO_LEFT || on > right + 34 || placed.some((other) => Math.abs(other - at) < 80)) continue;
      pen.fillText(`pause ${seconds.toFixed(1)} s`, at, 10);
      placed.push(at);
    }
  },
};
