// A few seconds of one lead on paper, with the reconstruction and the stretch behind: used by rail and verdict.
function clipDrawing(signals, model, clip, wide, tall) {
  if (clip.start_s < signals.start_s - 0.05 || clip.stop_s > signals.start_s + signals.n / signals.fs + 0.05) return null;
  const lead = signals.leads.indexOf(clip.lead), from = clip.start_s, to = clip.stop_s;
  const lo = Math.max(0, Math.round((from - signals.start_s) * signals.fs)), hi = Math.min(signals.n, Math.round((to - signals.start_s) * signals.fs));
  const values = row(signals.signal, signals.n, lead);
  let low = Infinity, high = -Infinity;
  for (let i = lo; i < hi; i++) { if (values[i] < low) low = values[i]; if (values[i] > high) high = values[i]; }
  const mm = wide / ((to - from) * 25);
  const gain = [10, 5, 2.5, 1.25].find((g) => (high - low) * g * mm <= tall - 6) || 1.25;
  const scale = gain * mm, zero = (high + low) / 2, y0 = tall / 2, x = (t) => (t - from) * 25 * mm;
  const svg = drawing("svg", { width: wide, height: tall, role: "img", "aria-label": `${clip.lead}, ${clip.words}` });
  let minor = "", major = "";
  for (let i = 0; i * mm < wide; i++) minor += `M${Math.round(i * mm) + 0.5} 0V${tall}`;
  for (let i = 0; i * mm < tall; i++) minor += `M0 ${Math.round(i * mm) + 0.5}H${wide}`;
  for (let i = 0; i * mm < wide; i += 5) major += `M${Math.round(i * mm) + 0.5} 0V${tall}`;
  for (let i = 0; i * mm < tall; i += 5) major += `M0 ${Math.round(i * mm) + 0.5}H${wide}`;
  svg.append(drawing("rect", { width: wide, height: tall, style: "fill: var(--paper)" }),
    drawing("path", { d: minor, style: "stroke: var(--grid-minor); shape-rendering: crispEdges" }),
    drawing("path", { d: major, style: "stroke: var(--grid-major); shape-rendering: crispEdges" }),
    drawing("rect", { x: x(clip.mark[0]), width: x(clip.mark[1]) - x(clip.mark[0]), height: tall,
      style: clip.filled ? "fill: var(--highlight)" : "fill: none; stroke: var(--anomaly); stroke-dasharray: 3 3" }));
  if (model && model.n) {
    const a = Math.max(0, Math.round((from - model.start_s) * model.fs)), b = Math.min(model.n, Math.round((to - model.start_s) * model.fs));
    svg.append(drawing("path", { d: tracePath(row(model.reconstruction, model.n, model.leads.indexOf(clip.lead)), a, b, x(model.start_s + a / model.fs),
      (25 * mm) / model.fs, y0, scale, zero), style: "fill: none; stroke: var(--reconstruction); stroke-width: 1.2" }));
  }
  svg.append(drawing("path", { d: tracePath(values, lo, hi, x(signals.start_s + lo / signals.fs), (25 * mm) / signals.fs, y0, scale, zero),
    style: "fill: none; stroke: var(--trace); stroke-width: 1.2" }));
  const halo = "paint-order: stroke; stroke: var(--paper); stroke-width: 3px;";
  svg.append(label(5, 14, clip.lead, { style: `font-size: 12px; font-weight: 600; ${halo}` }),
    label(wide - 4, tall - 4, `${gain} mm/mV`, { "text-anchor": "end", style: `font-size: 10px; fill: var(--muted); ${halo}` }));
  return svg;
}
