// The median beat of each lead: ink over the grey band of normals, with the limits of its waves.
const BEAT_ORDER = ["I", "aVR", "V1", "V4", "II", "aVL", "V2", "V5", "III", "aVF", "V3", "V6"];

function beatGain(data, tall, ppm) {
  let reach = 0.5;
  for (const value of data.beat) if (value === value && Math.abs(value) > reach) reach = Math.abs(value);
  return [20, 10, 5, 2.5].find((gain) => 2 * reach * gain * ppm <= tall * 1.25) || 2.5;
}

function beatCell(data, lead, wide, tall, gain, ppm, chosen) {
  const k = data.leads.indexOf(lead), n = data.n, dx = (data.step_ms / 40) * ppm, scale = gain * ppm, own = row(data.beat, n, k);
  let low = Infinity, high = -Infinity;
  for (const value of own) { if (value < low) low = value; if (value > high) high = value; }
  const zero = high >= low ? (high + low) / 2 : 0, y0 = tall / 2 + 6, x = (ms) => ((ms - data.start_ms) / 40) * ppm;
  const svg = drawing("svg", { width: wide, height: tall, viewBox: `0 0 ${wide} ${tall}`, "aria-hidden": "true" });
  let edge = "", back = "";
  const below = row(data.low, n, k), above = row(data.high, n, k);
  for (let i = 0; i < n; i++) {
    edge += `${i ? "L" : "M"}${(i * dx).toFixed(1)} ${(y0 - (above[i] - zero) * scale).toFixed(1)}`;
    back = `L${(i * dx).toFixed(1)} ${(y0 - (below[i] - zero) * scale).toFixed(1)}` + back;
  }
  svg.append(drawing("path", { d: `${edge}${back}Z`, class: "normals" }));
  for (const [name, wave] of Object.entries(data.waves)) {
    const common = data.points[name], here = data.lead_points[name] ? data.lead_points[name][k] : null;
    if (common === null) continue;
    svg.append(drawing("path", { d: `M${x(common).toFixed(1)} 18V${tall}`, class: "limit" }));
    if (here === null) continue;
    const i = Math.round((here - data.start_ms) / data.step_ms);
    if (i >= 0 && i < n && own[i] === own[i]) {
      svg.append(drawing("circle", { cx: x(here), cy: y0 - (own[i] - zero) * scale, r: 2.2, class: "point", "data-wave": wave }));
    }
  }
  const unread = data.unread.includes(lead);
  if (!unread) svg.append(drawing("path", { d: tracePath(own, 0, n, 0, dx, y0, scale, zero), class: "own" }));
  svg.append(label(4, 13, lead, { class: unread ? "lead out" : "lead" }));
  if (unread) svg.append(label(4, 30, "not readable", { class: "out" }));
  const button = element(chosen ? "button.beat.chosen" : "button.beat", { type: "button", "aria-pressed": chosen ? "true" : "false",
    "aria-label": `Median beat of ${lead}${unread ? ", not readable" : ""}; show its amplitudes` }, svg);
  return button;
}

function beats(data, width, chosen, choose) {
  const box = element("div.beats", {});
  if (!data.beat) return element("p.none", {}, "No median beat: fewer than two heartbeats were found.");
  const gap = 6, each = Math.floor((width - 3 * gap) / 4), tall = Math.round(Math.max(84, Math.min(128, each * 0.74)));
  const ppm = each / (((data.n - 1) * data.step_ms) / 40), gain = beatGain(data, tall, ppm);
  for (const lead of BEAT_ORDER) {
    const cell = beatCell(data, lead, each, tall, gain, ppm, lead === chosen);
    cell.addEventListener("click", () => choose(lead === chosen ? null : lead));
    box.append(cell);
  }
  const bar = drawing("svg", { width: 40, height: Math.max(12, gain * ppm * 0.5 + 2), "aria-hidden": "true" },
    drawing("path", { d: `M4 1V${gain * ppm * 0.5 + 1}`, class: "scale" }));
  const entry = (sample, words) => element("span", {}, sample, words);
  const key = element("p.key", {}, entry(element("i.ink", {}), "this record"), entry(element("i.grey", {}), "nine of ten normal ECGs (5th to 95th percentile)"),
    entry(element("i.line", {}), "limits of P, QRS and T over all leads"), entry(element("i.dot", {}), "in this lead"), entry(bar, "0.5 mV"));
  return element("div", {}, box, key);
}
