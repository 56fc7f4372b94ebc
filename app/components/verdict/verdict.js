// The verdict band. All words come from Python and are set as text.
function curve(data) {
  const wide = 250, tall = 34, svg = drawing("svg", { width: wide, height: tall + 15, viewBox: `0 0 ${wide} ${tall + 15}`, "aria-hidden": "true", class: "curve" });
  const points = data.heights.map((h, i) => [(i / (data.heights.length - 1)) * wide, tall - h * (tall - 4)]);
  const area = (from) => {
    const kept = points.filter(([x]) => x >= from);
    if (!kept.length) return "";
    return `M${kept[0][0]} ${tall}` + kept.map(([x, y]) => `L${x.toFixed(1)} ${y.toFixed(1)}`).join("") + `L${wide} ${tall}Z`;
  };
  const alarm = data.alarm * wide, here = Math.max(4, Math.min(wide - 4, data.here * wide)), side = data.above ? "above" : "below";
  svg.append(drawing("path", { d: area(0), class: "normals" }), drawing("path", { d: area(alarm), class: "tail" }),
    drawing("path", { d: `M0 ${tall + 0.5}H${wide}`, class: "base" }), drawing("path", { d: `M${alarm} 8V${tall}`, class: "alarm" }),
    drawing("path", { d: `M${here} 6V${tall}`, class: `here ${side}` }), drawing("path", { d: `M${here - 5} 1h10l-5 7z`, class: `tip ${side}` }));
  const middle = (x, words) => Math.max(words.length * 2.9, Math.min(wide - words.length * 2.9, x));
  const name = (x, words, kind) => svg.append(label(x, tall + 13, words, { class: `axis ${kind}`, "text-anchor": "middle" }));
  const one = middle(here, "this record"), other = middle(alarm, data.alarm_words);
  if (Math.abs(one - other) > 60) name(other, data.alarm_words, "alarm-name");
  name(one, "this record", `here-name ${side}`);
  if (Math.min(one, other) > 100) svg.append(label(0, tall + 13, "normal ECGs", { class: "axis" }));
  return svg;
}

function tails(data, width) {
  const names = 122, wide = Math.max(70, width - names - 14), rowTall = 18, tall = data.models.length * rowTall;
  const svg = drawing("svg", { width: names + wide + 14, height: tall + 16, role: "img", "aria-label": data.described });
  const x = (share) => names + share * wide;
  const placed = data.models.some((model) => model.x !== null); // a long recording has shares, not percentiles
  if (placed) svg.append(drawing("rect", { x: x(data.alarm), y: 0, width: x(1) - x(data.alarm) + 6, height: tall, class: "zone" }));
  data.models.forEach((model, index) => {
    const y = index * rowTall + 9;
    if (model.x !== null) svg.append(drawing("path", { d: `M${x(0)} ${y + 0.5}H${x(1)}`, class: "rule" }));
    svg.append(label(0, y + 4, model.title, { class: model.chosen ? "model-name chosen" : "model-name" }));
    if (model.x !== null) svg.append(drawing("circle", { cx: x(model.x), cy: y, r: 4.5, class: model.above ? "dot" : "dot below" }));
    else svg.append(label(x(0), y + 4, model.words, { class: model.above ? "model-name chosen" : "model-name" }));
  });
  if (!placed) return svg;
  svg.append(drawing("path", { d: `M${x(data.alarm)} 0V${tall}`, class: "alarm" }));
  for (const [share, words] of data.ticks) svg.append(label(x(share), tall + 13, words, { class: "axis", "text-anchor": "middle" }));
  return svg;
}

function clipOf(clip, wide) {
  const { signals, model } = shared().parts;
  if (!clip || !signals || signals.record !== clip.record || clip.start_s < signals.start_s - 0.05 || clip.stop_s > signals.start_s + signals.n / signals.fs + 0.05) return null;
  const seconds = Math.min(wide / 100, signals.n / signals.fs), middle = (clip.mark[0] + clip.mark[1]) / 2;
  const start = Math.max(signals.start_s, Math.min(middle - seconds / 2, signals.start_s + signals.n / signals.fs - seconds));
  const wider = { ...clip, start_s: start, stop_s: start + seconds };
  return clipDrawing(signals, model && model.record === clip.record ? model : null, wider, wide, 56);
}

function fill(root, data) {
  const said = element("p.said", { role: "status" }, data.spoken);
  const band = element("section.band", { "aria-label": "Verdict", "data-rate": shared().rate ?? data.rate }, said);
  if (data.warnings.length) band.append(element("div.warnings", { role: "alert" }, ...data.warnings.map((words) => element("div", {}, words))));
  if (data.side === "technical") {
    band.append(element("div.panels", { style: "grid-template-columns: 1fr 31%" },
      element("div.panel", {}, element("h2", {}, "How unusual"), element("p.technical-title", {}, data.headline), element("p.reason", {}, data.rarity)),
      element("div.panel", {}, element("h2", {}, "Signal"), facts(data.facts))));
  } else {
    band.append(panels(root, data));
  }
  root.replaceChildren(element("div", { style: "container-type: inline-size" }, band));
}

