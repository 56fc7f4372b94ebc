// The worklist's rows, sent beside the grid: its own way of taking them reads each cell three times, at every change.
const NO_WORD = 255;

function gridRows(packet, before) {
  const columns = packet.columns.map((name) => [name, column(packet, name)]);
  return Array.from({ length: packet.rows }, (_, k) => {
    const row = {};
    for (const [name, at] of columns) row[name] = at(k);
    // a row that did not change stays the same object: the grid then leaves it as it is
    const old = before && before.get(row.p);
    return old && packet.columns.every((name) => old[name] === row[name]) ? old : row;
  });
}

function column(packet, name) {
  const values = packet[name], words = packet.words[name], listed = packet.listed[name];
  if (listed) return name === "i" ? (k) => listed[k] || 0 : (k) => listed[k];
  if (words) return (k) => (values[k] === NO_WORD ? null : words[values[k]]);
  if (values instanceof Uint8Array) return (k) => values[k];
  return (k) => (Number.isNaN(values[k]) ? null : Math.round(values[k] * 10) / 10);
}

export default function (component) {
  const { data } = component;
  if (!data) return;
  const packet = unpack(data), { rows: before } = desk(), same = desk().job === packet.job && before;
  desk().fill(packet.job, gridRows(packet, same ? new Map(before.map((row) => [row.p, row])) : null));
}
