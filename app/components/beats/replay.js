// A recording as a monitor shows it: a head writes over the oldest seconds; beats are marked when they are scored.
const SWEEP_S = 8, LANE = 92, HEAD_GAP_S = 0.35, TOP = 20;

class Sweep {
  constructor(root) {
    this.canvas = element("canvas", { "aria-hidden": "true" });
    this.last = element("div.last", { "aria-live": "polite" });
    this.position = new Position((to) => this.seek(to));
    this.box = element("section.replay", { "aria-label": "Replay" }, this.canvas, this.position.box, this.last);
    root.replaceChildren(this.box);
    this.frame = requestAnimationFrame((now) => this.turn(now));
    this.calm = window.matchMedia("(prefers-reduced-motion: reduce)").matches;
  }

  take(packet, seek) {
    this.seek = seek;
    if (this.name !== packet.name || (packet.jump && packet.turn !== this.seen)) Object.assign(this, { name: packet.name, until: packet.start_s, from: packet.start_s, head: packet.start_s, beats: [], seen: -1, ring: null });
    if (packet.turn === this.seen) return;
    this.seen = packet.turn;
    this.position.take(packet);
    this.speed = packet.speed;
    if (packet.jump) this.last.replaceChildren("No anomalous beat since here");
    const { leads, fs, n } = packet, size = Math.ceil(fs * SWEEP_S * 40);
    if (!this.ring) Object.assign(this, { leads, fs, size, ring: leads.map(() => new Float32Array(size)), zero: leads.map(() => null), reach: 1 });
    leads.forEach((_, r) => {
      const own = row(packet.signal, n, r), first = Math.round(packet.start_s * fs);
      for (let i = 0; i < n; i++) this.ring[r][(first + i) % size] = own[i];
      if (this.zero[r] === null && n > fs / 4) this.zero[r] = Float32Array.from(own).sort()[n >> 1];
    });
    this.until = packet.start_s + n / fs;
    this.beats = [...this.beats, ...packet.beats].filter((beat) => beat.time > this.until - 40 * SWEEP_S);
    const found = packet.beats.filter((beat) => beat.anomalous).pop();
    if (found) this.last.replaceChildren(`Last anomalous beat: ${this.clock(found.time)}, score ${found.score.toFixed(1)}${found.rr === null ? "" : `, ${Math.round(found.rr * 1000)} ms after the beat before`}`);
    if (this.calm || packet.jump) this.head = this.until;
    this.drawnAt = null; // the position control may have news
  }

  clock(t) { return `${Math.floor(t / 60)}:${(t % 60).toFixed(1).padStart(4, "0")}`; }

  // the head runs by the screen's own clock, behind what has come, and catches up where it is late
  turn(now) {
    const passed = Math.min(0.25, (now - (this.then || now)) / 1000);
    this.then = now;
    if (this.ring) {
      const late = this.until - this.head;
      if (!this.calm && late > 0) this.head = Math.min(this.until, this.head + passed * Math.max(this.speed, 0.01) * (late > 1.6 * Math.max(this.speed, 1) ? 1.5 : 1));
      if (this.drawnAt !== this.head || this.drawnBeats !== this.beats.length) this.draw();
    }
    this.frame = requestAnimationFrame((next) => this.turn(next));
  }

  draw() {
    const width = this.box.clientWidth, tall = TOP + LANE * this.leads.length, sharp = Math.min(window.devicePixelRatio || 1, 2);
    if (!width) return;
    const { canvas, fs, size, head } = this;
    this.position.show(head);
    Object.assign(this, { drawnAt: head, drawnBeats: this.beats.length });
    if (canvas.width !== Math.round(width * sharp)) { canvas.width = Math.round(width * sharp); canvas.height = Math.round(tall * sharp); canvas.style.width = `${width}px`; canvas.style.height = `${tall}px`; }
    const pen = canvas.getContext("2d"), ink = (name) => { this.last.style.setProperty("outline-color", `var(--${name})`); return getComputedStyle(this.last).outlineColor; };
    pen.setTransform(sharp, 0, 0, sharp, 0, 0);
    pen.fillStyle = ink("paper");
    pen.fillRect(0, 0, width, tall);
    const page = Math.floor(head / SWEEP_S) * SWEEP_S, x = (t) => ((t % SWEEP_S) / SWEEP_S) * width, oldest = Math.max(this.from, head - SWEEP_S + HEAD_GAP_S);
    pen.strokeStyle = ink("grid-major");
    pen.lineWidth = 1;
    pen.beginPath();
    for (let s = 0; s < SWEEP_S; s += 1) { pen.moveTo(Math.round((s / SWEEP_S) * width) + 0.5, TOP); pen.lineTo(Math.round((s / SWEEP_S) * width) + 0.5, tall); }
    pen.stroke();
    pen.fillStyle = ink("highlight");
    pen.beginPath(); // one path: where two marks meet the colour is no stronger
    for (const beat of this.beats) {
      if (beat.time <= head && beat.time >= oldest && beat.anomalous) pen.rect(x(beat.time) - (0.2 / SWEEP_S) * width, TOP, (0.5 / SWEEP_S) * width, tall - TOP);
    }
    pen.fill();
    pen.strokeStyle = ink("trace");
    pen.lineWidth = 1.3;
    const per = (SWEEP_S * fs) / width > 4 ? Math.floor((SWEEP_S * fs) / width / 2) : 1;
    this.leads.forEach((lead, r) => {
      const scale = LANE / 3.4, y0 = TOP + LANE * (r + 0.55), values = this.ring[r];
      for (const [a, b] of [[oldest, page], [Math.max(page, oldest), head]]) {
        if (b <= a) continue;
        let level = this.zero[r] ?? 0, down = false;
        pen.beginPath();
        for (let i = Math.ceil(a * fs - 1e-6); i < b * fs - 0.5; i += per) {
          const at = x(i / fs), y = y0 - (values[i % size] - level) * scale;
          if (down) pen.lineTo(at, y); else pen.moveTo(at, y);
          down = true;
        }
        pen.stroke();
      }
      pen.fillStyle = ink("text");
      pen.font = "600 12px Inter, sans-serif";
      pen.fillText(lead, 8, TOP + LANE * r + 16);
    });
    for (const beat of this.beats) {
      if (beat.time > head || beat.time < oldest) continue;
      const at = x(beat.time);
      pen.fillStyle = beat.anomalous ? ink("anomaly") : ink("muted");
      pen.beginPath();
      if (beat.anomalous) { pen.moveTo(at - 5, 6); pen.lineTo(at + 5, 6); pen.lineTo(at, 15); } else pen.arc(at, 11, 2, 0, 7);
      pen.fill();
      if (beat.anomalous) { pen.font = "10.5px Inter, sans-serif"; pen.fillText(beat.score.toFixed(1), at + 8, 15); }
    }
    pen.strokeStyle = ink("text");
    pen.beginPath();
    pen.moveTo(x(head), TOP);
    pen.lineTo(x(head), tall);
    pen.stroke();
    shared().replayed = { head, until: this.until, beats: this.beats.length, fed: this.position.packet.fed_s, goal: this.position.packet.goal_s };
  }

  close() { cancelAnimationFrame(this.frame); }
}

const sweeps = new WeakMap();

export default function (component) {
  const { data, parentElement, setTriggerValue } = component;
  if (!sweeps.has(parentElement)) sweeps.set(parentElement, new Sweep(home(parentElement)));
  if (data) sweeps.get(parentElement).take(unpack(data), (to) => setTriggerValue("seek", to));
  return () => {
    sweeps.get(parentElement)?.close();
    sweeps.delete(parentElement);
  };
}
