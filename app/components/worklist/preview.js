// The record beside the grid: twelve leads around its strongest stretch, and 10 s of lead II with the window on it.
const NAME_MM = 11, PULSE_MM = 6, COLUMN_MM = 2, RIGHT_MM = 1, AXIS_PX = 16, NARROW_PX = 470;
const OVERVIEW_PX = 58, LOW_OVERVIEW_PX = 42, LOW_WINDOW_PX = 820;

class Preview {
  constructor(root) {
    this.sheet = drawing("svg", { role: "group", tabindex: "0", class: "sheet" });
    this.overview = drawing("svg", { role: "img", class: "overview" });
    this.caliperBox = drawing("g", {});
    this.say = element("div.said", { "aria-live": "polite" });
    this.sheet.addEventListener("pointerdown", (event) => this.press(event));
    this.sheet.addEventListener("pointermove", (event) => this.move(event));
    for (const kind of ["pointerup", "pointercancel"]) this.sheet.addEventListener(kind, () => { this.from = null; });
    this.sheet.addEventListener("keydown", (event) => this.key(event));
    root.append(this.sheet, this.overview, this.say);
  }

  draw(packet, width) {
    const another = !this.packet || this.packet.position !== packet.position || this.packet.job !== packet.job || this.width !== width;
    this.packet = packet;
    this.width = width;
    this.ppm = width < NARROW_PX ? 2.5 : 3;
    this.height = Math.round(packet.height_mm * this.ppm);
    // each column begins with its pulse and the lead's name
    this.left = PULSE_MM + NAME_MM;
    const seconds = Math.min((width / this.ppm - 2 * this.left - COLUMN_MM - RIGHT_MM) / 50, packet.window_s);
    const end = packet.start_s + packet.n / packet.fs;
    this.first = Math.max(packet.start_s, Math.min(packet.centre_s - seconds / 2, end - seconds));
    this.last = Math.min(end, this.first + seconds);
    this.signals = { ...packet, leads: packet.strips.map((strip) => strip.lead) };
    this.view = { paper: { layout: "preview", speed: 25, strips: packet.strips.map((strip, k) => this.strip(strip, k < 6 ? 0 : 1)) } };
    if (another) this.clearCaliper();
    this.drawSheet(width);
    this.drawOverview(width);
  }

  // a strip as the caliper takes it
  strip(strip, column) {
    const [lo] = this.range(strip, this.packet.start_s, this.packet.fs, this.packet.n);
    return { ...strip, column, rhythm: strip.lead === "II", x_mm: this.x(column, this.packet.start_s + lo / this.packet.fs) / this.ppm,
      start_s: this.first, stop_s: this.last };
  }

  // x of an instant in a column, px
  x(column, t) { return (this.left + column * ((this.last - this.first) * 25 + this.left + COLUMN_MM) + (t - this.first) * 25) * this.ppm; }

  // which samples are on view
  range(strip, start, fs, n) {
    return [Math.max(0, Math.ceil((this.first - start) * fs - 1e-6)), Math.min(n, Math.floor((this.last - start) * fs + 1e-6))];
  }

  drawSheet(width) {
    const { packet, ppm, height } = this;
    const lines = (step) => {
      let path = "";
      for (let x = 0; x <= width; x += step * ppm) path += `M${Math.round(x) + 0.5} 0V${height}`;
      for (let y = 0; y <= height; y += step * ppm) path += `M0 ${Math.round(y) + 0.5}H${width}`;
      return path;
    };
    const marks = drawing("g", {}), brackets = drawing("g", {}), names = drawing("g", {});
    const ink = drawing("g", { class: "recorded" }), made = drawing("g", { class: "model" });
    let pulses = "";
    this.view.paper.strips.forEach((strip, k) => {
      const { column } = strip, y = strip.y_mm * ppm, scale = strip.gain * ppm;
      const [lo, hi] = this.range(strip, packet.start_s, packet.fs, packet.n);
      pulses += `M${this.x(column, this.first) - this.left * ppm + 1} ${y}h${0.5 * ppm}v${-scale}h${(PULSE_MM - 1.5) * ppm}v${scale}h${0.5 * ppm}`;
      ink.append(...tracePieces(row(packet.signal, packet.n, k), lo, hi, this.x(column, packet.start_s + lo / packet.fs), (25 * ppm) / packet.fs, y, scale, strip.zero_mv));
      if (packet.made && !strip.left_out) {
        const [a, b] = this.range(strip, packet.made_start_s, packet.made_fs, packet.made_n);
        made.append(...tracePieces(row(packet.made, packet.made_n, k), a, b, this.x(column, packet.made_start_s + a / packet.made_fs), (25 * ppm) / packet.made_fs, y, scale, strip.zero_mv));
      }
      names.append(label(this.x(column, this.first) - 5, y - 4, strip.lead, { class: strip.fault ? "name faulty" : "name", "text-anchor": "end" }));
      packet.stretches.forEach((stretch) => this.mark(marks, stretch, column, strip, y));
    });
    packet.stretches.forEach((stretch, index) => [0, 1].forEach((column) => this.bracket(brackets, stretch, column, index + 1)));
    this.sheet.setAttribute("width", width);
    this.sheet.setAttribute("height", height);
    this.sheet.setAttribute("aria-label", `${packet.described}. Drag, or press an arrow key, to measure.`);
    const seconds = (t) => t.toFixed(2);
    this.sheet.replaceChildren(drawing("rect", { width, height, class: "ground" }), drawing("path", { d: lines(1), class: "minor" }),
      drawing("path", { d: lines(5), class: "major" }), marks, drawing("path", { d: pulses, class: "pulse" }), made, ink, names, brackets,
      label(6, height - 6, `all leads at ${seconds(this.first)}\u2013${seconds(this.last)} s, ${packet.print}`, { class: "print" }));
    if (packet.made) this.legend(width, height);
    this.sheet.append(this.caliperBox);
  }

