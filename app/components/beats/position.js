// Where in the recording a replay is: what it was learnt from, what has gone through the stream, where it was anomalous.
const BAR = 26, BAR_TOP = 3, STEP_S = 10, PAGE_S = 60;

class Position {
  constructor(seek) {
    Object.assign(this, { seek, asked: null, over: null });
    this.canvas = element("canvas", { "aria-hidden": "true" });
    this.hover = element("span.hover", { "aria-hidden": "true" });
    this.slider = element("div.position", { tabindex: "0", role: "slider", "aria-orientation": "horizontal", "aria-label": "Position of the replay",
      title: "Click to go there", "aria-keyshortcuts": "ArrowLeft ArrowRight PageUp PageDown Home End" }, this.canvas, this.hover);
    this.ends = [element("span", {}), element("span", {}), element("span", {})];
    this.box = element("div.where", {}, this.slider, element("div.ends", {}, ...this.ends));
    this.slider.addEventListener("pointerdown", (event) => {
      if (event.button || !this.packet) return;
      this.holding = true;
      this.slider.setPointerCapture(event.pointerId);
      this.point(event);
    });
    this.slider.addEventListener("pointermove", (event) => { if (this.packet) this.point(event); });
    this.slider.addEventListener("pointerup", () => { if (this.holding) this.go(this.over); this.holding = false; });
    this.slider.addEventListener("pointercancel", () => { this.holding = false; });
    this.slider.addEventListener("pointerleave", () => { this.over = null; this.hover.replaceChildren(); this.draw(); });
    this.slider.addEventListener("keydown", (event) => this.key(event));
  }

  point(event) {
    const box = this.slider.getBoundingClientRect(), { duration_s: total, learnt_s: first } = this.packet;
    this.over = Math.max(first, Math.min(total, ((event.clientX - box.left) / box.width) * total));
    this.hover.replaceChildren(this.clock(this.over));
    this.hover.style.left = `${Math.max(26, Math.min(box.width - 26, (this.over / total) * box.width))}px`;
    this.draw();
  }

  key(event) {
    if (!this.packet || event.ctrlKey || event.metaKey || event.altKey) return;
    const { duration_s: total, learnt_s: first } = this.packet, from = this.asked ?? this.at;
    const to = { ArrowLeft: from - STEP_S, ArrowDown: from - STEP_S, ArrowRight: from + STEP_S, ArrowUp: from + STEP_S, PageDown: from + PAGE_S, PageUp: from - PAGE_S, Home: first, End: total }[event.key];
    if (to === undefined) return;
    event.preventDefault();
    event.stopPropagation();
    this.go(Math.max(first, Math.min(total, to)));
  }

  go(to) {
    if (to === null) return;
    this.asked = to;
    this.draw();
    this.seek(to);
  }

  clock(t) {
    const s = Math.floor(t + 1e-6), m = Math.floor(s / 60), rest = String(s % 60).padStart(2, "0");
    return this.packet.duration_s >= 3600 ? `${Math.floor(m / 60)}:${String(m % 60).padStart(2, "0")}:${rest}` : `${m}:${rest}`;
  }

  take(packet) {
    if (packet.jump || (this.asked !== null && this.packet && packet.goal_s === null && this.packet.goal_s !== null)) this.asked = null;
    this.packet = packet;
    this.ends[0].replaceChildren(`learnt from the first ${this.clock(packet.learnt_s)}`);
    this.ends[1].replaceChildren("click to go to a place; amber: anomalous beats, as far as they are scored");
    this.ends[2].replaceChildren(this.clock(packet.duration_s));
  }

  show(at) {
    this.at = at;
    if (!this.packet) return;
    this.slider.setAttribute("aria-valuemin", Math.round(this.packet.learnt_s));
    this.slider.setAttribute("aria-valuemax", Math.round(this.packet.duration_s));
    this.slider.setAttribute("aria-valuenow", Math.round(at));
    this.slider.setAttribute("aria-valuetext", `${this.clock(at)} of ${this.clock(this.packet.duration_s)}`);
    this.draw();
  }

  draw() {
    const { packet, at } = this, width = this.slider.clientWidth;
    if (!packet || !width || at === undefined) return;
    const tall = BAR, sharp = Math.min(window.devicePixelRatio || 1, 2), { canvas } = this;
    if (canvas.width !== Math.round(width * sharp)) { canvas.width = Math.round(width * sharp); canvas.height = Math.round(tall * sharp); canvas.style.width = `${width}px`; canvas.style.height = `${tall}px`; }
    const pen = canvas.getContext("2d"), x = (t) => (t / packet.duration_s) * width, base = tall - BAR_TOP;
    const ink = (name) => { this.hover.style.setProperty("outline-color", `var(--${name})`); return getComputedStyle(this.hover).outlineColor; };
    pen.setTransform(sharp, 0, 0, sharp, 0, 0);
    pen.clearRect(0, 0, width, tall);
    pen.fillStyle = ink("soft");
    pen.fillRect(0, BAR_TOP, width, base - BAR_TOP);
    pen.fillStyle = ink("border");
    pen.fillRect(0, BAR_TOP, x(packet.fed_s), base - BAR_TOP);
    pen.strokeStyle = ink("muted");
    pen.lineWidth = 1;
    pen.save();
    pen.beginPath();
    pen.rect(0, BAR_TOP, x(packet.learnt_s), base - BAR_TOP);
    pen.clip();
    pen.globalAlpha = 0.5;
    pen.beginPath();
    for (let at = -tall; at < x(packet.learnt_s); at += 6) { pen.moveTo(at, base); pen.lineTo(at + tall, base - tall); }
    pen.stroke();
    pen.restore();
    const { bins } = packet, most = Math.max(...bins, 1), each = width / bins.length;
    pen.fillStyle = ink("anomaly");
    bins.forEach((n, k) => { if (n) { const high = 4 + (n / most) * (base - BAR_TOP - 6); pen.fillRect(k * each, base - high, Math.max(each - 0.5, 1.5), high); } });
    const line = (t, dash) => { pen.setLineDash(dash); pen.beginPath(); pen.moveTo(Math.min(width - 1, Math.max(1, x(t))), 0); pen.lineTo(Math.min(width - 1, Math.max(1, x(t))), tall); pen.stroke(); };
    pen.strokeStyle = ink("text");
    if (this.over !== null) line(this.over, [2, 2]);
    pen.lineWidth = 2;
    const goal = this.asked ?? packet.goal_s;
    if (goal !== null) line(goal, [3, 2]);
    line(at, []);
  }
}
