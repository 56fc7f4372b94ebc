// Ten seconds around the chosen beat on paper, and the beat itself in each lead over the dominant beat and the reconstruction.
const STRIP_S = 10, GUTTER_MM = 14, LANE_MM = 30, TOP_MM = 9, FOOT_MM = 6;
const CLOSE_BEFORE_S = 0.25, CLOSE_AFTER_S = 0.45, CLOSE_TALL = 168;

function median(values) {
  const kept = Float32Array.from(values).filter((v) => v === v).sort();
  return kept.length ? kept[kept.length >> 1] : 0;
}

const STRIP = {
  drawStrip() {
    const { strip, given } = this, width = this.stripSection.clientWidth;
    const t = this.time(this.chosen), total = given.duration_s, end = strip.start_s + strip.n / strip.fs;
    const ppm = Math.max(2, Math.min(6, Math.floor((2 * (width - 1)) / (GUTTER_MM + 25 * STRIP_S)) / 2)), seconds = Math.min((width / ppm - GUTTER_MM - 1) / 25, total);
    const start = Math.max(0, Math.min(t - seconds / 2, total - seconds));
    if (t < strip.start_s || t > end || (start < strip.start_s - 0.01 && strip.start_s > 0.01)) return; // its seconds are on their way: the last picture stays
    const close = `${strip.packet}|${this.chosen}|${width}`, marked = this.anomalous.subarray(this.from(start - 0.3), this.from(start + seconds)).join("");
    if (this.drawn.strip !== close) {
      this.drawn.strip = close;
      this.drawn.marks = null;
      Object.assign(this, { ppm, stripFrom: start, stripTo: Math.min(start + seconds, end), stripWide: width });
      this.paper();
    }
    if (this.drawn.marks !== marked) { // at another threshold only the marks are other
      this.drawn.marks = marked;
      this.stripMarks();
    }
    if (this.drawn.close !== close) {
      this.drawn.close = close;
      this.closeUps();
    }
    if (this.drawn.evidence !== `${close}|${this.at}`) {
      this.drawn.evidence = `${close}|${this.at}`;
      this.evidenceBox.replaceChildren(...this.evidence());
    }
    shared().beats = { at: performance.now(), id: given.id, beat: this.chosen, rate: this.at, ready: strip.beat === this.chosen, anomalous: this.list.length, n: this.scores.n };
  },

  x(t) { return (GUTTER_MM + (t - this.stripFrom) * 25) * this.ppm; },

  // 10 mm/mV, less in a lead that would leave its lane
  laneGain(values) {
    let low = Infinity, high = -Infinity;
    for (const v of values) { if (v < low) low = v; if (v > high) high = v; }
    return [10, 5, 2.5].find((gain) => (high - low) * gain <= (LANE_MM - 4) * 1.15) || 2.5;
  },

  lane(r) {
    const { strip } = this, own = row(strip.signal, strip.n, r);
    const lo = Math.max(0, Math.round((this.stripFrom - strip.start_s) * strip.fs)), hi = Math.min(strip.n, Math.round((this.stripTo - strip.start_s) * strip.fs));
    const values = own.subarray(lo, hi);
    return { values, lo, hi, zero: median(values) };
  },

  paper() {
    const { strip, ppm, stripWide: width } = this, lanes = strip.leads.length, height = Math.round((TOP_MM + lanes * LANE_MM + FOOT_MM) * ppm);
    const svg = this.sheet, gains = strip.leads.map((_, r) => this.laneGain(this.lane(r).values)), same = gains.every((gain) => gain === gains[0]);
    svg.setAttribute("width", width);
    svg.setAttribute("height", height);
    const lines = (step) => {
      let path = "";
      for (let x = 0; x <= width; x += step * ppm) path += `M${Math.round(x) + 0.5} 0V${height}`;
      for (let y = 0; y <= height; y += step * ppm) path += `M0 ${Math.round(y) + 0.5}H${width}`;
      return path;
    };
    const under = drawing("g", {}), over = drawing("g", {}), top = TOP_MM * ppm;
    Object.assign(this, { stripUnder: under, stripOver: over, stripTall: height, stripTop: top });
    svg.replaceChildren(drawing("rect", { width, height, class: "ground" }), drawing("path", { d: lines(1), class: "minor" }), drawing("path", { d: lines(5), class: "major" }), under);
    strip.leads.forEach((lead, r) => {
      const { values, lo, zero } = this.lane(r), scale = gains[r] * ppm, y0 = (TOP_MM + (r + 0.55) * LANE_MM) * ppm, x0 = this.x(strip.start_s + lo / strip.fs), dx = (25 * ppm) / strip.fs;
      svg.append(this.typical(r, y0, scale, zero), this.made(lead, r, y0, scale, zero),
        drawing("path", { d: tracePath(values, 0, values.length, x0, dx, y0, scale, zero), class: "recorded" }),
        drawing("path", { d: `M${ppm} ${y0}h${ppm}v${-scale}h${3 * ppm}v${scale}h${ppm}`, class: "pulse" }), label(8 * ppm, y0 - 1.2 * scale > top ? y0 - 12 : y0 - 6, lead, { class: "lead halo" }));
    });
    svg.append(over);
    for (let t = Math.ceil(this.stripFrom); t <= this.stripTo; t++) {
      const x = this.x(t);
      svg.append(drawing("path", { d: `M${Math.round(x) + 0.5} ${height - 5}v5`, class: "tick" }));
    }
    const span = `${clock(this.stripFrom, this.given.duration_s)}–${clock(this.stripTo, this.given.duration_s)}`;
    svg.append(label(GUTTER_MM * ppm, height - 9, `25 mm/s, ${same ? gains[0] : gains.join("/")} mm/mV, as recorded · ${span}`, { class: "print" }));
    this.stripKey(svg, width, height);
    this.stripSpan = span;
  },

  // each beat: an arrow and its shape where it is anomalous, a point where it is not; RR intervals in ms between them
  stripMarks() {
    const { scores, ppm, stripUnder: under, stripOver: over, stripTop: top, stripTall: height } = this, first = this.from(this.stripFrom - 0.3), y = top - 3, wide = 0.5 * 25 * ppm, tall = height - top - FOOT_MM * ppm;
    under.replaceChildren();
    over.replaceChildren();
    for (let k = first; k < scores.n && this.time(k) <= this.stripTo; k++) {
      const x = this.x(this.time(k)), own = k === this.chosen, a = this.x(this.time(k) - 0.2), kind = this.anomalous[k] ? "bracket" : "bracket calm";
      if (own) under.append(drawing("rect", { x: a, y: top, width: wide, height: tall, class: this.anomalous[k] ? "mark" : "mark hollow" }));
      if (own || this.anomalous[k]) under.append(drawing("path", { d: own ? `M${a} ${top + 6}V${top}H${a + wide}V${top + 6}` : `M${a} ${top}H${a + wide}`, class: own ? kind : `${kind} thin` }));
      if (this.anomalous[k]) {
        over.append(drawing("path", { d: `M${x - 4.5} ${y - 7}h9l-4.5 7z`, class: "arrow" }), label(x + 7, y, shapeName(scores.cluster[k]), { class: "shape" }));
      } else over.append(drawing("circle", { cx: x, cy: y - 3, r: 1.8, class: "beat" }));
      const rr = scores.rr[k];
      if (rr === rr && x - rr * 12.5 * ppm > GUTTER_MM * ppm + 4 && rr > 0.3) {
        over.append(label(x - rr * 12.5 * ppm, y - 10, Math.round(rr * 1000), { class: "rr", "text-anchor": "middle" }));
      }
    }
    over.append(label(8, y - 10, "RR ms", { class: "rr" }));
    this.sheet.setAttribute("aria-label", `${this.view.described}, ${this.stripSpan}, leads ${this.strip.leads.join(", ")}. ${this.beatWords(this.chosen)}.`);
  },

  // the dominant beat, where the chosen one is
  typical(r, y0, scale, zero) {
    const { strip } = this, { start_s: from, fs, n } = strip.dominant;
    if (!n || strip.beat !== this.chosen) return drawing("g", {});
    const own = row(strip.dominant_values, n, r), at = this.time(this.chosen) + from, shift = this.level(r, at, at + n / fs) - median(own);
    return drawing("path", { d: tracePath(own, 0, n, this.x(at), (25 * this.ppm) / fs, y0, scale, zero - shift), class: "typical" });
  },

  // a lead's own level in some seconds: what a model made is laid on it
  level(r, from, to) {
    const { strip } = this, lo = Math.max(0, Math.round((from - strip.start_s) * strip.fs)), hi = Math.min(strip.n, Math.round((to - strip.start_s) * strip.fs));
    return median(row(strip.signal, strip.n, r).subarray(lo, hi));
  },

  made(lead, r, y0, scale, zero) {
    const { strip } = this, made = strip.made;
    if (!made || made.lead !== lead || strip.beat !== this.chosen) return drawing("g", {});
    const values = strip.made_values, to = made.start_s + values.length / made.fs, shift = this.level(r, made.start_s, to) - median(values);
    const lo = Math.max(0, Math.ceil((this.stripFrom - made.start_s) * made.fs)), hi = Math.min(values.length, Math.floor((this.stripTo - made.start_s) * made.fs));
    return drawing("path", { d: tracePath(values, lo, hi, this.x(made.start_s + lo / made.fs), (25 * this.ppm) / made.fs, y0, scale, zero - shift), class: "model" });
  },

  stripKey(svg, width, height) {
    const y = height - 9, group = drawing("g", {});
    svg.append(group);
    let x = width - 12;
    const entry = (words, sample, wide) => {
      const node = label(x, y, words, { class: "print", "text-anchor": "end" });
      group.append(node);
      x -= node.getComputedTextLength() + 8;
      group.append(sample(x));
      x -= wide + 16;
    };
    entry("anomalous", (at) => drawing("path", { d: `M${at - 10} ${y - 9}h9l-4.5 8z`, class: "arrow" }), 10);
    if (this.strip.made) entry("reconstruction", (at) => drawing("path", { d: `M${at - 18} ${y - 4}h18`, class: "model key" }), 18);
    entry("dominant beat", (at) => drawing("path", { d: `M${at - 18} ${y - 4}h18`, class: "typical key" }), 18);
    entry("recorded", (at) => drawing("path", { d: `M${at - 18} ${y - 4}h18`, class: "recorded key" }), 18);
  },

  // the chosen beat in each lead, large
  closeUps() {
    const { strip } = this, box = this.closeBox, room = box.clientWidth, leads = strip.leads, gap = 12, evidence = 230;
    const each = Math.max(150, Math.min(300, Math.floor((room - evidence - gap * leads.length) / leads.length)));
    this.evidenceBox = element("div.evidence", {});
    this.drawn.evidence = null;
    box.replaceChildren(...leads.map((lead, r) => this.closeUp(lead, r, each)), this.evidenceBox);
  },

  closeUp(lead, r, wide) {
    const { strip } = this, tall = CLOSE_TALL, mm = wide / ((CLOSE_BEFORE_S + CLOSE_AFTER_S) * 50), at = this.time(this.chosen), from = at - CLOSE_BEFORE_S, to = at + CLOSE_AFTER_S;
    const lo = Math.max(0, Math.round((from - strip.start_s) * strip.fs)), hi = Math.min(strip.n, Math.round((to - strip.start_s) * strip.fs)), own = row(strip.signal, strip.n, r).subarray(lo, hi);
    const base = median(own), { n, fs: dfs, start_s: dfrom } = strip.dominant, ready = strip.beat === this.chosen, typical = ready && n ? row(strip.dominant_values, n, r) : null, level = typical ? median(typical) : 0;
    let low = -0.2, high = 0.2;
    for (const v of own) { if (v - base < low) low = v - base; if (v - base > high) high = v - base; }
    if (typical) for (const v of typical) { if (v - level < low) low = v - level; if (v - level > high) high = v - level; }
    const gain = [40, 20, 10, 5, 2.5].find((g) => (high - low) * g * mm <= tall - 34) || 2.5, scale = gain * mm, y0 = tall / 2 + ((high + low) / 2) * scale + 4, x = (t) => (t - from) * 50 * mm;
    const svg = drawing("svg", { width: wide, height: tall, role: "img", "aria-label": `The beat in ${lead}, over the patient's dominant beat` });
    let minor = "", major = "";
    for (let i = 0; i * mm <= wide; i++) minor += `M${Math.round(i * mm) + 0.5} 0V${tall}`;
    for (let i = 0; i * mm <= tall; i++) minor += `M0 ${Math.round(i * mm) + 0.5}H${wide}`;
    for (let i = 0; i * mm <= wide; i += 5) major += `M${Math.round(i * mm) + 0.5} 0V${tall}`;
    for (let i = 0; i * mm <= tall; i += 5) major += `M0 ${Math.round(i * mm) + 0.5}H${wide}`;
    svg.append(drawing("rect", { width: wide, height: tall, class: "ground" }), drawing("path", { d: minor, class: "minor" }), drawing("path", { d: major, class: "major" }));
    if (typical) svg.append(drawing("path", { d: tracePath(typical, 0, n, x(at + dfrom), (50 * mm) / dfs, y0, scale, level), class: "typical" }));
    if (ready && strip.made && strip.made.lead === lead) {
      const made = strip.made, values = strip.made_values, a = Math.max(0, Math.round((from - made.start_s) * made.fs)), b = Math.min(values.length, Math.round((to - made.start_s) * made.fs));
      svg.append(drawing("path", { d: tracePath(values, a, b, x(made.start_s + a / made.fs), (50 * mm) / made.fs, y0, scale, median(values.subarray(a, b))), class: "model" }));
    }
    svg.append(drawing("path", { d: tracePath(own, 0, own.length, x(strip.start_s + lo / strip.fs), (50 * mm) / strip.fs, y0, scale, base), class: "recorded strong" }),
      label(6, 15, lead, { class: "lead halo" }), label(wide - 5, tall - 6, `50 mm/s, ${gain} mm/mV`, { class: "print", "text-anchor": "end" }));
    return element("div.close", {}, svg);
  },

  // a hint after the verdict, of an anomalous beat
  resembles(k) {
    const { kinds } = this.given, kind = this.kind(k);
    return kind ? [element("p.kind", { title: kinds.how }, "Resembles: ", element("b", {}, `${kind[0]} beat`), element("span.muted", {}, ` (${kind[2]})`), `. ${kinds.hint}`)] : [];
  },

  // what the score of the chosen beat is made of
  evidence() {
    const { scores, strip, chosen: k, given } = this, ready = strip.beat === k, rr = scores.rr[k];
    const head = element("div.headline." + (this.anomalous[k] ? "above" : "below"), {}, element("i", { "aria-hidden": "true" }), this.anomalous[k] ? "Anomalous beat" : "Below the threshold");
    const list = element("dl.facts", {});
    const fact = (name, words) => list.append(element("dt", {}, name), element("dd", {}, words));
    fact("At", clock(this.time(k), given.duration_s, true));
    fact("RR before", rr === rr ? `${Math.round(rr * 1000)} ms, ${Math.round(60 / rr)} /min` : "not known");
    fact("Shape", `${shapeName(scores.cluster[k])}${scores.cluster[k] ? "" : ", the dominant one"}`);
    fact("Score", `${scores.score[k].toFixed(1)}, threshold ${scores.thresholds[this.at].toFixed(1)}`);
    fact("Percentile", placeWords(scores.percentile[k]));
    const most = Math.max(...strip.parts.map(([, v]) => Math.abs(v)), 1e-6), bars = element("div.parts", { role: "group", "aria-label": "Parts of the score" });
    for (const [name, value] of ready ? strip.parts : []) {
      bars.append(element("span.muted", { title: given.parts[name] || null }, name), element("div", {}, element(this.anomalous[k] ? "div.bar" : "div.bar.weak", { style: `width:${(Math.max(0, value) / most) * 100}%` })), element("b", {}, value.toFixed(1)));
    }
    return [head, list, bars, ...this.resembles(k)];
  },
};
