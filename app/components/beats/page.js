// What the panels of the Beats page share: beats, the one on view, the threshold.
const SHAPE_NAMES = "ABCDEFGHIJKLMNOPQRSTUVWXYZ";

function shapeName(cluster) { return SHAPE_NAMES[cluster] || String(cluster + 1); }

function clock(seconds, total, exact) {
  const s = Math.max(0, exact ? Math.round(seconds * 100) / 100 : Math.floor(seconds + 1e-6));
  const h = Math.floor(s / 3600), m = Math.floor((s % 3600) / 60), rest = exact ? (s % 60).toFixed(2).padStart(5, "0") : String(Math.floor(s % 60)).padStart(2, "0");
  return total >= 3600 ? `${h}:${String(m).padStart(2, "0")}:${rest}` : `${m}:${rest}`;
}

function placeWords(percentile) {
  return percentile >= 99.995 ? "above all normal beats" : `${percentile.toFixed(percentile >= 99 ? 2 : 1)} of normal beats`;
}

// colours of the palette as a canvas takes them: light-dark() is resolved by the browser
const INKS = ["surface", "paper", "border", "grid-major", "muted", "text", "trace", "anomaly"];

function inks(node) {
  const probe = element("i", { "aria-hidden": "true", style: "position:absolute;width:0;height:0" });
  node.append(probe);
  const found = {};
  for (const name of INKS) {
    probe.style.color = `var(--${name})`;
    found[name] = getComputedStyle(probe).color;
  }
  probe.remove();
  return found;
}

// a canvas as wide as its box, sharp on any screen
function fitted(canvas, width, height) {
  const sharp = Math.min(window.devicePixelRatio || 1, 2);
  if (canvas.width !== Math.round(width * sharp) || canvas.height !== Math.round(height * sharp)) {
    canvas.width = Math.round(width * sharp);
    canvas.height = Math.round(height * sharp);
    canvas.style.width = `${width}px`;
    canvas.style.height = `${height}px`;
  }
  const pen = canvas.getContext("2d");
  pen.setTransform(sharp, 0, 0, sharp, 0, 0);
  pen.clearRect(0, 0, width, height);
  return pen;
}

function heading(title, rest, ...more) {
  return element("div.head", {}, element("h3", {}, title), element("span.muted", {}, rest), ...more);
}

function chip(words, pressed, act, attributes) {
  const button = element("button.chip", { type: "button", "aria-pressed": pressed ? "true" : "false", ...attributes }, words);
  button.addEventListener("click", act);
  return button;
}

// while beats are compared the recording can be read already
const NO_BEATS = { packet: "", n: 0, ms: new Int32Array(0), flagged: new Uint8Array(0) };

