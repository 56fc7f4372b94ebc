// The models on one time axis. All words come from Python and are set as text.
const GUTTER = 36, TRACE = 30, CELL = 4, GAP = 6, BAR = 11;

class CompareView {
  constructor(root) {
    this.root = root;
    this.hair = element("div.hair", { hidden: "" });
    this.box = element("div.box", {});
    root.replaceChildren(this.box);
    this.observer = new ResizeObserver(() => this.schedule());
    this.observer.observe(this.box);
    this.box.addEventListener("pointermove", (event) => this.point(event));
    this.box.addEventListener("pointerleave", () => this.hair.setAttribute("hidden", ""));
  }

  close() {
    this.observer.disconnect();
    cancelAnimationFrame(this.frame);
  }

  show(data) {
    this.data = data;
    this.width = 0;
    this.draw();
  }

  schedule() {
    cancelAnimationFrame(this.frame);
    this.frame = requestAnimationFrame(() => { if (this.box.clientWidth !== this.width) this.draw(); });
  }

  // whole half pixels per millimetre; beside the words where there is room, below them where there is not
  draw() {
    const { data } = this, width = this.box.clientWidth;
    if (!data || !width) return;
    this.width = width;
    const mm = Math.max(1, (data.stop_s - data.start_s) * 25);
    this.wide = width >= 1180;
    const room = (this.wide ? width - 316 : width) - GUTTER - 2;
    this.ppm = Math.max(1, Math.min(6, Math.floor((2 * room) / Math.max(mm, 250)) / 2));
    this.plot = mm * this.ppm;
    this.box.classList.toggle("wide", this.wide);
    this.box.replaceChildren(this.agreement(), ...data.models.map((model, index) => this.band(model, index)),
      element("div.row", {}, element("div", {}), this.axis()), this.hair);
    shared().compared = { record: data.record, lead: data.lead, models: data.models.length, at: performance.now() };
  }

  x(t) { return GUTTER + (t - this.data.start_s) * 25 * this.ppm; }

  svg(height, attributes) {
    return drawing("svg", { width: GUTTER + this.plot + 16, height, ...attributes });
  }

  axis() {
    const svg = this.svg(16, { "aria-hidden": "true" });
    const from = Math.ceil(this.data.start_s - 1e-6), to = Math.floor(this.data.stop_s + 1e-6);
    const clock = (t) => (to < 60 ? `${t}${t === to ? " s" : ""}` : `${Math.floor(t / 60)}:${String(t % 60).padStart(2, "0")}`);
    for (let t = from; t <= to; t++) {
      svg.append(label(this.x(t), 12, clock(t), { class: "axis", "text-anchor": t === to ? "end" : "middle" }));
    }
    return svg;
  }

  // ---- agreement: how many models mark each instant, and in how many maps each cell is raised
  agreement() {
    const { data } = this;
    const words = element("div.words", {}, element("p.headline", {}, data.headline), ...data.lines.map((line) => element("p.line.muted", {}, line)));
    const pictures = element("div", {});
    if (data.count) {
      if (data.count.some((n) => n > 0)) pictures.append(this.caption("Models that mark each instant"), this.bars());
      pictures.append(this.axis(), this.caption("Models in whose error map a cell is raised", this.legend()), this.raised());
    }
    return element("section.row.agreement", { "aria-label": "Agreement" }, words, pictures);
  }

  caption(words, rest) {
    return element("div.caption", { style: `padding-left:${GUTTER}px;width:${GUTTER + this.plot}px` }, words, rest || null);
  }

  // the step of the error map's colours that stands for k models
  level(k) {
    return this.data.counted > 1 ? 2 + Math.round((4 * (k - 1)) / (this.data.counted - 1)) : 4;
  }

  legend() {
    const svg = drawing("svg", { width: 14 * this.data.counted, height: 9, "aria-hidden": "true" });
    for (let k = 1; k <= this.data.counted; k++) svg.append(drawing("rect", { x: (k - 1) * 14, width: 13, height: 9, class: `error-${this.level(k)}` }));
    return element("span.legend.muted", {}, "1", svg, `${this.data.counted}`);
  }

  bars() {
    const { data } = this, n = data.counted, tall = n * BAR, svg = this.svg(tall + 2, { role: "img", "aria-label": data.lines[0] });
    const dx = this.plot / data.count.length, filled = data.models.some((model) => model.filled);
    for (let level = 1; level <= n; level++) {
      const y = (n - level) * BAR;
      svg.append(label(GUTTER - 8, y + BAR, level, { class: "axis", "text-anchor": "end" }));
      for (let i = 0; i < data.count.length; i++) {
        if (data.count[i] < level) continue;
        let j = i;
        while (j < data.count.length && data.count[j] >= level) j++;
        svg.append(drawing("rect", { x: GUTTER + i * dx, width: Math.max(1, (j - i) * dx), y: y + 1, height: BAR - 1, class: filled ? "bar" : "bar hollow" }));
        i = j;
      }
    }
    svg.append(drawing("path", { d: `M${GUTTER} ${tall + 1.5}H${GUTTER + this.plot}`, class: "rule" }));
    return svg;
  }

