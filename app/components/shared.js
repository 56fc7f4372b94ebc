// What components of one page share: a store of the latest parts, and small helpers to draw with.
const SVG = "http://www.w3.org/2000/svg";

function shared() {
  if (!window.leadwise) window.leadwise = { parts: {}, listeners: new Set() };
  return window.leadwise;
}

function publish(name, value) {
  const all = shared();
  all.parts[name] = value;
  for (const listener of all.listeners) listener(name);
}

function listen(listener) {
  shared().listeners.add(listener);
  return () => shared().listeners.delete(listener);
}

// What a panel shows at the false-alarm rate chosen here, where the server does not know it yet (`app.operating`).
function atRate(data) {
  const at = shared().rate;
  if (!data || !data.rates || at === undefined || at === null || at === data.rate) return data;
  const { rates, ...rest } = data;
  return changedBy(rest, rates[at]);
}

function changedBy(data, changes) {
  const shown = structuredClone(data);
  for (const [path, value] of changes) {
    const last = path[path.length - 1];
    path.slice(0, -1).reduce((target, step) => target[step], shown)[last] = value;
  }
  return shown;
}

// element("div.muted", {title: "x"}, child, "text"): text is always text, never markup
function element(kind, attributes, ...children) {
  const [tag, ...classes] = kind.split(".");
  const node = document.createElement(tag);
  if (classes.length) node.className = classes.join(" ");
  for (const [name, value] of Object.entries(attributes || {})) {
    if (value !== null && value !== undefined) node.setAttribute(name, value);
  }
  node.append(...children.filter((child) => child !== null && child !== undefined));
  return node;
}

function drawing(tag, attributes, ...children) {
  const node = document.createElementNS(SVG, tag);
  for (const [name, value] of Object.entries(attributes || {})) {
    if (value !== null && value !== undefined) node.setAttribute(name, value);
  }
  node.append(...children.filter((child) => child !== null && child !== undefined));
  return node;
}

// The component's own element; what Streamlit puts beside it (its style) stays.
function home(parent) {
  let node = parent.querySelector(".home");
  if (!node) {
    node = element("div.home", {});
    parent.appendChild(node);
  }
  return node;
}

function label(x, y, words, attributes) {
  const node = drawing("text", { x, y, ...attributes });
  node.textContent = words;
  return node;
}

// A packet is: length of the header (4 bytes, little endian), the header as JSON, padding to 4 bytes, the arrays.
function unpack(bytes) {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const length = view.getUint32(0, true);
  const header = JSON.parse(new TextDecoder().decode(bytes.subarray(4, 4 + length)));
  const start = bytes.byteOffset + 4 + length + ((4 - (length % 4)) % 4);
  const body = bytes.buffer.slice(start, bytes.byteOffset + bytes.byteLength);
  for (const array of header.arrays) {
    const Kind = array.type === "f4" ? Float32Array : Uint8Array;
    header[array.name] = new Kind(body, array.at, array.length);
  }
  return header;
}

function row(values, n, index) {
  return values.subarray(index * n, (index + 1) * n);
}

// The path of samples[lo..hi): x = x0 + i * dx, y = y0 - (value - zero) * scale; gaps where a value is missing.
function tracePath(samples, lo, hi, x0, dx, y0, scale, zero) {
  let path = "", pen = false;
  for (let i = lo; i < hi; i++) {
    const value = samples[i];
    if (value !== value) { pen = false; continue; }
    path += (pen ? "L" : "M") + (x0 + (i - lo) * dx).toFixed(1) + " " + (y0 - (value - zero) * scale).toFixed(1);
    pen = true;
  }
  return path;
}

// A trace, or a band, as short paths side by side: a browser draws a path as a whole for every tile that its box touches.
const PIECE_PX = 64;

function pieces(path, lo, hi, x0, dx) {
  const most = 2 * Math.max(8, Math.ceil(PIECE_PX / dx / 2)), drawn = [];
  for (let i = lo; i < hi; i += most) {
    const d = path(i, Math.min(hi, i + most + 1), x0 + (i - lo) * dx);
    if (d) drawn.push(drawing("path", { d }));
  }
  return drawn;
}

function tracePieces(samples, lo, hi, x0, dx, ...scaled) {
  return pieces((from, to, x) => tracePath(samples, from, to, x, dx, ...scaled), lo, hi, x0, dx);
}

function bandPieces(samples, sd, lo, hi, x0, dx, ...scaled) {
  return pieces((from, to, x) => bandPath(samples, sd, from, to, x, dx, ...scaled), lo, hi, x0, dx);
}

function bandPath(samples, sd, lo, hi, x0, dx, y0, scale, zero) {
  let upper = "", lower = "";
  for (let i = lo; i < hi; i += 2) {
    const value = samples[i];
    if (value !== value) continue;
    const x = (x0 + (i - lo) * dx).toFixed(1);
    upper += (upper ? "L" : "M") + x + " " + (y0 - (value + sd[i] - zero) * scale).toFixed(1);
    lower = "L" + x + " " + (y0 - (value - sd[i] - zero) * scale).toFixed(1) + lower;
  }
  return upper ? upper + lower + "Z" : "";
}

// One path per step: cells of equal step in a row are joined.
function mapPaths(cells, rows, columns, x0, width, rowHeight, steps, first) {
  const paths = new Array(steps).fill("");
  for (let r = 0; r < rows; r++) {
    let from = 0;
    for (let c = 1; c <= columns; c++) {
      const step = cells[r * columns + from];
      if (c < columns && cells[r * columns + c] === step) continue;
      if (step >= first && step < steps) {
        const x = (x0 + (from * width) / columns).toFixed(1), w = (((c - from) * width) / columns).toFixed(1);
        paths[step] += "M" + x + " " + r * rowHeight + "h" + w + "v" + rowHeight + "h-" + w + "z";
      }
      from = c;
    }
  }
  return paths;
}