  legend(width, height) {
    const node = label(width - 8, height - 6, width < NARROW_PX ? this.packet.made_by.replace("reconstruction by ", "") : this.packet.made_by, { class: "print", "text-anchor": "end" });
    this.sheet.append(node);
    const at = width - 12 - node.getComputedTextLength();
    this.sheet.append(drawing("path", { d: `M${at - 18} ${height - 10}h16`, class: "model sample" }));
  }

  mark(group, stretch, column, strip, y) {
    const from = Math.max(stretch.start_s, this.first), to = Math.min(stretch.stop_s, this.last);
    if (to <= from || !stretch.leads.includes(strip.lead)) return;
    const half = Math.min(this.packet.row_mm, 18) * 0.5 * this.ppm, x = this.x(column, from), wide = this.x(column, to) - x;
    group.append(drawing("rect", { x, width: wide, y: y - half, height: 2 * half, class: this.packet.filled ? "mark" : "mark hollow" }));
  }

  bracket(group, stretch, column, number) {
    const from = Math.max(stretch.start_s, this.first), to = Math.min(stretch.stop_s, this.last);
    const leads = this.packet.strips.slice(column * 6, column * 6 + 6).map((strip) => strip.lead);
    if (to <= from || !stretch.leads.some((lead) => leads.includes(lead))) return;
    const x = this.x(column, from), wide = this.x(column, to) - x, hollow = this.packet.filled ? "" : " hollow";
    group.append(drawing("path", { d: `M${x} 13V9H${x + wide}V13`, class: "bracket" }), drawing("circle", { cx: x + wide / 2, cy: 9, r: 7.5, class: "badge" + hollow }),
      label(x + wide / 2, 13, number, { class: "number" + hollow, "text-anchor": "middle" }));
  }

  drawOverview(width) {
    const { packet } = this, n = packet.overview.length, length = n / packet.overview_fs;
    const high_px = window.innerHeight < LOW_WINDOW_PX ? LOW_OVERVIEW_PX : OVERVIEW_PX, height = high_px + AXIS_PX;
    const start = packet.overview_start_s, x = (t) => ((t - start) / length) * width;
    let low = Infinity, high = -Infinity;
    for (const value of packet.overview) { if (value < low) low = value; if (value > high) high = value; }
    const scale = (high_px - 22) / Math.max(high - low, 0.5), y0 = high_px / 2 + 5;
    const parts = [drawing("rect", { width, height: high_px, class: "ground" })];
    let ticks = "";
    for (let t = Math.ceil(start); t <= start + length; t++) ticks += `M${Math.round(x(t)) + 0.5} 0V${high_px}`;
    parts.push(drawing("path", { d: ticks, class: "second" }));
    for (const stretch of packet.stretches) {
      const wide = Math.max(3, x(stretch.stop_s) - x(stretch.start_s));
      parts.push(drawing("rect", { x: x(stretch.start_s), width: wide, height: high_px, class: packet.filled ? "mark" : "mark hollow" }));
    }
    parts.push(drawing("path", { d: tracePath(packet.overview, 0, n, 0, width / n, y0, scale, (low + high) / 2), class: "recorded thin" }));
    parts.push(drawing("rect", { x: x(this.first) + 0.75, y: 0.75, width: x(this.last) - x(this.first) - 1.5, height: high_px - 1.5, class: "window" }));
    parts.push(label(6, 14, "II", { class: "name" }));
    for (let t = Math.ceil(start); t <= start + length + 1e-6; t++) {
      const last = t + 1 > start + length + 1e-6, at = Math.min(Math.max(x(t), 4), width - 2);
      parts.push(label(at, height - 3, last ? `${t} s` : `${t}`, { class: "axis", "text-anchor": last ? "end" : t === Math.ceil(start) ? "start" : "middle" }));
    }
    this.overview.setAttribute("width", width);
    this.overview.setAttribute("height", height);
    this.overview.setAttribute("aria-label", `Lead II, ${length.toFixed(0)} s, with the window of the leads above`);
    this.overview.replaceChildren(...parts);
  }
}

Object.assign(Preview.prototype, READING);
