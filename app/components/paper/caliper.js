// Reading values off the paper: crosshair and caliper, by pointer and by key, on samples.
const READING = {
  point(event) {
    if (!this.view) return;
    const x = Math.round(event.clientX - this.box.getBoundingClientRect().left) + 0.5;
    if (x < this.timeX(this.view.axis.start_s) || this.from) { this.cross.setAttribute("d", ""); this.line(null); return; }
    this.cross.setAttribute("d", this.view.paper.layout === "closeup" ? "" : `M${x} 0V${this.height}`);
    this.line(this.view.paper.layout === "closeup" && event.composedPath().includes(this.sheet) ? null : x);
  },

  line(x) {
    if (!this.hair) {
      this.hair = element("div.hair", { "aria-hidden": "true" });
    }
    if (!this.hair.isConnected) this.below.append(this.hair);
    this.hair.style.display = x === null ? "none" : "block";
    if (x !== null) this.hair.style.left = `${x - 0.5}px`;
  },

  nearest(x, y, strip) {
    const { view, ppm, signals } = this;
    let best = strip;
    if (!best) {
      let far = Infinity;
      for (const candidate of view.paper.strips) {
        const left = candidate.x_mm * ppm, right = left + (candidate.stop_s - candidate.start_s) * view.paper.speed * ppm;
        if (x < left || x > right) continue;
        const gap = Math.abs(y - candidate.y_mm * ppm);
        if (gap < far) { far = gap; best = candidate; }
      }
    }
    if (!best) return null;
    const [lo, hi] = this.range(best, signals.start_s, signals.fs, signals.n);
    const index = Math.max(lo, Math.min(hi - 1, lo + Math.round(((x / ppm - best.x_mm) / view.paper.speed) * signals.fs)));
    return this.sample(best, index);
  },

  sample(strip, index) {
    const { view, ppm, signals } = this;
    const [lo, hi] = this.range(strip, signals.start_s, signals.fs, signals.n);
    const i = Math.max(lo, Math.min(hi - 1, index)), mv = row(signals.signal, signals.n, signals.leads.indexOf(strip.lead))[i];
    return { strip, index: i, mv, x: (strip.x_mm + ((i - lo) / signals.fs) * view.paper.speed) * ppm,
      y: (strip.y_mm - (mv - strip.zero_mv) * strip.gain) * ppm };
  },

  press(event) {
    if (!this.view || event.button) return;
    const box = this.sheet.getBoundingClientRect();
    this.clearCaliper();
    this.from = this.nearest(event.clientX - box.left, event.clientY - box.top, null);
    if (this.from) this.sheet.setPointerCapture(event.pointerId);
  },

  move(event) {
    if (!this.from) return;
    const box = this.sheet.getBoundingClientRect();
    const to = this.nearest(event.clientX - box.left, event.clientY - box.top, this.from.strip);
    if (Math.abs(to.index - this.from.index) > 1) this.measure(this.from, to);
  },

  // Left and Right move the second point by one sample, with Shift by ten, Page Up and Down by a second, Home and End to
  // the strip's ends; Up and Down change the strip; Enter puts the first point where the second is; Escape ends.
  key(event) {
    if (!this.view || !this.signals || event.ctrlKey || event.metaKey || event.altKey) return;
    const strips = this.view.paper.strips, second = Math.round(this.signals.fs), by = event.shiftKey ? 10 : 1;
    const steps = { ArrowLeft: -by, ArrowRight: by, PageUp: -second, PageDown: second, Home: -Infinity, End: Infinity };
    const known = event.key in steps || ["ArrowUp", "ArrowDown", "Enter"].includes(event.key);
    if (event.key === "Escape" && this.caliper) { event.stopPropagation(); this.clearCaliper(); return; }
    if (event.key === "Escape" && this.view.back) { event.stopPropagation(); this.chooseLead(""); return; }
    if (!known || event.target !== this.sheet) return;
    event.preventDefault();
    event.stopPropagation();
    if (!this.caliper) {
      const strip = strips.find((s) => s.rhythm) || strips[0];
      const start = this.sample(strip, 0);
      this.caliper = [start, start];
    }
    const [a, b] = this.caliper;
    if (event.key === "Enter") { this.measure(b, b); return; }
    if (event.key in steps) { this.measure(a, this.sample(b.strip, b.index + steps[event.key])); return; }
    const next = strips[(strips.indexOf(b.strip) + (event.key === "ArrowDown" ? 1 : strips.length - 1)) % strips.length];
    const point = this.sample(next, b.index);
    this.measure(point, point);
  },

  measure(a, b) {
    this.caliper = [a, b];
    const ms = (Math.abs(b.index - a.index) / this.signals.fs) * 1000, mv = b.mv - a.mv;
    const at = this.signals.start_s + b.index / this.signals.fs;
    const words = a.index === b.index ? `${a.strip.lead}  at ${at.toFixed(2)} s  ${signed(b.mv)} mV`
      : `${a.strip.lead}  ${ms.toFixed(0)} ms  ${signed(mv)} mV` + (ms >= 200 ? `  ${(60000 / ms).toFixed(0)} /min` : "");
    const x = Math.min(a.x, b.x), y = Math.min(a.y, b.y), w = Math.abs(b.x - a.x), h = Math.abs(b.y - a.y);
    const text = label(0, 0, words, { class: "reading" });
    this.caliperBox.replaceChildren(
      drawing("path", { class: "caliper-edge", d: `M${x} ${Math.max(0, y - 16)}V${y + h + 16}M${x + w} ${Math.max(0, y - 16)}V${y + h + 16}` }),
      drawing("rect", { x, y, width: w, height: Math.max(h, 1), class: "caliper" }),
      drawing("circle", { cx: a.x, cy: a.y, r: 3, class: "point" }), drawing("circle", { cx: b.x, cy: b.y, r: 3, class: "point" }), text);
    const wide = text.getComputedTextLength() + 16, left = Math.max(4, Math.min(this.width - wide - 4, x + w + 8));
    const low = Math.max(4, Math.min(this.height - 30, y + h + 8));
    text.setAttribute("x", left + 8);
    text.setAttribute("y", low + 16);
    this.caliperBox.insertBefore(drawing("rect", { x: left, y: low, width: wide, height: 23, rx: 4, class: "plate" }), text);
    this.say.textContent = words;
  },

  clearCaliper() {
    this.from = null;
    this.caliper = null;
    this.caliperBox.replaceChildren();
  },
};

function signed(mv) {
  return (mv < 0 ? "\u2212" : "") + Math.abs(mv).toFixed(2);
}
