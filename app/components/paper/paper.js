// The ECG paper with score trace and maps below it, drawn as SVG on one time axis.
const ROW_PX = 9, TRACE_PX = 42, ERROR_NONE = 255;

function pxPerMm(width, mm) {
  return Math.max(2, Math.min(6, Math.floor((2 * (width - 1)) / mm) / 2));
}

class PaperView {
  constructor(root) {
    this.root = root;
    this.done = {};
    this.frame = 0;
    this.build();
    this.stop = listen(() => this.schedule());
    this.observer = new ResizeObserver(() => this.schedule());
    this.observer.observe(this.box);
  }

  close() {
    this.stop();
    this.observer.disconnect();
    cancelAnimationFrame(this.frame);
  }

  build() {
    this.grid = drawing("g", {});
    this.marksUnder = drawing("g", {});
    this.band = drawing("path", { class: "band" });
    this.names = drawing("g", {});
    this.model = drawing("path", { class: "model" });
    this.recorded = drawing("path", { class: "recorded" });
    this.errorBars = drawing("g", {});
    this.marksOver = drawing("g", {});
    this.print = drawing("g", {});
    this.cross = drawing("path", { class: "cross" });
    this.caliperBox = drawing("g", {});
    this.sheet = drawing("svg", { role: "group", tabindex: "0", class: "sheet" },
      this.grid, this.marksUnder, this.band, this.names, this.errorBars, this.model, this.recorded, this.marksOver,
      this.print, this.cross, this.caliperBox);
    this.trace = drawing("svg", { role: "img" });
    this.errors = drawing("svg", { role: "img" });
    this.attention = drawing("svg", { role: "img" });
    this.below = element("div.below", {});
    this.say = element("div.said", { "aria-live": "polite" });
    this.box = element("div.box", {}, this.sheet, this.below, this.say);
    this.root.replaceChildren(this.box);
    this.sheet.addEventListener("pointerdown", (event) => this.press(event));
    this.sheet.addEventListener("pointermove", (event) => this.move(event));
    this.sheet.addEventListener("pointerup", () => { this.from = null; });
    this.sheet.addEventListener("keydown", (event) => this.key(event));
    this.box.addEventListener("pointermove", (event) => this.point(event));
    this.box.addEventListener("pointerleave", () => this.cross.setAttribute("d", ""));
  }

  schedule() {
    cancelAnimationFrame(this.frame);
    this.frame = requestAnimationFrame(() => this.draw());
  }

  // Draws each layer whose inputs changed; keeps the last picture until all parts of a record are there.
  draw() {
    const { signals, view } = shared().parts;
    let { model } = shared().parts;
    if (!signals || !view || signals.record !== view.record) return;
    if (!model || model.record !== view.record) model = null;
    if (view.model && (!model || model.model !== view.model)) return;
    if (!view.model) model = null;
    const width = this.box.clientWidth;
    if (!width) return;
    const began = performance.now();
    Object.assign(this, { signals, view, model_: model, width, ppm: pxPerMm(width, view.paper.width_mm) });
    const sheet = `${signals.packet}|${view.layout_key}|${this.ppm}|${width}`;
    const made = `${sheet}|${model ? model.packet : ""}|${view.reconstruction}`;
    const marks = `${sheet}|${model ? model.packet : ""}|${view.marks}|${view.filled}|${view.chosen}`;
    this.layer("sheet", sheet, () => { this.drawGrid(); this.drawNames(); this.drawRecorded(); this.clearCaliper(); });
    this.layer("model", made, () => this.drawModel());
    this.layer("marks", marks, () => this.drawMarks());
    this.layer("print", `${made}|${view.marks}|${view.print}|${view.key_of_lines}`, () => this.drawPrint());
    this.layer("below", marks, () => this.drawBelow());
    this.sheet.setAttribute("aria-label", view.described);
    if (!this.fresh) return;
    this.fresh = false;
    shared().painted = { at: performance.now(), took: performance.now() - began, record: view.record, model: view.model,
      layout: view.layout_key, filled: view.filled };
  }