  raised() {
    const { data } = this, columns = data.raised.length / data.leads.length;
    return this.map(data.raised, columns, data.counted + 1, (step) => `error-${this.level(step)}`, data.lines[data.lines.length - 1]);
  }

  map(cells, columns, steps, kind, described) {
    const { data } = this, tall = data.leads.length * CELL, svg = this.svg(tall + 2, { role: "img", "aria-label": described });
    const wide = columns * data.cell_s * 25 * this.ppm;
    svg.append(drawing("rect", { x: GUTTER, width: wide, height: tall, class: "error-0" }));
    mapPaths(cells, data.leads.length, columns, GUTTER, wide, CELL, steps, 1).forEach((d, step) => {
      if (d) svg.append(drawing("path", { d, class: kind(step) }));
    });
    data.leads.forEach((lead, i) => {
      if (cells[i * columns] === 255) svg.append(drawing("path", { d: `M${GUTTER} ${(i + 0.5) * CELL}h${wide}`, class: "lost" }));
      if (["I", "V1", "V6"].includes(lead)) svg.append(label(GUTTER - 8, i * CELL + (lead === "V6" ? 5 : 8), lead, { class: "axis", "text-anchor": "end" }));
    });
    return svg;
  }

  // ---- one model
  band(model, index) {
    const { data } = this;
    const right = element("div", {});
    if (model.members) {
      right.append(this.caption("What it is made of: each model's part in the score"), this.members(model));
    } else if (model.mapped) {
      const error = data[`error_${index}`];
      right.append(this.strip(model, data[`made_${index}`]), this.trace(model, data[`trace_${index}`]),
        this.map(error, error.length / data.leads.length, 7, (step) => `error-${step}`, `${model.title}: error by lead and time`));
    } else {
      right.append(this.strip(model, null), element("p.none", { style: `padding-left:${GUTTER}px` }, data.not_mapped));
    }
    return element("section.row.model", { "aria-label": model.title }, this.beside(model), right);
  }

  members(model) {
    const list = element("div.members", { style: `padding-left:${GUTTER}px;width:${GUTTER + this.plot}px` });
    for (const member of model.members) {
      list.append(element("span.name", {}, member.title), element("span.track", {}, element("i", { style: `width:${(100 * member.share).toFixed(1)}%` })),
        element("b", {}, member.words), element("span.muted", {}, member.own));
    }
    return list;
  }

  beside(model) {
    const head = element("div.head", {});
    if (model.figure) {
      head.append(element("div.figure", {}, model.figure, element(model.figure_suffix === "th" ? "small.th" : "small", {}, model.figure_suffix)),
        element("p.fine", {}, model.figure_caption));
    }
    head.append(element("div", {}, element(`div.verdict.${model.side}`, {}, element("i", { "aria-hidden": "true" }), model.headline),
      model.rarity ? element("p.fine", {}, model.rarity) : null));
    const facts = element("dl", {});
    for (const [name, words] of model.rows) facts.append(element("dt", {}, name), element("dd", {}, words));
    return element("div.words", {}, element("h3", {}, model.title), element("p.said", {}, model.spoken),
      element("div.beside", {}, head, facts, model.curve ? this.curve(model.curve) : null));
  }

  curve(data) {
    const wide = 250, tall = 30, svg = drawing("svg", { width: wide, height: tall + 14, class: "curve", "aria-hidden": "true" });
    const points = data.heights.map((h, i) => `L${((i / (data.heights.length - 1)) * wide).toFixed(1)} ${(tall - h * (tall - 6)).toFixed(1)}`).join("");
    const alarm = data.alarm * wide, here = Math.max(5, Math.min(wide - 5, data.here * wide)), side = data.above ? "above" : "below";
    svg.append(drawing("path", { d: `M0 ${tall}${points}L${wide} ${tall}Z`, class: "normals" }), drawing("path", { d: `M0 ${tall + 0.5}H${wide}`, class: "rule" }),
      drawing("path", { d: `M${alarm} 6V${tall}`, class: "alarm" }), drawing("path", { d: `M${here} 6V${tall}`, class: `here ${side}` }),
      drawing("path", { d: `M${here - 5} 1h10l-5 7z`, class: `tip ${side}` }), label(alarm < 100 ? wide : 0, tall + 12, "normal ECGs", { class: "axis", "text-anchor": alarm < 100 ? "end" : "start" }),
      label(Math.max(16, Math.min(wide - 18, alarm)), tall + 12, "alarm", { class: "axis alarm-name", "text-anchor": "middle" }));
    return svg;
  }