const STATE = {
  // packets of one recording, and the view that belongs to them; nothing is drawn of two recordings together
  gather() {
    const { beat_words: told, beat_scores: scores, beat_shapes: shapes, beat_strips: strips, beat_strip: strip } = shared().parts, id = this.given && this.given.id;
    if (!id || !strips || strips.id !== this.given.recording) return false;
    this.strips = strips;
    if (this.given.waiting) { Object.assign(this, { scores: NO_BEATS, anomalous: NO_BEATS.flagged, list: [] }); return true; }
    if (![told, scores, shapes, strip].every((part) => part && part.id === id)) return false;
    if (this.scores !== scores) {
      this.scores = scores;
      scores.ms = new Int32Array(scores.times.buffer, scores.times.byteOffset, scores.n);
      this.fresh = true;
      this.levels = null;
    }
    Object.assign(this, { told, shapes, strip });
    return true;
  },

  time(k) { return this.scores.ms[k] / 1000; },

  // looked up once for each theme: each look makes the browser lay out the page
  get ink() {
    if (this.inkedAt !== this.themed) Object.assign(this, { inkedAt: this.themed, inked: inks(this.root) });
    return this.inked;
  },

  // what does not change with the threshold is drawn once, and laid under what does
  under(name, key, width, height, paint) {
    const kept = this.kept[name] || (this.kept[name] = { canvas: document.createElement("canvas") });
    if (kept.key !== key) {
      kept.key = key;
      paint(fitted(kept.canvas, width, height));
    }
    return kept.canvas;
  },

  // which beats lie above the threshold at the rate chosen: a beat's `flagged` counts from the last rate
  flag() {
    const { scores, at } = this, key = `${scores.packet}|${at}`;
    if (this.levels === key) return;
    this.levels = key;
    const needed = scores.rates.length - at;
    this.anomalous = scores.flagged.map((count) => (count >= needed ? 1 : 0));
    this.list = [];
    for (let k = 0; k < scores.n; k++) if (this.anomalous[k]) this.list.push(k);
    this.runs = [];
    for (let k = 0; k < scores.n; k++) {
      if (!this.anomalous[k]) continue;
      let stop = k;
      while (stop < scores.n && this.anomalous[stop]) stop++;
      if (stop - k >= 3) this.runs.push([k, stop]);
      k = stop;
    }
    this.sortList();
  },

  // the beat nearest to a time
  nearest(t) {
    const { ms, n } = this.scores, want = t * 1000;
    let lo = 0, hi = n - 1;
    while (lo < hi) { const mid = (lo + hi) >> 1; if (ms[mid] < want) lo = mid + 1; else hi = mid; }
    return lo > 0 && Math.abs(ms[lo - 1] - want) < Math.abs(ms[lo] - want) ? lo - 1 : lo;
  },

  // the first beat at or after a time
  from(t) {
    const { ms, n } = this.scores, want = t * 1000;
    let lo = 0, hi = n;
    while (lo < hi) { const mid = (lo + hi) >> 1; if (ms[mid] < want) lo = mid + 1; else hi = mid; }
    return lo;
  },

  choose(k) {
    if (!this.scores || k < 0 || k >= this.scores.n || k === this.chosen) return;
    this.chosen = k;
    this.say.replaceChildren(this.beatWords(k));
    this.later();
    this.draw();
  },

  // what an anomalous beat resembles: name, short name, figures; nothing of others
  kind(k) {
    const { kinds } = this.given, number = this.anomalous[k] ? this.scores.resembles[k] : 0;
    return kinds && number ? kinds.items[number - 1] : null;
  },

  beatWords(k) {
    const { scores } = this, rr = scores.rr[k], kind = this.kind(k);
    return `Beat at ${clock(this.time(k), this.given.duration_s, true)}, ${this.anomalous[k] ? "anomalous" : "below the threshold"}, score ${scores.score[k].toFixed(1)}`
      + (rr === rr ? `, ${Math.round(rr * 1000)} ms after the beat before` : "") + `, shape ${shapeName(scores.cluster[k])}` + (kind ? `, resembles ${kind[0]}` : "");
  },

  // the next anomalous beat in the table's order; from another beat, the next in time
  step(way) {
    const { order, chosen } = this;
    if (!order || !order.length) return;
    const place = this.placeOf.get(chosen);
    if (place !== undefined) { this.choose(order[Math.min(order.length - 1, Math.max(0, place + way))]); return; }
    const next = way > 0 ? this.list.find((k) => k > chosen) : [...this.list].reverse().find((k) => k < chosen);
    this.choose(next === undefined ? this.list[way > 0 ? 0 : this.list.length - 1] : next);
  },

  setRate(at) {
    if (at === this.at || at < 0 || at >= this.scores.rates.length) return;
    this.at = at;
    this.later();
    this.draw();
  },

  // what is chosen here is shown at once; the server is told when it stands still
  later() { this.settling.choose({ beat: this.chosen, rate: this.at }); },

  // what the panels say at the rate chosen
  words() {
    return { ...this.given, ...changedBy(this.told.base, this.told.rates[this.at]) };
  },
};