  layer(name, signature, paint) {
    if (this.done[name] === signature) return;
    paint();
    this.fresh = true;
    this.done[name] = signature;
  }

  drawGrid() {
    const { ppm, width, view } = this, height = Math.round(view.paper.height_mm * ppm);
    this.height = height;
    this.sheet.setAttribute("width", width);
    this.sheet.setAttribute("height", height);
    const lines = (step) => {
      let path = "";
      for (let x = 0; x <= width; x += step * ppm) path += `M${Math.round(x) + 0.5} 0V${height}`;
      for (let y = 0; y <= height; y += step * ppm) path += `M0 ${Math.round(y) + 0.5}H${width}`;
      return path;
    };
    this.grid.replaceChildren(
      drawing("rect", { width, height, class: "ground" }),
      drawing("path", { d: lines(1), class: "minor" }),
      drawing("path", { d: lines(5), class: "major" }));
    let pulses = "";
    for (const [x, y, tall] of view.paper.pulses) {
      pulses += `M${x * ppm} ${y * ppm}h${ppm}v${-tall * ppm}h${3 * ppm}v${tall * ppm}h${ppm}`;
    }
    this.grid.append(drawing("path", { d: pulses, class: "pulse" }));
  }

  drawNames() {
    const { ppm, view } = this;
    this.names.replaceChildren();
    for (const strip of view.paper.strips) {
      const fault = view.faults[strip.lead];
      const node = label(strip.label_x_mm * ppm, strip.label_y_mm * ppm, strip.lead,
        { class: "name", "text-anchor": strip.label_left ? "end" : "start" });
      if (fault) {
        const words = drawing("tspan", { class: "fault", dx: "6" });
        words.textContent = strip.label_left ? "" : fault;
        node.append(words);
        node.classList.add("faulty");
      }
      node.setAttribute("tabindex", "0");
      node.setAttribute("role", "button");
      const hint = drawing("title", {});
      hint.textContent = `${strip.lead}: ${view.lead_hint}`;
      node.append(hint);
      const alone = (event) => { event.stopPropagation(); if (this.chooseLead) this.chooseLead(strip.lead); };
      node.addEventListener("pointerdown", (event) => event.stopPropagation());
      node.addEventListener("click", alone);
      node.addEventListener("keydown", (event) => { if (event.key === "Enter" || event.key === " ") { event.preventDefault(); alone(event); } });
      this.names.append(node);
      if (!strip.label_left && !strip.rhythm && strip.x_mm > 15) {
        this.names.append(drawing("path", { class: "cut", d: `M${strip.x_mm * ppm} ${(strip.y_mm - 3) * ppm}v${6 * ppm}` }));
      }
    }
  }

  // sample range of a strip in an array that begins at start_s
  range(strip, start, fs, n) {
    const lo = Math.max(0, Math.round((strip.start_s - start) * fs));
    return [lo, Math.min(n, Math.round((strip.stop_s - start) * fs))];
  }

  drawRecorded() {
    const { ppm, view, signals } = this;
    let path = "";
    for (const strip of view.paper.strips) {
      const [lo, hi] = this.range(strip, signals.start_s, signals.fs, signals.n);
      path += tracePath(row(signals.signal, signals.n, signals.leads.indexOf(strip.lead)), lo, hi, strip.x_mm * ppm,
        (view.paper.speed * ppm) / signals.fs, strip.y_mm * ppm, strip.gain * ppm, strip.zero_mv);
    }
    this.recorded.setAttribute("d", path);
  }

  drawModel() {
    const { ppm, view, model_: model } = this;
    let line = "", band = "";
    this.errorBars.replaceChildren();
    if (model && model.n) {
      for (const strip of view.paper.strips) {
        const lead = model.leads.indexOf(strip.lead);
        if (lead < 0 || model.left_out.includes(strip.lead)) continue;
        const [lo, hi] = this.range(strip, model.start_s, model.fs, model.n);
        const at = [strip.x_mm * ppm, (view.paper.speed * ppm) / model.fs, strip.y_mm * ppm, strip.gain * ppm, strip.zero_mv];
        if (view.reconstruction) {
          const values = row(model.reconstruction, model.n, lead);
          line += tracePath(values, lo, hi, ...at);
          band += bandPath(values, row(model.sd, model.n, lead), lo, hi, ...at);
        }
        if (view.error_bars) this.errorBar(strip, lead, lo, hi, at[0], at[1]);
      }
    }
    this.model.setAttribute("d", line);
    this.band.setAttribute("d", band);
  }

