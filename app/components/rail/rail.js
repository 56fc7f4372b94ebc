// The rail: most anomalous stretches (a click opens all leads around one), error by lead.
function stretches(data, choose) {
  const { signals, model } = shared().parts;
  const ready = signals && signals.record === data.record;
  const list = element("div.list", {});
  for (const item of data.items) {
    const picture = element("div", {});
    const drawn = ready ? clipDrawing(signals, model && model.record === data.record ? model : null, item.clip, 128, 70) : null;
    if (drawn) picture.append(drawn);
    const words = element("div", {}, element("div.title", {}, element(item.clip.filled ? "span.badge" : "span.badge.hollow", {}, item.number), item.when),
      element("div.muted", {}, item.place), element("div.muted", {}, item.leads), element("div.muted", {}, "peak score ", element("b", { style: "color: var(--text)" }, item.peak)));
    const button = element(item.chosen ? "button.stretch.chosen" : "button.stretch", { type: "button", "aria-pressed": item.chosen ? "true" : "false",
      title: item.chosen ? "Back to the whole sheet" : "Show all leads around this stretch" }, picture, words);
    button.addEventListener("click", () => choose(item.chosen ? -1 : item.at));
    list.append(button);
  }
  if (!data.items.length) list.append(element("p.none", {}, data.none));
  return list;
}

function bars(data) {
  const box = element("div.bars", { role: "group", "aria-label": "Error by lead" });
  for (const item of data.items) {
    box.append(element("span.name", {}, item.lead));
    if (item.out) box.append(element("span.out", {}, item.out));
    else box.append(element("div", {}, element(item.weak ? "div.bar.weak" : "div.bar", { style: `width:${item.share}%` })), element("span.value", {}, item.value));
  }
  return box;
}

const latest = new WeakMap();

function fill(parent) {
  const { choose } = latest.get(parent), data = atRate(latest.get(parent).data), root = home(parent), active = parent.activeElement || document.activeElement;
  const focused = [...root.querySelectorAll("button")].indexOf(active);
  const head = data.title ? element("div.head", {}, element("h3", {}, data.title), element("span", {}, data.aside || "")) : null;
  const body = { stretches: () => stretches(data, choose), bars: () => bars(data) }[data.kind]();
  root.replaceChildren(element("section", { style: "container-type: inline-size", "aria-label": data.title || "Figures" }, head, body));
  if (focused >= 0) root.querySelectorAll("button")[focused]?.focus();
}

export default function (component) {
  const { data, parentElement, setTriggerValue } = component;
  const first = !latest.has(parentElement);
  latest.set(parentElement, { data, choose: (index) => setTriggerValue("choose", index) });
  fill(parentElement);
  if (!first || data.kind !== "stretches") return;
  const stop = listen((part) => { if (part !== "view") fill(parentElement); });
  return () => { stop(); latest.delete(parentElement); };
}