function facts(rows) {
  const list = element("dl.facts", {});
  for (const [name, words, warn] of rows) list.append(element("dt", {}, name), element(warn ? "dd.warn" : "dd", {}, words));
  return list;
}

// why, in terms of measurements: the first few, the rest on request
const unfolded = new WeakMap();
function reasons(root, data) {
  const { title, lines, shown, none } = data.reasons, head = element("h2", {}, lines.length ? title : "Measured"), box = element("div.reasons", {}, head);
  if (none) box.append(element("p.line", {}, none));
  const all = unfolded.get(root) === data.record, list = element("ol", {});
  for (const [words, rarity] of all ? lines : lines.slice(0, shown)) list.append(element("li", {}, words, element("span.muted", {}, ` ${rarity}`)));
  if (lines.length) box.append(list);
  if (lines.length > shown) {
    const button = element("button.more", { type: "button", "aria-expanded": all ? "true" : "false" }, all ? "Show fewer" : `${lines.length - shown} more`);
    button.addEventListener("click", () => {
      if (all) unfolded.delete(root); else unfolded.set(root, data.record);
      box.replaceWith(reasons(root, data));
      root.querySelector("button.more")?.focus();
    });
    head.append(button);
  }
  return box;
}

// what it resembles: a hint after the verdict and its reasons
function kind({ resembles, side }) {
  if (!resembles) return null;
  const line = element(`p.kind.${side}`, { title: resembles.meaning }, "Resembles: ");
  resembles.items.forEach(([name, figures], index) => line.append(index ? ", " : "", element("b", {}, name), element("span", {}, ` (${figures})`)));
  line.append(`. ${resembles.hint}`);
  return line;
}

function panels(root, data) {
  const small = element(data.figure_suffix === "th" ? "small.th" : "small", {}, data.figure_suffix);
  const parts = element("div.parts", {}, element("span.muted.wide", {}, "Parts of the score"));
  for (const [name, value, meaning] of data.parts) parts.append(element("span.muted", { title: meaning }, name), element("b", {}, value));
  const middle = element("div", {}, element(`div.headline.${data.side}`, {}, element("i", { "aria-hidden": "true" }), data.headline),
    element("p.line", {}, data.rarity), data.curve ? curve(data.curve) : null);
  const basis = element("div.basis", {}, ...data.basis.map((words) => element("p.fine", {}, words)));
  const how = element("div.panel", {}, element("h2", {}, "How unusual"),
    element("div.how", {}, element("div", {}, element("div.figure", {}, data.figure, small), element("p.caption", {}, data.figure_caption)), middle, data.parts.length ? parts : null),
    data.reasons ? null : basis);

  const cells = element("div.cells", { role: "img", "aria-label": data.where.described });
  for (const cell of data.where.cells) cells.append(element(`span.${cell.out ? "out" : `cell-${cell.step}`}`, { title: cell.words }, cell.lead));
  const place = element("div", {}, data.where.place ? element("div.place", {}, data.where.place) : null,
    ...data.where.lines.map((words, i) => element(i === 0 && data.where.place ? "p.line.muted" : "p.line", {}, words)));
  const clip = element("div.clip", {});
  const where = element("div.panel", {}, element("h2", {}, "Where"), element("div.where", {}, cells, place), clip);

  const chart = element("div", {}), sure = element("div.panel.third", {}, element("h2", {}, "How sure"));
  sure.append(element("div.sure", {}, chart, facts(data.facts)));
  const line = element("span.sureline", {});
  for (const model of data.sure.models) line.append(element("span", {}, `${model.title} `, element(model.above ? "b.anomaly" : "b", {}, model.words)));
  for (const [name, words, warn] of data.facts.slice(1)) line.append(element("span", {}, `${name} `, element(warn ? "b.warn" : "b", {}, words)));
  sure.append(line);
  requestAnimationFrame(() => {
    const drawn = clip.clientWidth ? clipOf(data.where.clip, clip.clientWidth) : null;
    if (drawn) clip.replaceChildren(drawn);
  });
  requestAnimationFrame(() => chart.replaceChildren(tails(data.sure, Math.max(180, chart.clientWidth))));
  const first = element("dl.first", { "aria-label": "Measurements" });
  for (const [name, value, side, note] of data.reasons?.summary || []) {
    first.append(element("div", note ? { title: note } : {}, element("dt", {}, name), element(side ? "dd.outside" : "dd", {}, side ? `${value} ${side}` : value)));
  }
  const hint = kind(data);
  const why = data.reasons ? element("div.why", {}, element("div", {}, reasons(root, data), hint), element("div", {}, first, basis)) : null;
  return element("div", {}, element("div.panels", {}, how, where, sure), why || (hint ? element("div.why.alone", {}, hint) : null));
}

const latest = new WeakMap();

export default function (component) {
  const { data, parentElement } = component;
  const first = !latest.has(parentElement);
  latest.set(parentElement, data);
  fill(home(parentElement), atRate(data));
  if (!first) return;
  const redraw = (part) => { if (part !== "view") fill(home(parentElement), atRate(latest.get(parentElement))); };
  const stop = listen(redraw);
  return () => { stop(); latest.delete(parentElement); };
}
