// The Beats page: its panels in two columns, or in one where the page is narrow.
class BeatsView {
  constructor(root) {
    Object.assign(this, { root, drawn: {}, kept: {}, at: null, chosen: null, frame: 0, list: [] });
    this.verdictBox = element("div", {});
    this.sheet = drawing("svg", { class: "sheet", role: "img" });
    this.closeBox = element("div.closes", {});
    this.shapesBox = element("section", { "aria-label": "Shapes of beats" });
    this.say = element("div.said", { "aria-live": "polite" });
    this.stripSection = element("section.strip", { "aria-label": "Strip" }, this.sheet, this.closeBox);
    this.mainBox = element("div.main", {}, this.stripSection, this.buildTachogram(), this.shapesBox, this.buildWhole());
    this.railBox = element("div.rail", {}, this.buildScores(), this.buildTable());
    this.box = element("div.beats", {}, this.verdictBox, element("div.columns", {}, this.mainBox, this.railBox), this.say);
    root.replaceChildren(this.box);
    this.settling = new Settling((act) => this.send({ ...act }));
    this.stop = listen((name) => { if (name.startsWith("beat_")) this.draw(); });
    this.observer = new ResizeObserver(() => this.draw());
    for (const section of [this.stripSection, this.wholeSection]) this.observer.observe(section);
    this.elsewhere = (event) => { if (!event.composedPath().includes(this.box)) this.settling.flush(); };
    window.addEventListener("pointerdown", this.elsewhere, true);
  }

  take(given, send) {
    const other = !this.given || this.given.id !== given.id;
    Object.assign(this, { given, send });
    this.themed = (this.themed || 0) + 1; // a change of the theme calls again: canvases have no CSS
    const { settling } = this;
    if (other) settling.drop();
    if (settling.sent && settling.sent.beat === given.chosen && settling.sent.rate === given.rate) settling.answered();
    if (!settling.behind) Object.assign(this, { at: given.rate, chosen: given.chosen }); // else what was chosen here stays
    this.draw();
  }

  draw() {
    cancelAnimationFrame(this.frame);
    this.frame = requestAnimationFrame(() => this.paint());
  }

  paint() {
    if (!this.given || !this.gather()) return;
    this.box.classList.toggle("waiting", Boolean(this.given.waiting));
    if (this.given.waiting) { this.drawWhole(); return; }
    if (!this.scores.n) return;
    this.at = Math.min(this.at, this.scores.rates.length - 1);
    this.chosen = Math.min(this.chosen, this.scores.n - 1);
    this.flag();
    this.view = this.words();
    for (const part of ["Verdict", "Strip", "Tachogram", "Scores", "Table", "Shapes", "Whole"]) this[`draw${part}`]();
  }

  close() {
    this.stop();
    this.observer.disconnect();
    window.removeEventListener("pointerdown", this.elsewhere, true);
    document.removeEventListener("keydown", this.keys);
    this.settling.close();
    cancelAnimationFrame(this.frame);
    shared().beats = null;
  }
}

// getters too, which Object.assign would call
for (const part of [STATE, VERDICT, STRIP, TACHOGRAM, SHAPES_PART, WHOLE, SCORES, TABLE]) {
  Object.defineProperties(BeatsView.prototype, Object.getOwnPropertyDescriptors(part));
}

const views = new WeakMap();

export default function (component) {
  const { data, parentElement, setTriggerValue } = component;
  if (!views.has(parentElement)) views.set(parentElement, new BeatsView(home(parentElement)));
  if (data) views.get(parentElement).take(data, (act) => setTriggerValue("act", act));
  return () => {
    views.get(parentElement)?.close();
    views.delete(parentElement);
  };
}