  errorBar(strip, lead, lo, hi, x, dx) {
    const { model_: model, ppm, view } = this;
    const per = model.n / model.columns, from = Math.floor(lo / per), to = Math.ceil(hi / per);
    const cells = row(model.error, model.columns, lead).subarray(from, to);
    const height = 1.5 * ppm, y = (strip.y_mm + Math.min(view.paper.row_mm * 0.42, 7)) * ppm;
    const group = drawing("g", { transform: `translate(0 ${y})` },
      drawing("rect", { x, width: (hi - lo) * dx, height, class: "error-0" }));
    mapPaths(cells, 1, cells.length, x, (hi - lo) * dx, height, 7, 1).forEach((d, step) => {
      if (d) group.append(drawing("path", { d, class: `error-${step}` }));
    });
    this.errorBars.append(group);
  }

  drawMarks() {
    const { ppm, view, model_: model } = this;
    this.marksUnder.replaceChildren();
    this.marksOver.replaceChildren();
    if (!model || !view.marks) return;
    const last = view.paper.strips[view.paper.strips.length - 1];
    model.stretches.forEach((stretch, index) => {
      for (const strip of view.paper.strips) {
        const from = Math.max(stretch.start_s, strip.start_s), to = Math.min(stretch.stop_s, strip.stop_s);
        if (to - from < 0.02) continue;
        const x = (strip.x_mm + (from - strip.start_s) * view.paper.speed) * ppm;
        const wide = (to - from) * view.paper.speed * ppm;
        if (stretch.leads.includes(strip.lead) && !strip.rhythm) {
          const half = Math.min(view.paper.row_mm, 24) * 0.5;
          this.marksUnder.append(drawing("rect", { x, width: wide, y: (strip.y_mm - half) * ppm, height: 2 * half * ppm,
            class: view.filled ? "mark" : "mark hollow" }));
          if (view.filled) this.marksUnder.append(drawing("path", { class: "edge", d: `M${x} ${(strip.y_mm - half) * ppm}v${2 * half * ppm}M${x + wide} ${(strip.y_mm - half) * ppm}v${2 * half * ppm}` }));
        }
        // a bracket over the rhythm strip, or where there is none at the top of the column
        const first = view.paper.strips.find((s) => s.x_mm === strip.x_mm);
        if (last.rhythm ? strip === last : strip === first) this.bracket(this.marksOver, x, wide, (last.rhythm ? strip.y_mm - 10 : 3) * ppm, index + 1);
      }
    });
  }

  bracket(group, x, wide, y, number) {
    const { view } = this;
    group.append(drawing("path", { d: `M${x} ${y + 4}V${y}H${x + wide}V${y + 4}`, class: "bracket" }));
    group.append(drawing("circle", { cx: x + wide / 2, cy: y, r: 8, class: view.filled ? "badge" : "badge hollow" }));
    group.append(label(x + wide / 2, y + 4, number, { class: view.filled ? "number" : "number hollow", "text-anchor": "middle" }));
  }

