// Below the paper: score trace, error map, attention map; the same x for the same instant.
const BELOW = {
  timeX(t) {
    const { view, ppm } = this;
    return (14 + (t - view.axis.start_s) * view.axis.speed) * ppm;
  },

  // samples of an array of n columns over the model's seconds that lie on the axis, and where the first of them stands
  cut(n) {
    const { model_: model, view } = this, seconds = model.n / model.fs, per = n / seconds;
    const lo = Math.max(0, Math.floor((view.axis.start_s - model.start_s) * per + 1e-6));
    const hi = Math.min(n, Math.ceil((view.axis.stop_s - model.start_s) * per - 1e-6));
    return { lo, hi, x: this.timeX(model.start_s + lo / per), dx: (view.axis.speed * this.ppm) / per };
  },

  // beats that come early, and where one was due and none came, on the axis
  rhythm() {
    const { model_: model, view } = this, on = ([t]) => t >= view.axis.start_s && t <= view.axis.stop_s;
    return [...(model.early_s || []).map((t) => [t, false]), ...(model.missing_s || []).map((t) => [t, true])].filter(on);
  },

  // filled: a beat that is early; hollow: one that is missing
  beatMark(x, y, missing, up) {
    const group = drawing("g", { class: missing ? "beat-mark missing" : "beat-mark" });
    group.append(drawing("path", { d: up ? `M${(x - 4.5).toFixed(1)} ${y + 7}h9l-4.5-7z` : `M${(x - 4.5).toFixed(1)} ${y}h9l-4.5 7z` }));
    const words = drawing("title", {});
    words.textContent = missing ? "a beat was due here" : "this beat comes early";
    group.append(words);
    return group;
  },

  axis(svg, y) {
    const { view } = this, from = Math.ceil(view.axis.start_s - 1e-6), to = Math.floor(view.axis.stop_s + 1e-6);
    const clock = (t) => (t < 60 ? `${t}` : `${Math.floor(t / 60)}:${String(t % 60).padStart(2, "0")}`);
    for (let t = from; t <= to; t++) {
      svg.append(label(this.timeX(t), y, t === to && t < 60 ? `${t} s` : clock(t), { class: "axis", "text-anchor": "middle" }));
    }
  },

  drawBelow() {
    const { model_: model, view, lead } = this;
    this.below.replaceChildren();
    if (!model || !model.n) return;
    const head = (title, rest, legend) => element("div.head", { style: `padding-left:${14 * this.ppm}px;max-width:${view.paper.width_mm * this.ppm}px` },
      element("h3", {}, title), element("span.muted", {}, rest), legend || null);
    const trace = lead ? lead.trace : model.trace, of = lead ? `Anomaly score of ${lead.lead} over time` : "Anomaly score over time";
    this.drawTrace(trace);
    this.trace.setAttribute("aria-label", of);
    this.drawMap(this.errors, model.error, model.leads, model.columns, "error");
    this.errors.setAttribute("aria-label", "Reconstruction error by lead and time");
    this.below.append(
      head(of, lead ? "how far this lead differs from what the model expects; at 1 a stretch is marked"
        : "how far the most unusual lead differs from what the model expects; at 1 a stretch is marked"), this.trace,
      head("Where the ECG differs", `difference from ${view.differs_from}, squared, times that of normal ECGs`, this.legend("error", model.error_edges)), this.errors);
    if (model.attention) {
      this.drawMap(this.attention, model.attention, model.attention_leads, model.attention_columns, "attention");
      this.attention.setAttribute("aria-label", "Attention of the model by lead and time: where the model looked, not why");
      this.below.append(head("Attention of the model", "where the model looked, not why; a dark cell is not a finding", this.legend("attention")), this.attention);
    }
  },

  legend(kind, edges) {
    const wide = 13 * 7, svg = drawing("svg", { width: wide, height: 9, "aria-hidden": "true" });
    for (let i = 0; i < 7; i++) svg.append(drawing("rect", { x: i * 13, width: 12, height: 9, class: `${kind}-${i}` }));
    const [low, high] = edges ? [`under ${edges[0]}`, `over ${edges[edges.length - 1]}`] : ["low", "high"];
    return element("span.legend.muted", {}, low, svg, high);
  },

  drawTrace(trace) {
    const { model_: model, view, width } = this, svg = this.trace, base = TRACE_PX + 4;
    svg.replaceChildren();
    svg.setAttribute("width", width);
    svg.setAttribute("height", base + 16);
    let top = 1.2;
    for (const value of trace) if (value > top) top = value;
    const { lo, hi, x, dx } = this.cut(model.n), scale = TRACE_PX / top, one = base - scale, end = x + (hi - lo) * dx;
    let seconds = "", over = "";
    for (let t = Math.ceil(view.axis.start_s); t <= view.axis.stop_s; t++) seconds += `M${Math.round(this.timeX(t)) + 0.5} 4V${base}`;
    for (let i = lo; i < hi; i++) {
      if (!(trace[i] > 1)) continue;
      let j = i;
      while (j < hi && trace[j] > 1) j++;
      const at = x + (i - lo) * dx;
      over += `M${at.toFixed(1)} ${one.toFixed(1)}` + tracePath(trace, i, j, at, dx, base, scale, 0).replace("M", "L") + `L${(x + (j - 1 - lo) * dx).toFixed(1)} ${one.toFixed(1)}Z`;
      i = j;
    }
    svg.append(drawing("path", { d: seconds, class: "second" }));
    if (view.marks) svg.append(drawing("path", { d: over, class: view.filled ? "over" : "over hollow" }));
    svg.append(drawing("path", { d: `M${x} ${one}H${end}`, class: "level" }), drawing("path", { d: `M${x} ${base + 0.5}H${end}`, class: "second" }),
      drawing("path", { d: tracePath(trace, lo, hi, x, dx, base, scale, 0), class: "score" }));
    svg.append(label(x - 8, base, "0", { class: "axis", "text-anchor": "end" }), label(x - 8, one + 4, "1.0", { class: "axis level-name", "text-anchor": "end" }));
    if (one - 9 > 6) svg.append(label(x - 8, 9, top.toFixed(1), { class: "axis", "text-anchor": "end" }));
    if (view.marks && !this.lead) {
      for (const [t, missing] of this.rhythm()) svg.append(this.beatMark(this.timeX(t), 4, missing));
    }
    this.axis(svg, base + 14);
    if (view.paper.layout === "closeup") {
      const strip = view.paper.strips[0], a = this.timeX(strip.start_s), b = this.timeX(strip.stop_s);
      svg.append(drawing("rect", { x: a, y: 2, width: b - a, height: base - 2, class: "window" }));
    }
  },

  drawMap(svg, cells, leads, columns, kind) {
    const { model_: model, view, width } = this, top = 8, tall = leads.length * ROW_PX;
    const { lo, hi, x, dx } = this.cut(columns), wide = (hi - lo) * dx, shown = columns === hi - lo ? cells : new Uint8Array(leads.length * (hi - lo));
    if (shown !== cells) leads.forEach((_, r) => shown.set(cells.subarray(r * columns + lo, r * columns + hi), r * (hi - lo)));
    svg.replaceChildren();
    svg.setAttribute("width", width);
    svg.setAttribute("height", top + tall + 16);
    const body = drawing("g", { transform: `translate(0 ${top})` }), cellsOf = drawing("g", { class: view.filled === false && kind === "error" ? "pale" : "" },
      drawing("rect", { x, width: wide, height: tall, class: `${kind}-0` }));
    mapPaths(shown, leads.length, hi - lo, x, wide, ROW_PX, 7, 1).forEach((d, step) => {
      if (d) cellsOf.append(drawing("path", { d, class: `${kind}-${step}` }));
    });
    body.append(cellsOf);
    leads.forEach((lead, index) => {
      const out = model.left_out.includes(lead), alone = this.lead && this.lead.lead === lead;
      body.append(label(x - 8, (index + 1) * ROW_PX - 2.5, lead, { class: out ? "axis out" : alone ? "axis strong" : "axis", "text-anchor": "end" }));
      if (out) body.append(drawing("path", { d: `M${x} ${(index + 0.5) * ROW_PX}h${wide}`, class: "lost" }));
    });
    svg.append(body);
    if (view.marks) {
      let brackets = "";
      for (const s of model.stretches) {
        const a = Math.max(s.start_s, view.axis.start_s), b = Math.min(s.stop_s, view.axis.stop_s);
        if (b > a) brackets += `M${this.timeX(a)} ${top}V${top - 5}H${this.timeX(b)}V${top}`;
      }
      svg.append(drawing("path", { d: brackets, class: "bracket" }));
    }
    this.axis(svg, top + tall + 14);
  },
};
