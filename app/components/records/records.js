// Records as rows: what a file says, lead II, quality by lead, the place among normal ECGs. A row opens its record.
const STRIP_PX = 212, STRIP_TALL = 28, GROUPS = [3, 6];
const QUALITY = ["good", "noisy", "lost"];

function bytes(base64) {
  const text = atob(base64), out = new Uint8Array(text.length);
  for (let i = 0; i < text.length; i++) out[i] = text.charCodeAt(i);
  return out;
}

function stripDrawing(item) {
  const values = bytes(item.strip), wide = STRIP_PX * Math.min(1, item.strip_s / 4), dx = wide / Math.max(values.length - 1, 1);
  let path = "";
  for (let i = 0; i < values.length; i++) path += (i ? "L" : "M") + (i * dx).toFixed(1) + " " + (STRIP_TALL - 2 - (values[i] / 255) * (STRIP_TALL - 4)).toFixed(1);
  return drawing("svg", { viewBox: `0 0 ${STRIP_PX} ${STRIP_TALL}`, preserveAspectRatio: "none", class: "drawing", role: "img", "aria-label": `Lead ${item.strip_lead}, ${item.strip_s.toFixed(0)} s` },
    drawing("path", { d: path, class: "strip" }));
}

function qualityCells(item) {
  if (item.named) return element("span.muted", {}, item.named);
  const box = element("span.cells", { role: "img", "aria-label": item.cells[0].step < 0 ? "Quality: waiting" : "Quality: " + spoken(item.cells) });
  item.cells.forEach((cell, index) => {
    const kind = cell.step < 0 ? "waiting" : QUALITY[cell.step];
    box.append(element(`i.cell.${kind}${GROUPS.includes(index) ? ".gap" : ""}`, { title: cell.words }));
  });
  return box;
}

function spoken(cells) {
  const faults = cells.filter((cell) => cell.step > 0).map((cell) => cell.words);
  return faults.length ? faults.join(", ") : "all twelve leads good";
}

function placeCell(place) {
  const mark = ["above", "below", "technical"].includes(place.side) ? element(`i.mark.${place.side}`, {}) : null;
  return element(`span.place.${place.side}`, { title: place.why || null }, mark, place.words,
    mark && place.side !== "technical" ? element("span.said", {}, `, ${place.side} the alarm threshold`) : null);
}

function recordRow(item, open) {
  const button = element("button.open", { type: "button", title: item.name, "aria-label": `Open ${item.name}` }, item.name);
  const name = element("th.name", { scope: "row" }, button, item.synthetic ? element("span.tag", {}, "synthetic") : null);
  const notes = item.notes;
  const row = element("tr.record", {}, name, element("td", {}, item.patient), element("td.figure", {}, item.leads), element("td.figure", {}, item.fs),
    element("td.figure", {}, item.length), element("td.figure", {}, item.rate), element("td.drawn", {}, stripDrawing(item)),
    element("td.quality", {}, qualityCells(item), notes ? element("div.under", { title: notes }, notes) : null),
    element("td.notes", { title: notes || null }, notes), element("td.percentile", {}, placeCell(item.place)));
  row.addEventListener("click", () => open(item.key));
  button.addEventListener("click", (event) => { event.stopPropagation(); open(item.key); });
  return row;
}

function problemRow(item, dismiss) {
  const button = element("button.dismiss", { type: "button", "aria-label": `Remove ${item.name}` }, "Remove");
  button.addEventListener("click", () => dismiss(item.ident));
  return element("tr.problem", {}, element("th.name", { scope: "row", title: item.name }, item.name),
    element("td", { colspan: "9" }, element("div.said-of", {}, element("span.words", {}, element("b", {}, item.headline), " ", item.rest), button)));
}

function head() {
  const groups = element("span.groups", { "aria-hidden": "true" }, element("span", {}, "I–III"), element("span", {}, "aVR–F"), element("span", {}, "V1–V6"));
  const quality = element("th.quality", { scope: "col" }, groups, element("span.said", {}, "Quality per lead"));
  const titles = [["name", "Record"], ["", "Patient"], ["figure", "Leads"], ["figure", "Sampling"], ["figure", "Length"], ["figure", "Heart rate"], ["drawn", "Lead II, 4 s"]];
  const cells = titles.map(([kind, words]) => element(kind ? `th.${kind}` : "th", { scope: "col" }, words));
  return element("thead", {}, element("tr", {}, ...cells, quality, element("th.notes", { scope: "col" }, "Notes"), element("th.percentile", { scope: "col" }, "Percentile", element("span.wide", {}, " of normals"))));
}

// Enter on a button or link is that button's: the page's key, which opens the first record, would take it away.
function keepEnter(event) {
  const target = event.composedPath()[0];
  if (event.key === "Enter" && target instanceof Element && target.closest("button, a[href]")) event.stopPropagation();
}

export default function (component) {
  const { data, parentElement, setTriggerValue } = component;
  const root = home(parentElement), active = root.getRootNode().activeElement;
  const focused = active && root.contains(active) ? active.getAttribute("aria-label") : null;
  const body = element("tbody", {});
  for (const item of data.problems) body.append(problemRow(item, (ident) => setTriggerValue("dismiss", ident)));
  for (const item of data.rows) body.append(recordRow(item, (key) => setTriggerValue("open", key)));
  const caption = element("caption.said", {}, "Records of this session; files that need attention first");
  root.replaceChildren(element("div.frame", {}, element("table", {}, caption, head(), body)));
  if (focused) [...root.querySelectorAll("button")].find((button) => button.getAttribute("aria-label") === focused)?.focus();
  document.addEventListener("keydown", keepEnter, true);
  return () => document.removeEventListener("keydown", keepEnter, true);
}
