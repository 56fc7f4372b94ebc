// How unusual, where, how sure: words from Python, the anomalous beats over time counted here.
const BINS = 60;

const VERDICT = {
  drawVerdict() {
    const { verdict, warnings } = this.view, key = `${this.given.id}|${this.at}|${this.box.clientWidth}`;
    if (this.drawn.verdict === key) return;
    this.drawn.verdict = key;
    const how = element("div.panel", {}, element("h2", {}, "How unusual"), element("div.how", {},
      element("div", {}, element("div.figure", {}, verdict.figure), element("p.caption", {}, verdict.caption)),
      element("div", {}, element(`div.headline.${verdict.side}`, {}, element("i", { "aria-hidden": "true" }), verdict.headline),
        ...verdict.lines.map((line) => element("p.line", {}, line)))));
    const where = element("div.panel", {}, element("h2", {}, "Where"), element("div.place", {}, verdict.where.title), this.overTime(),
      ...verdict.where.lines.map((line) => element("p.line.muted", {}, line)));
    const list = element("dl.facts", {});
    for (const [name, words, warn] of verdict.facts) list.append(element("dt", {}, name), element(warn ? "dd.warn" : "dd", {}, words));
    const sure = element("div.panel", {}, element("h2", {}, "How sure"), list);
    const band = element("section.band", { "aria-label": "Verdict" }, element("p.said", { role: "status" }, verdict.spoken));
    if (warnings.length) band.append(element("div.warnings", { role: "alert" }, ...warnings.map((words) => element("div", {}, words))));
    band.append(element("div.panels", {}, how, where, sure));
    this.verdictBox.replaceChildren(band);
  },

  // anomalous beats in each sixtieth of the recording
  overTime() {
    const { duration_s: total } = this.given, wide = 320, tall = 30, counts = new Array(BINS).fill(0);
    for (const k of this.list) counts[Math.min(BINS - 1, Math.floor((this.time(k) / total) * BINS))]++;
    const most = Math.max(...counts, 1), each = wide / BINS;
    const svg = drawing("svg", { viewBox: `0 0 ${wide} ${tall + 14}`, class: "overtime", role: "img", "aria-label": "Anomalous beats over the recording" });
    svg.append(drawing("path", { d: `M0 ${tall + 0.5}H${wide}`, class: "base" }));
    let bars = "";
    counts.forEach((n, i) => {
      if (!n) return;
      const high = Math.max(2, (n / most) * (tall - 2));
      bars += `M${(i * each + 0.5).toFixed(1)} ${tall}v${-high.toFixed(1)}h${(each - 1).toFixed(1)}v${high.toFixed(1)}z`;
    });
    svg.append(drawing("path", { d: bars, class: "bars" }), label(0, tall + 12, "0", { class: "axis" }),
      label(wide, tall + 12, clock(total, total), { class: "axis", "text-anchor": "end" }));
    return svg;
  },
};