  drawPrint() {
    const { ppm, view, width, height, model_: model } = this, y = height - 7;
    this.print.replaceChildren(label(14 * ppm, y, view.print, { class: "print" }));
    let x = Math.min(width, view.paper.width_mm * ppm) - 12;
    const entry = (words, sample, wide) => {
      const node = label(x, y, words, { class: "print", "text-anchor": "end" });
      this.print.append(node);
      x -= node.getComputedTextLength() + 8;
      this.print.append(sample(x));
      x -= wide + 18;
    };
    if (model && view.marks && model.stretches.length) {
      entry(view.filled ? "marked stretch" : "marked stretch, record below threshold",
        (at) => drawing("rect", { x: at - 16, y: y - 9, width: 16, height: 11, class: view.filled ? "mark" : "mark hollow" }), 16);
    }
    if (model && view.reconstruction) {
      entry(view.key_of_lines, (at) => drawing("path", { d: `M${at - 18} ${y - 4}h18`, class: "model key" }), 18);
    }
    entry("recorded", (at) => drawing("path", { d: `M${at - 18} ${y - 4}h18`, class: "recorded key" }), 18);
  }

  // ---- below the paper: score trace, error map, attention map; same x for the same instant
  timeX(t) {
    const { view, ppm } = this;
    return (14 + (t - view.paper.start_s) * view.paper.speed) * ppm;
  }

  axis(svg, y) {
    const { view } = this, from = Math.ceil(view.paper.start_s - 1e-6), to = Math.floor(view.paper.stop_s + 1e-6);
    for (let t = from; t <= to; t++) {
      const x = this.timeX(t);
      svg.append(label(x, y, t === to ? `${t} s` : `${t}`, { class: "axis", "text-anchor": "middle" }));
    }
  }

  drawBelow() {
    const { model_: model, view } = this;
    this.below.replaceChildren();
    if (!model || !model.n) return;
    const head = (title, rest, legend) => element("div.head", { style: `padding-left:${14 * this.ppm}px;max-width:${view.paper.width_mm * this.ppm}px` },
      element("h3", {}, title), element("span.muted", {}, rest), legend || null);
    this.drawTrace();
    this.drawMap(this.errors, model.error, model.leads, model.columns, "error");
    this.errors.setAttribute("aria-label", view.error_described);
    this.below.append(head("Anomaly score over time", "1 = level at which a stretch is marked"), this.trace,
      head("Reconstruction error", "lead \u00d7 time, in units of normal ECGs\u2019 error", this.legend("error", model.error_edges)), this.errors);
    if (model.attention) {
      this.drawMap(this.attention, model.attention, model.attention_leads, model.attention_columns, "attention");
      this.attention.setAttribute("aria-label", "Attention of the model by lead and time");
      this.below.append(head("Attention of the model", "lead weight \u00d7 time weight; where the model looked, not why",
        this.legend("attention")), this.attention);
    }
  }

  legend(kind, edges) {
    const wide = 13 * 7, svg = drawing("svg", { width: wide, height: 9, "aria-hidden": "true" });
    for (let i = 0; i < 7; i++) svg.append(drawing("rect", { x: i * 13, width: 12, height: 9, class: `${kind}-${i}` }));
    const [low, high] = edges ? [`under ${edges[0]}`, `over ${edges[edges.length - 1]}`] : ["low", "high"];
    return element("span.legend.muted", {}, low, svg, high);
  }

