// A card for each shape of beat, the dominant first: median beat in ink over single beats, with the dominant beat behind.
const CARD_TALL = 74;

const SHAPES_PART = {
  drawShapes() {
    const { shapes, scores } = this, width = this.stripSection.clientWidth, own = scores.cluster[this.chosen];
    const key = `${shapes.packet}|${this.at}|${own}|${width}`;
    if (!width || this.drawn.shapes === key) return;
    this.drawn.shapes = key;
    if (this.shapesOf !== shapes.packet) { // pictures are made once, words at each move of the threshold
      this.shapesOf = shapes.packet;
      this.makeCards();
    }
    const counted = new Map();
    for (const k of this.list) counted.set(scores.cluster[k], (counted.get(scores.cluster[k]) || 0) + 1);
    for (const card of this.cards) this.fillCard(card, counted.get(card.shape.shape) || 0, card.shape.shape === own);
  },

  makeCards() {
    const { shapes } = this;
    const reach = shapes.leads.map((_, r) => {
      let most = 0.3;
      for (let s = 0; s < shapes.shapes.length; s++) for (const v of this.shapeRow(s, r)) if (v === v) most = Math.max(most, Math.abs(v));
      return most;
    });
    this.cards = shapes.shapes.map((shape) => this.shapeCard(shape, reach));
    const rest = shapes.rest.shapes ? `; ${shapes.rest.shapes} more shapes have ${shapes.rest.beats} beats together` : "";
    this.shapesBox.replaceChildren(heading("Shapes of beats", `beats that look alike, the commonest first; a card shows the next beat of its shape${rest}`),
      element("div.cards", {}, ...this.cards.map((card) => card.button)));
  },

  shapeRow(s, r) {
    const { w, leads, median: all } = this.shapes, at = (s * leads.length + r) * w;
    return all.subarray(at, at + w);
  },

  faintRow(s, f, r) {
    const { w, leads, faint, faint_n } = this.shapes, at = ((s * faint_n + f) * leads.length + r) * w;
    return faint.subarray(at, at + w);
  },

  shapeSheet(shape, reach) {
    const { leads, w, faint_n } = this.shapes, wide = 148, tall = CARD_TALL * leads.length, dx = wide / (w - 1);
    const svg = drawing("svg", { viewBox: `0 0 ${wide} ${tall}`, "aria-hidden": "true", preserveAspectRatio: "none" });
    svg.append(drawing("rect", { width: wide, height: tall, class: "ground" }));
    leads.forEach((lead, r) => {
      const y0 = CARD_TALL * (r + 0.5), scale = (CARD_TALL / 2 - 5) / reach[r], path = (values) => tracePath(values, 0, w, 0, dx, y0, scale, 0);
      if (r) svg.append(drawing("path", { d: `M0 ${CARD_TALL * r}H${wide}`, class: "rule" }));
      let faint = "";
      for (let f = 0; f < faint_n; f++) faint += path(this.faintRow(shape.shape, f, r));
      svg.append(drawing("path", { d: faint, class: "faint" }));
      if (shape.shape) svg.append(drawing("path", { d: path(this.shapeRow(0, r)), class: "typical" }));
      svg.append(drawing("path", { d: path(this.shapeRow(shape.shape, r)), class: "recorded" }), label(5, CARD_TALL * r + 13, lead, { class: "lead halo small" }));
    });
    return svg;
  },

  shapeCard(shape, reach) {
    const share = (shape.n / this.scores.n) * 100, name = shapeName(shape.shape), percent = share < 0.1 ? "< 0.1 %" : share < 9.95 ? `${share.toFixed(1)} %` : `${share.toFixed(0)} %`;
    const told = element("span", {}), button = element("button.card", { type: "button" }, this.shapeSheet(shape, reach),
      element("div.words", {}, element("div", {}, element("b", {}, name), element("span", {}, shape.shape ? "" : " dominant"), element("b.n", {}, shape.n.toLocaleString("en"))),
        element("div.fine", {}, told, element("span", {}, percent))));
    button.addEventListener("click", () => this.nextOfShape(shape.shape));
    return { shape, button, told, words: `Shape ${name}${shape.shape ? "" : ", the dominant beat"}: ${shape.n} beats, ${percent}` };
  },

  fillCard({ button, told, words }, marked, pressed) {
    const count = marked ? `${marked.toLocaleString("en")} anomalous` : "none anomalous";
    told.textContent = count;
    told.className = marked ? "anomaly" : "";
    button.classList.toggle("chosen", pressed);
    button.setAttribute("aria-pressed", pressed ? "true" : "false");
    button.setAttribute("aria-label", `${words}, ${count}. Show the next beat of this shape.`);
  },

  // round the end, so that a card goes through all of its beats
  nextOfShape(shape) {
    const { cluster, n } = this.scores;
    for (let step = 1; step <= n; step++) {
      const k = (this.chosen + step) % n;
      if (cluster[k] === shape) { this.choose(k); return; }
    }
  },
};
