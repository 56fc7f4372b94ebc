// The ECG paper with score trace and maps below it, drawn as SVG on one time axis.
const ROW_PX = 12, TRACE_PX = 42;

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
    this.band = drawing("g", { class: "band" });
    this.names = drawing("g", {});
    this.model = drawing("g", { class: "model" });
    this.recorded = drawing("g", { class: "recorded" });
    this.limits = drawing("g", {});
    this.noisy = drawing("g", {});
    this.namesOver = drawing("g", {});
    this.errorBars = drawing("g", {});
    this.marksOver = drawing("g", {});
    this.print = drawing("g", {});
    this.back = drawing("g", {});
    this.cross = drawing("path", { class: "cross" });
    this.caliperBox = drawing("g", {});
    this.sheet = drawing("svg", { role: "group", tabindex: "0", class: "sheet" },
      this.grid, this.marksUnder, this.limits, this.band, this.names, this.errorBars, this.model, this.recorded, this.noisy, this.namesOver, this.marksOver,
      this.print, this.back, this.cross, this.caliperBox);
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
    let { signals, view, model, lead } = shared().parts;
    view = atRate(view);
    if (!signals || !view || signals.id !== view.signals) return;
    if (!view.model) model = null;
    if (view.model && (!model || model.id !== view.made)) return;
    if (!view.alone) lead = null;
    if (view.alone && (!lead || lead.id !== view.made || lead.lead !== view.alone)) return;
    const width = this.box.clientWidth;
    if (!width) return;
    const began = performance.now();
    Object.assign(this, { signals, view, model_: model, lead, width, ppm: pxPerMm(width, view.paper.width_mm) });
    const sheet = `${signals.packet}|${view.layout_key}|${this.ppm}|${width}`;
    const made = `${sheet}|${model ? model.packet : ""}|${view.reconstruction}`;
    const marks = `${sheet}|${model ? model.packet : ""}|${view.marks}|${view.filled}|${view.chosen}|${view.alone}`;
    this.layer("sheet", sheet, () => { this.drawGrid(); this.drawNames(); this.drawBack(); this.drawRecorded(); this.clearCaliper(); });
    this.layer("model", made, () => this.drawModel());
    this.layer("marks", marks, () => this.drawMarks());
    this.layer("limits", `${sheet}|${view.limits.length ? view.limits[0] : ""}`, () => this.drawLimits());
    this.layer("print", `${made}|${view.marks}|${view.print}|${view.key_of_lines}|${view.limits.length > 0}`, () => this.drawPrint());
    this.layer("below", marks, () => this.drawBelow());
    this.sheet.setAttribute("aria-label", view.described);
    this.sheet.setAttribute("aria-keyshortcuts", "ArrowLeft ArrowRight ArrowUp ArrowDown Enter Escape");
    const rate = shared().rate ?? view.rate;
    if (!this.fresh && shared().painted && shared().painted.rate === rate) return;
    this.fresh = false;
    shared().painted = { at: performance.now(), took: performance.now() - began, record: view.record, model: view.model,
      layout: view.layout_key, filled: view.filled, rate, start_s: view.axis.start_s, signals: view.signals, alone: view.alone };
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
    this.namesOver.replaceChildren();
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
      if (strip.clip_mm) node.classList.add("halo");
      (strip.clip_mm ? this.namesOver : this.names).append(node);
      if (!strip.label_left && !strip.rhythm && strip.x_mm > 15) {
        this.names.append(drawing("path", { class: "cut", d: `M${strip.x_mm * ppm} ${(strip.y_mm - 3) * ppm}v${6 * ppm}` }));
      }
    }
  }

  // from a close-up or one lead alone back to the sheet
  drawBack() {
    this.back.replaceChildren();
    if (!this.view.back) return;
    const node = label(Math.min(this.width, this.view.paper.width_mm * this.ppm) - 12, 18, this.view.back,
      { class: "back", "text-anchor": "end", tabindex: "0", role: "button" });
    const go = (event) => { event.preventDefault(); event.stopPropagation(); if (this.chooseLead) this.chooseLead(""); };
    node.addEventListener("pointerdown", (event) => event.stopPropagation());
    node.addEventListener("click", go);
    node.addEventListener("keydown", (event) => { if (event.key === "Enter" || event.key === " ") go(event); });
    this.back.append(node);
  }

  // sample range of a strip in an array that begins at start_s
  range(strip, start, fs, n) {
    const lo = Math.max(0, Math.round((strip.start_s - start) * fs));
    return [lo, Math.min(n, Math.round((strip.stop_s - start) * fs))];
  }

  drawRecorded() {
    const { ppm, view, signals, width } = this, traces = [];
    this.noisy.replaceChildren();
    for (const strip of view.paper.strips) {
      const [lo, hi] = this.range(strip, signals.start_s, signals.fs, signals.n);
      const drawn = tracePieces(row(signals.signal, signals.n, signals.leads.indexOf(strip.lead)), lo, hi, strip.x_mm * ppm,
        (view.paper.speed * ppm) / signals.fs, strip.y_mm * ppm, strip.gain * ppm, strip.zero_mv);
      const trace = drawing("g", { "data-lead": strip.lead }, ...drawn);
      if (!strip.clip_mm) { traces.push(trace); continue; }
      // too noisy to read: what leaves its row is cut off, so that it hides no other lead
      const [top, bottom] = strip.clip_mm.map((mm) => mm * ppm);
      this.noisy.append(drawing("svg", { x: 0, y: top, width, height: bottom - top, viewBox: `0 ${top} ${width} ${bottom - top}`, class: "recorded" }, trace));
    }
    this.recorded.replaceChildren(...traces);
  }

  drawModel() {
    const { ppm, view, model_: model } = this, line = [], band = [];
    this.errorBars.replaceChildren();
    if (model && model.n) {
      for (const strip of view.paper.strips) {
        const lead = model.leads.indexOf(strip.lead);
        if (lead < 0 || model.left_out.includes(strip.lead)) continue;
        const [lo, hi] = this.range(strip, model.start_s, model.fs, model.n);
        const at = [strip.x_mm * ppm, (view.paper.speed * ppm) / model.fs, strip.y_mm * ppm, strip.gain * ppm, strip.zero_mv];
        if (view.reconstruction) {
          const values = row(model.reconstruction, model.n, lead);
          line.push(drawing("g", { "data-lead": strip.lead }, ...tracePieces(values, lo, hi, ...at)));
          band.push(...bandPieces(values, row(model.sd, model.n, lead), lo, hi, ...at));
        }
        if (view.error_bars) this.errorBar(strip, lead, lo, hi, at[0], at[1]);
      }
    }
    this.model.replaceChildren(...line);
    this.band.replaceChildren(...band);
  }

  errorBar(strip, lead, lo, hi, x, dx) {
    const { model_: model, ppm, view } = this;
    const per = model.n / model.columns, from = Math.floor(lo / per), to = Math.ceil(hi / per);
    const cells = row(model.error, model.columns, lead).subarray(from, to);
    const height = 1.5 * ppm, alone = view.paper.layout === "lead";
    const y = (alone ? view.paper.height_mm - 9 : strip.y_mm + Math.min(view.paper.row_mm * 0.42, 7)) * ppm;
    const group = drawing("g", { transform: `translate(0 ${y})` },
      drawing("rect", { x, width: (hi - lo) * dx, height, class: "error-0" }));
    mapPaths(cells, 1, cells.length, x, (hi - lo) * dx, height, 7, 1).forEach((d, step) => {
      if (d) group.append(drawing("path", { d, class: `error-${step}` }));
    });
    this.errorBars.append(group);
  }

  // where P, QRS and T begin and end, on request
  drawLimits() {
    const { ppm, view } = this, paths = {};
    this.limits.replaceChildren();
    for (const strip of view.paper.strips) {
      const half = Math.min(view.paper.row_mm, 20) * 0.45;
      for (const [t, wave] of view.limits) {
        if (t < strip.start_s || t > strip.stop_s) continue;
        const x = (strip.x_mm + (t - strip.start_s) * view.paper.speed) * ppm;
        paths[wave] = `${paths[wave] || ""}M${x.toFixed(1)} ${((strip.y_mm - half) * ppm).toFixed(1)}v${(2 * half * ppm).toFixed(1)}`;
      }
    }
    for (const [wave, d] of Object.entries(paths)) this.limits.append(drawing("path", { d, class: `limit limit-${wave}` }));
  }

  drawMarks() {
    const { ppm, view, model_: model } = this;
    this.marksUnder.replaceChildren();
    this.marksOver.replaceChildren();
    if (!model || !view.marks) return;
    const last = view.paper.strips[view.paper.strips.length - 1];
    for (const [t, missing] of this.rhythm()) {
      for (const strip of view.paper.strips) {
        const first = view.paper.strips.find((s) => s.x_mm === strip.x_mm);
        if (t < strip.start_s || t > strip.stop_s || (last.rhythm ? strip !== last : strip !== first)) continue;
        const x = (strip.x_mm + (t - strip.start_s) * view.paper.speed) * ppm, y = (last.rhythm ? strip.y_mm + 5 : view.paper.height_mm - 9) * ppm;
        this.marksOver.append(this.beatMark(x, y, missing, true), label(x + 8, y + 7, missing ? "missing" : "early", { class: "beat-word" }));
      }
    }
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
    const { ppm, view, width, height, model_: model } = this, told = label(14 * ppm, height - 7, view.print, { class: "print" });
    this.print.replaceChildren(told);
    const key = drawing("g", {}), y = height - 7;
    this.print.append(key);
    let x = Math.min(width, view.paper.width_mm * ppm) - 12;
    const entry = (words, sample, wide) => {
      const node = label(x, y, words, { class: "print", "text-anchor": "end" });
      key.append(node);
      x -= node.getComputedTextLength() + 8;
      key.append(sample(x));
      x -= wide + 18;
    };
    if (model && view.marks && model.stretches.length) {
      entry(view.filled ? "marked stretch" : "marked stretch, below threshold",
        (at) => drawing("rect", { x: at - 16, y: y - 9, width: 16, height: 11, class: view.filled ? "mark" : "mark hollow" }), 16);
    }
    if (model && view.reconstruction) {
      entry(view.key_of_lines, (at) => drawing("path", { d: `M${at - 18} ${y - 4}h18`, class: "model key" }), 18);
    }
    if (view.limits.length) entry("limits of P (dots), QRS (line), T (dashes)", (at) => drawing("path", { d: `M${at - 5} ${y - 9}v11`, class: "limit limit-QRS" }), 8);
    entry("recorded", (at) => drawing("path", { d: `M${at - 18} ${y - 4}h18`, class: "recorded key" }), 18);
    // where both do not fit side by side, the key of lines stands a line higher
    if (x < 14 * ppm + told.getComputedTextLength()) key.setAttribute("transform", "translate(0 -15)");
  }
}

Object.assign(PaperView.prototype, BELOW, READING);

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