  drawTrace() {
    const { model_: model, view, width } = this, svg = this.trace, base = TRACE_PX + 4;
    svg.replaceChildren();
    svg.setAttribute("width", width);
    svg.setAttribute("height", base + 16);
    svg.setAttribute("aria-label", view.trace_described);
    let top = 1.2;
    for (const value of model.trace) if (value > top) top = value;
    const y = (value) => base - (value / top) * TRACE_PX, x0 = this.timeX(model.start_s), x1 = this.timeX(model.start_s + model.n / model.fs);
    const dx = (x1 - x0) / model.n;
    let seconds = "";
    for (let t = Math.ceil(view.paper.start_s); t <= view.paper.stop_s; t++) seconds += `M${Math.round(this.timeX(t)) + 0.5} 4V${base}`;
    svg.append(drawing("path", { d: seconds, class: "second" }));
    const line = tracePath(model.trace, 0, model.n, x0, dx, base, TRACE_PX / top, 0);
    let over = "";
    for (let i = 0; i < model.n; i++) {
      if (model.trace[i] <= 1) continue;
      let j = i;
      while (j < model.n && model.trace[j] > 1) j++;
      over += `M${x0 + i * dx} ${y(1)}` + tracePath(model.trace, i, j, x0 + i * dx, dx, base, TRACE_PX / top, 0).replace("M", "L") + `L${x0 + (j - 1) * dx} ${y(1)}Z`;
      i = j;
    }
    if (view.marks) svg.append(drawing("path", { d: over, class: view.filled ? "over" : "over hollow" }));
    svg.append(drawing("path", { d: `M${x0} ${y(1)}H${x1}`, class: "level" }), drawing("path", { d: `M${x0} ${base + 0.5}H${x1}`, class: "second" }),
      drawing("path", { d: line, class: "score" }));
    const at = x0 - 8, one = y(1) + 4;
    svg.append(label(at, base, "0", { class: "axis", "text-anchor": "end" }), label(at, one, "1.0", { class: "axis level-name", "text-anchor": "end" }));
    if (one - 9 - 4 > 6) svg.append(label(at, 9, top.toFixed(1), { class: "axis", "text-anchor": "end" }));
    this.axis(svg, base + 14);
    if (view.paper.layout === "closeup") {
      const strip = view.paper.strips[0], a = this.timeX(strip.start_s), b = this.timeX(strip.stop_s);
      svg.append(drawing("rect", { x: a, y: 2, width: b - a, height: base - 2, class: "window" }));
    }
  }

  drawMap(svg, cells, leads, columns, kind) {
    const { model_: model, view, width } = this, top = 8, tall = leads.length * ROW_PX;
    const x0 = this.timeX(model.start_s), x1 = this.timeX(model.start_s + model.n / model.fs);
    svg.replaceChildren();
    svg.setAttribute("width", width);
    svg.setAttribute("height", top + tall + 16);
    const body = drawing("g", { transform: `translate(0 ${top})` }), cellsOf = drawing("g", { class: view.filled === false && kind === "error" ? "pale" : "" },
      drawing("rect", { x: x0, width: x1 - x0, height: tall, class: `${kind}-0` }));
    mapPaths(cells, leads.length, columns, x0, x1 - x0, ROW_PX, 7, 1).forEach((d, step) => {
      if (d) cellsOf.append(drawing("path", { d, class: `${kind}-${step}` }));
    });
    body.append(cellsOf);
    leads.forEach((lead, index) => {
      const out = model.left_out.includes(lead);
      body.append(label(x0 - 8, index * ROW_PX + 8, lead, { class: out ? "axis out" : "axis", "text-anchor": "end" }));
      if (out) body.append(drawing("path", { d: `M${x0} ${index * ROW_PX + ROW_PX / 2}H${x1}`, class: "lost" }));
    });
    svg.append(body);
    if (view.marks) {
      let brackets = "";
      for (const s of model.stretches) brackets += `M${this.timeX(s.start_s)} ${top}V${top - 5}H${this.timeX(s.stop_s)}V${top}`;
      svg.append(drawing("path", { d: brackets, class: "bracket" }));
    }
    this.axis(svg, top + tall + 14);
  }

  // ---- reading values: crosshair and caliper
  point(event) {
    if (!this.view) return;
    const x = Math.round(event.clientX - this.box.getBoundingClientRect().left) + 0.5;
    if (x < this.timeX(this.view.paper.start_s) || this.from) { this.cross.setAttribute("d", ""); this.line(null); return; }
    this.cross.setAttribute("d", this.view.paper.layout === "closeup" ? "" : `M${x} 0V${this.height}`);
    this.line(this.view.paper.layout === "closeup" && event.composedPath().includes(this.sheet) ? null : x);
  }