  // highlight and words lie under the trace
  strip(model, made) {
    const { data, ppm } = this, tall = Math.round(data.band_mm * ppm), wide = this.plot;
    const svg = this.svg(tall + 1, { role: "img", "aria-label": `${data.lead} as recorded${made ? `, and reconstructed by ${model.title}` : ""}` });
    const lines = (step) => {
      let path = "";
      for (let x = 0; x <= wide + 0.1; x += step * ppm) path += `M${Math.round(GUTTER + x) + 0.5} 0V${tall}`;
      for (let y = 0; y <= tall; y += step * ppm) path += `M${GUTTER} ${Math.round(y) + 0.5}h${wide}`;
      return path;
    };
    svg.append(drawing("rect", { x: GUTTER, width: wide, height: tall, class: "ground" }), drawing("path", { d: lines(1), class: "minor" }),
      drawing("path", { d: lines(5), class: "major" }));
    for (const [a, b] of model.stretches) {
      if (b < data.start_s || a > data.stop_s) continue;
      svg.append(drawing("rect", { x: this.x(a), width: Math.max(2, (b - a) * 25 * ppm), y: 1, height: tall - 2, class: model.filled ? "mark" : "mark hollow" }));
    }
    let low = Infinity, high = -Infinity;
    for (const value of data.signal) { if (value < low) low = value; if (value > high) high = value; }
    if (!(high >= low)) { low = 0; high = 0; }
    const zero = (low + high) / 2, scale = data.gain * ppm;
    const out = model.left_out.includes(data.lead);
    svg.append(label(GUTTER + 8, 15, out ? `${data.lead}, left out of the score` : data.lead, { class: out ? "lead out" : "lead" }),
      label(GUTTER + wide - 6, 14, data.print, { class: "print", "text-anchor": "end" }));
    if (made && !out) {
      svg.append(drawing("path", { class: "made", d: tracePath(made, 0, made.length, GUTTER, (25 * ppm) / data.model_fs, tall / 2, scale, zero) }));
    }
    const trace = drawing("path", { class: "recorded", d: tracePath(data.signal, 0, data.n, GUTTER, (25 * ppm) / data.fs, tall / 2, scale, zero) });
    svg.append(drawing("svg", { width: GUTTER + wide + 16, height: tall }, trace)); // noise stays in its band
    return svg;
  }

  trace(model, values) {
    const svg = this.svg(TRACE + GAP, { role: "img", "aria-label": `${model.title}: anomaly score over time` }), base = TRACE;
    let top = 1.3;
    for (const value of values) if (value > top) top = value;
    const dx = (25 * this.ppm) / this.data.model_fs, scale = (TRACE - 4) / top, y = base - scale;
    let over = "";
    for (let i = 0; i < values.length; i++) {
      if (values[i] <= 1) continue;
      let j = i;
      while (j < values.length && values[j] > 1) j++;
      over += `M${GUTTER + i * dx} ${y}` + tracePath(values, i, j, GUTTER + i * dx, dx, base, scale, 0).replace("M", "L") + `L${GUTTER + (j - 1) * dx} ${y}Z`;
      i = j;
    }
    svg.append(drawing("path", { d: over, class: model.filled ? "over" : "over hollow" }), drawing("path", { d: `M${GUTTER} ${y}H${GUTTER + this.plot}`, class: "alarm" }),
      drawing("path", { class: "score", d: tracePath(values, 0, values.length, GUTTER, dx, base, scale, 0) }),
      label(GUTTER - 8, y + 4, "1.0", { class: "axis alarm-name", "text-anchor": "end" }));
    return svg;
  }

  point(event) {
    const first = this.box.querySelector("section.model svg:has(> .ground)");
    if (!first) return;
    const box = this.box.getBoundingClientRect(), left = first.getBoundingClientRect().left + GUTTER, at = event.clientX;
    if (at < left || at > left + this.plot) { this.hair.setAttribute("hidden", ""); return; }
    this.hair.removeAttribute("hidden");
    this.hair.style.left = `${at - box.left}px`;
    this.hair.textContent = `${(this.data.start_s + (at - left) / (25 * this.ppm)).toFixed(2)} s`;
  }
}

const views = new WeakMap();

export default function (component) {
  const { data, parentElement } = component;
  if (!views.has(parentElement)) views.set(parentElement, new CompareView(home(parentElement)));
  if (data) views.get(parentElement).show(unpack(data));
  return () => {
    const view = views.get(parentElement);
    if (view) view.close();
    views.delete(parentElement);
  };
}
