// The score over a whole recording; a click or a key picks which seconds the paper shows. All words come from Python.
const TALL = 46, FOOT = 16, SNAP_PX = 4, SETTLE_MS = 160;

class Overview {
  constructor(root) {
    this.root = root;
    this.strip = drawing("svg", { class: "strip", tabindex: "0", role: "slider", "aria-orientation": "horizontal" });
    this.head = element("div.head", {});
    this.root.replaceChildren(element("section", { "aria-label": "Overview of the recording" }, this.head, this.strip));
    this.stop = listen((part) => { if (part === "rate" && this.given) this.show(); });
    this.observer = new ResizeObserver(() => this.draw());
    this.observer.observe(root);
    this.strip.addEventListener("pointerdown", (event) => {
      if (event.button) return;
      this.dragging = true;
      this.strip.setPointerCapture(event.pointerId);
      this.at(event);
    });
    this.strip.addEventListener("pointermove", (event) => { if (this.dragging) this.at(event, true); });
    this.strip.addEventListener("pointerup", () => { this.dragging = false; });
    this.strip.addEventListener("keydown", (event) => this.key(event));
  }

  take(data, send) {
    this.given = data;
    this.send = send;
    this.start = data.window[0];
    this.show();
  }

  show() {
    this.data = atRate(this.given);
    this.words();
    this.draw();
  }

  x(t) { return ((t - this.data.origin) / this.data.total) * this.width; }
  get last() { return this.data.origin + this.data.total - this.data.room; }

  // the highest point near a click if it is above the level, else the seconds around the click
  at(event, dragging) {
    const { data } = this, t = data.origin + ((event.clientX - this.strip.getBoundingClientRect().left) / this.width) * data.total;
    const near = (SNAP_PX / this.width) * data.total;
    let best = -1;
    if (!dragging && data.segments) {
      data.times.forEach((start, i) => {
        if (data.values[i] > data.level && start - near <= t && t <= start + data.room + near && (best < 0 || data.values[i] > data.values[best])) best = i;
      });
    }
    this.pick(best >= 0 ? data.times[best] : Math.round((t - data.room / 2) / data.step) * data.step);
  }

  key(event) {
    if (!this.data || event.ctrlKey || event.metaKey || event.altKey) return;
    const { data } = this, page = data.room, big = Math.max(6 * page, data.total / 60);
    const steps = { ArrowLeft: -page, ArrowDown: -page, ArrowRight: page, ArrowUp: page, PageUp: -big, PageDown: big };
    const to = { Home: data.origin, End: this.last };
    if (event.key in steps) this.pick(this.start + (event.shiftKey ? Math.sign(steps[event.key]) : steps[event.key]));
    else if (event.key in to) this.pick(to[event.key]);
    else if (event.key === "n" || event.key === "p") this.jump(event.key === "n" ? 1 : -1);
    else return;
    event.preventDefault();
    event.stopPropagation();
  }

  // the next segment above the level that does not overlap the seconds on view
  jump(way) {
    const { data } = this, above = data.times.filter((_, i) => data.values[i] > data.level);
    const next = way > 0 ? above.find((t) => t >= this.start + data.room - 1e-6) : above.reverse().find((t) => t <= this.start - data.room + 1e-6);
    if (next !== undefined) this.pick(next);
  }

  pick(start) {
    const fit = Math.min(Math.max(start, this.data.origin), this.last);
    if (Math.abs(fit - this.start) < 1e-3) return;
    this.start = fit;
    this.draw();
    clearTimeout(this.timer);
    this.timer = setTimeout(() => this.send(Math.round(fit * 1000) / 1000), SETTLE_MS);
  }

