// Measurements beside their normal ranges; a lead's amplitudes where its median beat is chosen. Words come from Python.
function rangeBar(item) {
  const wide = 120, svg = drawing("svg", { width: wide, height: 14, viewBox: `0 0 ${wide} 14`, "aria-hidden": "true" });
  if (item.range === "no range") return svg;
  svg.append(drawing("path", { d: `M0 7.5H${wide}`, class: "rule" }), drawing("rect", { x: wide / 4, y: 4, width: wide / 2, height: 7, rx: 2, class: "normals" }));
  if (item.at === null) return svg;
  const x = item.at * wide;
  if (item.side) svg.append(drawing("path", { d: `M${x} 2l5 5.5l-5 5.5l-5-5.5z`, class: "outside" }));
  else svg.append(drawing("rect", { x: x - 1.25, y: 1.5, width: 2.5, height: 12, class: "inside" }));
  return svg;
}

function line(item) {
  const value = item.value ? element(item.side ? "b.outside" : "b", {}, item.value, item.side ? element("small", {}, item.side) : null) : element("span.withheld", {}, "withheld");
  const rest = item.value ? [element("td", {}, item.range), element("td.bar", {}, rangeBar(item)), element("td.number", {}, item.percentile), element("td.muted", {}, item.group)]
    : [element("td.withheld", { colspan: "4" }, item.why)];
  const tr = element("tr", { title: item.tip }, element("th", { scope: "row" }, item.name), element("td.number", {}, value), ...rest);
  if (!item.value || !item.why) return [tr];
  return [tr, element("tr.low", {}, element("td", {}), element("td.withheld", { colspan: "5" }, `low confidence: ${item.why}`))];
}

function table(items, caption) {
  const head = element("tr", {}, ...["Measurement", "Value", "Normal range", "", "Percentile", "Normal ECGs"].map((words) =>
    element(["Value", "Percentile"].includes(words) ? "th.number" : "th", { scope: "col" }, words)));
  return element("table", {}, element("caption", {}, caption), element("thead", {}, head), element("tbody", {}, ...items.flatMap(line)));
}

class Measured {
  constructor(root) {
    this.root = root;
    this.lead = null;
    this.box = element("div.box", {});
    root.replaceChildren(this.box);
    this.observer = new ResizeObserver(() => { if (this.box.clientWidth !== this.width) this.draw(); });
    this.observer.observe(this.box);
  }

  show(data) {
    if (this.data && this.data.record !== data.record) this.lead = null;
    this.data = data;
    this.draw();
  }

  draw() {
    const { data } = this, width = this.box.clientWidth;
    if (!data || !width) return;
    this.width = width;
    const wide = width >= 1020, room = wide ? Math.floor((width - 28) * (width >= 1180 ? 0.47 : 0.4)) : width;
    const choose = (lead) => { this.lead = lead; this.draw(); const all = [...this.box.querySelectorAll("button.beat")]; all[BEAT_ORDER.indexOf(lead || this.last)]?.focus(); this.last = lead; };
    const left = element("div", {}, table(data.rows, "Normal range: between these limits lie 95 % of the normal ECGs named beside it."));
    if (this.lead) left.append(element("h4", {}, `Amplitudes in ${this.lead}`), table(data.amplitudes.leads[this.lead], ""));
    else left.append(element("p.hint", {}, "Choose a median beat for the amplitudes of its lead."));
    const right = element("div", {}, beats(data, room, this.lead, choose));
    this.box.classList.toggle("wide", wide);
    this.box.classList.toggle("tight", wide && width < 1180);
    this.box.replaceChildren(left, right);
    shared().measured = { record: data.record, at: performance.now() };
  }
}

const views = new WeakMap();

export default function (component) {
  const { data, parentElement } = component;
  if (!views.has(parentElement)) views.set(parentElement, new Measured(home(parentElement)));
  if (data) views.get(parentElement).show(unpack(data));
  return () => {
    views.get(parentElement)?.observer.disconnect();
    views.delete(parentElement);
  };
}