  line(x) {
    if (!this.hair) {
      this.hair = element("div.hair", { "aria-hidden": "true" });
    }
    if (!this.hair.isConnected) this.below.append(this.hair);
    this.hair.style.display = x === null ? "none" : "block";
    if (x !== null) this.hair.style.left = `${x - 0.5}px`;
  }

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
  }

  sample(strip, index) {
    const { view, ppm, signals } = this;
    const [lo, hi] = this.range(strip, signals.start_s, signals.fs, signals.n);
    const i = Math.max(lo, Math.min(hi - 1, index)), mv = row(signals.signal, signals.n, signals.leads.indexOf(strip.lead))[i];
    return { strip, index: i, mv, x: (strip.x_mm + ((i - lo) / signals.fs) * view.paper.speed) * ppm,
      y: (strip.y_mm - (mv - strip.zero_mv) * strip.gain) * ppm };
  }

  press(event) {
    if (!this.view || event.button) return;
    const box = this.sheet.getBoundingClientRect();
    this.clearCaliper();
    this.from = this.nearest(event.clientX - box.left, event.clientY - box.top, null);
    if (this.from) this.sheet.setPointerCapture(event.pointerId);
  }

  move(event) {
    if (!this.from) return;
    const box = this.sheet.getBoundingClientRect();
    const to = this.nearest(event.clientX - box.left, event.clientY - box.top, this.from.strip);
    if (Math.abs(to.index - this.from.index) > 1) this.measure(this.from, to);
  }

  // arrow keys move the second point of the caliper by one sample, with Shift by 10
  key(event) {
    const step = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
    if (event.key === "Escape") { this.clearCaliper(); return; }
    if (!step || !this.view || !this.view.paper) return;
    event.preventDefault();
    event.stopPropagation();
    if (!this.caliper) {
      const strip = this.view.paper.strips.find((s) => s.rhythm) || this.view.paper.strips[0];
      const start = this.sample(strip, this.range(strip, this.signals.start_s, this.signals.fs, this.signals.n)[0]);
      this.caliper = [start, start];
    }
    const [a, b] = this.caliper;
    this.measure(a, this.sample(b.strip, b.index + step * (event.shiftKey ? 10 : 1)));
  }

  measure(a, b) {
    this.caliper = [a, b];
    const ms = (Math.abs(b.index - a.index) / this.signals.fs) * 1000, mv = b.mv - a.mv;
    const words = `${a.strip.lead}  ${ms.toFixed(0)} ms  ${mv < 0 ? "\u2212" : ""}${Math.abs(mv).toFixed(2)} mV` + (ms >= 200 ? `  ${(60000 / ms).toFixed(0)} /min` : "");
    const x = Math.min(a.x, b.x), y = Math.min(a.y, b.y), w = Math.abs(b.x - a.x), h = Math.abs(b.y - a.y);
    const text = label(0, 0, words, { class: "reading" });
    this.caliperBox.replaceChildren(
      drawing("path", { class: "caliper-edge", d: `M${x} ${Math.max(0, y - 16)}V${y + h + 16}M${x + w} ${Math.max(0, y - 16)}V${y + h + 16}` }),
      drawing("rect", { x, y, width: w, height: Math.max(h, 1), class: "caliper" }),
      drawing("circle", { cx: a.x, cy: a.y, r: 3, class: "point" }), drawing("circle", { cx: b.x, cy: b.y, r: 3, class: "point" }), text);
    const wide = text.getComputedTextLength() + 16, left = Math.max(4, Math.min(this.width - wide - 4, x + w + 8));
    const low = Math.min(this.height - 30, y + h + 8);
    text.setAttribute("x", left + 8);
    text.setAttribute("y", low + 16);
    this.caliperBox.insertBefore(drawing("rect", { x: left, y: low, width: wide, height: 23, rx: 4, class: "plate" }), text);
    this.say.textContent = words;
  }

  clearCaliper() {
    this.from = null;
    this.caliper = null;
    this.caliperBox.replaceChildren();
  }
}

const views = new WeakMap();

export default function (component) {
  const { data, parentElement, setTriggerValue } = component;
  if (!views.has(parentElement)) views.set(parentElement, new PaperView(home(parentElement)));
  views.get(parentElement).chooseLead = (lead) => setTriggerValue("lead", lead);
  if (data) publish("signals", unpack(data));
  return () => {
    const view = views.get(parentElement);
    if (view) view.close();
    views.delete(parentElement);
  };
}