  words() {
    const { data } = this, jump = element("span.jump", {});
    if (data.segments && data.n_above) {
      for (const [way, words, key] of [[-1, "Previous above", "P"], [1, "Next above", "N"]]) {
        const button = element("button", { type: "button", title: `${words} the alarm threshold (key ${key} on the strip)` }, words);
        button.addEventListener("click", () => this.jump(way));
        jump.append(button);
      }
    }
    this.head.replaceChildren(element("h3", {}, data.title), element("span.muted", {}, data.summary), element("span", {}, data.view_words), jump);
    const { strip } = this;
    strip.setAttribute("aria-label", data.described);
    strip.setAttribute("aria-valuemin", data.origin);
    strip.setAttribute("aria-valuemax", this.last.toFixed(1));
    strip.setAttribute("aria-valuenow", data.window[0].toFixed(1));
    strip.setAttribute("aria-valuetext", data.view_words);
  }

  draw() {
    this.width = this.root.clientWidth - 2;
    if (!this.data || this.width < 10) return;
    const { data, strip, width } = this, base = TALL, span = data.each;
    strip.setAttribute("width", width + 2);
    strip.setAttribute("height", TALL + FOOT);
    let top = data.level * 1.25;
    for (const value of data.values) if (value !== null && value > top) top = value;
    const y = (value) => base - Math.sqrt(Math.max(value, 0) / top) * (TALL - 6); // the root: one huge segment hides no other
    let area = "", over = "", line = "", lost = "";
    data.values.forEach((value, i) => {
      const a = this.x(data.times[i] + data.shift), b = this.x(data.times[i] + data.shift + span);
      if (value === null) {
        for (let x = a; x < b; x += 4) lost += `M${x.toFixed(1)} ${base}L${Math.min(x + 4, b).toFixed(1)} ${base - 8}`;
        return;
      }
      const box = `M${a.toFixed(1)} ${base}V${y(value).toFixed(1)}H${b.toFixed(1)}V${base}Z`;
      area += box;
      if (value > data.level) over += `M${a.toFixed(1)} ${y(data.level).toFixed(1)}V${y(value).toFixed(1)}H${b.toFixed(1)}V${y(data.level).toFixed(1)}Z`;
      line += `${i && data.values[i - 1] !== null ? "L" : "M"}${a.toFixed(1)} ${y(value).toFixed(1)}H${b.toFixed(1)}`;
    });
    let ticks = "";
    for (const [t] of data.ticks) ticks += `M${Math.round(this.x(t)) + 0.5} 0V${base + 3}`;
    const one = y(data.level), a = this.x(this.start), b = Math.max(this.x(this.start + data.room), a + 3);
    strip.replaceChildren(drawing("path", { d: ticks, class: "tick" }), drawing("path", { d: area, class: "area" }), drawing("path", { d: over, class: "over" }),
      drawing("path", { d: line, class: "score" }), drawing("path", { d: lost, class: "lost" }), drawing("path", { d: `M0 ${base + 0.5}H${width}`, class: "tick" }),
      drawing("path", { d: `M0 ${one}H${width}`, class: "level" }), label(4, Math.max(10, one - 3), data.level_words, { class: "level-name" }),
      drawing("rect", { x: a, y: 0.75, width: b - a, height: base - 0.75, class: "window" }),
      drawing("path", { d: `M${(a + b) / 2 - 4} ${base + 6}h8l-4 -5z`, class: "flag" }));
    for (const [t, words] of data.ticks) {
      const x = this.x(t), anchor = x < 14 ? "start" : x > width - 24 ? "end" : "middle";
      strip.append(label(x, base + 13, words, { class: "axis", "text-anchor": anchor }));
    }
  }

  close() {
    this.stop();
    this.observer.disconnect();
    clearTimeout(this.timer);
  }
}

const strips = new WeakMap();

export default function (component) {
  const { data, parentElement, setTriggerValue } = component;
  if (!strips.has(parentElement)) strips.set(parentElement, new Overview(home(parentElement)));
  strips.get(parentElement).take(data, (start) => setTriggerValue("start", start));
  return () => {
    strips.get(parentElement)?.close();
    strips.delete(parentElement);
  };
}
