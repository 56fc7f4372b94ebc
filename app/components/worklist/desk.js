// The desk in the browser, where grid, split, decisions and keys meet. What the reviewer does is kept until the server has it.
const RESEND_MS = 1500, SLOWEST_RESEND_MS = 12000;
const READINGS = { 1: "anomalous", 2: "not anomalous", 3: "second look" };
const STEPS = { j: 1, k: -1 };
const GRID_STEPS = { arrowdown: 1, arrowup: -1, pagedown: 10, pageup: -10, home: -Infinity, end: Infinity };
const TYPED_IN = ["INPUT", "TEXTAREA", "SELECT"];
const OWN_KEYS = ".ag-popup, .ag-menu, [role=dialog], [role=listbox], [data-testid=stPopoverBody]";
const DIFFER = "reviewers differ", SECOND_LOOK = "second look";
const NOT_YET = "Not scored yet: it can be read once it is.";
const UNREAD = "The file could not be read: press 3 to note it for a second look, with a comment.";

class Desk {
  constructor() {
    this.client = Math.random().toString(36).slice(2);
    this.n = 0;
    this.seen = 0;
    this.pending = [];
    this.listeners = new Set();
    this.frames = new WeakSet();
    this.reviewer = null;
    this.wait = RESEND_MS;
    this.reset(null);
    document.addEventListener("keydown", (event) => this.key(event));
  }

  // another job, or none: what was filtered and chosen in it is taken up where it was left
  reset(job) {
    this.job = job;
    this.rows = null;
    this.waited = false;
    this.current = null;
    this.index = 0;
    this.top = null;
    this.touched = false;
    this.kept = null;
    this.said = new Map();
    this.failed = [];
    Object.assign(this, { verdict: "all", decision: "all", search: "" });
    if (!job) return;
    try { this.kept = JSON.parse(sessionStorage.getItem(`leadwise.desk.${job}`)); } catch (error) { this.kept = null; }
    if (this.kept) {
      const { current, verdict, decision, search } = this.kept;
      this.touched = current !== null;
      Object.assign(this, { current, verdict: verdict || "all", decision: decision || "all", search: search || "" });
    }
  }

  keep() {
    if (!this.job || !this.alive()) return;
    const { verdict, decision, search } = this, current = this.touched ? this.current : null;
    const sort = this.api.getColumnState().filter((column) => column.sort).map(({ colId, sort, sortIndex }) => ({ colId, sort, sortIndex }));
    try {
      sessionStorage.setItem(`leadwise.desk.${this.job}`, JSON.stringify({ current, verdict, decision, search, sort, filter: this.api.getFilterModel() }));
    } catch (error) { this.kept = null; }
  }

  tell() { for (const listener of this.listeners) listener(); }

  // ---- the grid, which lives in a frame of its own; before its own listeners, because it tells of clicks and keys too late
  attach(job, api, frame) {
    if (job !== this.job) this.reset(job);
    this.api = api;
    this.frame = frame;
    if (!this.frames.has(frame)) {
      this.frames.add(frame);
      frame.addEventListener("keydown", (event) => this.key(event), true);
      frame.addEventListener("click", (event) => this.clicked(event), true);
    }
    api.setGridOption("quickFilterText", this.search);
    if (this.kept) {
      if (this.kept.sort && this.kept.sort.length) api.applyColumnState({ state: this.kept.sort, defaultState: { sort: null } });
      if (this.kept.filter) api.setFilterModel(this.kept.filter);
    }
    this.give(true);
  }

  // the rows come beside the grid, which may be there before them or after
  fill(job, rows) {
    if (job !== this.job) this.reset(job);
    const first = !this.rows;
    this.rows = rows;
    this.give(first);
  }

  give(first) {
    if (!this.rows || !this.alive()) return;
    this.api.setGridOption("rowData", this.rows);
    this.api.setGridOption("loading", false);
    this.filled(first);
  }

  alive() { return Boolean(this.api) && !this.api.isDestroyed(); }

  node(id = this.current) { return this.alive() && id !== null ? this.api.getRowNode(id) || null : null; }

  clicked(event) {
    const row = event.target.closest && event.target.closest(".ag-row[row-id]"), node = row && this.node(row.getAttribute("row-id"));
    if (node) this.touched = true;
    if (node) this.choose(node, false);
  }

  // rows came or changed: what was decided since they were sent is laid over them, and the row on view stays in view
  filled(first) {
    if (!this.alive()) return;
    this.lay();
    // what waits is left for the first row, as long as the reviewer chose nothing; so is any other when all are scored
    const at = this.node(), last = this.rows && this.rows[this.rows.length - 1], waits = Boolean(last && last.v === "waiting");
    const settled = this.waited && !waits;
    this.waited = waits;
    const known = at && !this.touched && (settled || at.data.v === "waiting") ? null : at;
    const node = known || this.api.getDisplayedRowAtIndex(0);
    if (node) this.choose(node, first || !known || this.sees(this.top));
    this.tell();
  }

  sees(top) {
    const { top: first, bottom: last } = this.api.getVerticalPixelRange();
    return top >= first && top < last;
  }

  // `told`: the server goes to it by itself, with what it was sent before
  choose(node, scroll, told) {
    const changed = this.current !== node.id || this.shown !== node.id;
    this.current = this.shown = node.id;
    if (node.rowIndex !== null) this.index = node.rowIndex;
    this.top = node.rowTop;
    if (!node.isSelected()) node.setSelected(true, true, "api");
    if (scroll && node.rowIndex !== null) this.api.ensureIndexVisible(node.rowIndex);
    this.focus(node);
    if (changed && !told) this.act("show", node.id);
    if (changed && this.turned) this.turned();
    this.keep();
  }

  // the grid's focus goes by a row's place: let it follow the record
  focus(node) {
    const { activeElement: active } = this.frame.document, at = this.api.getFocusedCell();
    if (!at || node.rowIndex === null || at.rowIndex === node.rowIndex || at.rowPinned) return;
    if (document.activeElement === this.frame.frameElement && (active === this.frame.document.body || active.closest(".ag-row"))) {
      this.api.setFocusedCell(node.rowIndex, at.column);
    }
  }

  neighbour(by) {
    if (!this.alive()) return null;
    const node = this.node(), last = this.api.getDisplayedRowCount() - 1;
    const here = node && node.displayed ? node.rowIndex : this.index - (by > 0 ? 1 : 0);
    const there = Math.abs(by) > 1 ? Math.max(0, Math.min(here + by, last)) : here + by;
    return this.api.getDisplayedRowAtIndex(there) || null;
  }

  step(by) {
    const node = this.neighbour(by);
    this.touched = true;
    if (node) this.choose(node, true);
  }

  // ---- decisions
  decide(reading) {
    const node = this.node();
    if (!node) return;
    if (!this.reviewer) { if (this.ask) this.ask(); return; }
    const refused = node.data.v === "waiting" ? NOT_YET : node.data.v === "failed" && reading !== SECOND_LOOK ? UNREAD : "";
    if (refused) { if (this.refuse) this.refuse(refused); return; }
    const next = this.neighbour(1), comment = this.comment ? this.comment(this.current) : "";
    this.touched = true;
    shared().pressed = performance.now();
    this.act("decide", this.current, { reading, comment, reviewer: this.reviewer, next: Number(next ? next.id : this.current) });
    this.patch([{ p: Number(this.current), ...this.after(node.data, reading) }]);
    if (next) this.choose(next, true, true);
    this.tell();
  }

  // what the row says until the server's answer: the reviewer's reading, unless others read it otherwise
  after(data, reading) {
    const others = data.d && data.w && data.w !== this.reviewer;
    return others && data.d !== reading ? { d: DIFFER } : { d: reading, w: data.w || this.reviewer };
  }

  // rows that come from the server may be older than what is said here: `i` tells when a row was last decided on
  patch(rows) {
    for (const row of rows) this.said.set(String(row.p), row);
    this.lay();
  }

  // no sorting and filtering of ten thousand rows for one decision, unless the split is by decision
  lay() {
    if (!this.alive()) return;
    let changed = false;
    for (const [id, { i, ...row }] of this.said) {
      const node = this.node(id), sent = node ? node.data.i || 0 : 0;
      if (!node) continue;
      if ((i === undefined || sent <= i) && (node.data.d !== row.d || node.data.w !== row.w)) {
        node.updateData({ ...node.data, ...row });
        changed = true;
      }
      if (sent >= i) this.said.delete(id);
    }
    if (!changed) return;
    if (this.decision !== "all" || this.api.getFilterModel().d) this.api.onFilterChanged();
    this.tell();
  }

  open() { if (this.current !== null) this.act("open", this.current); }

  // ---- to the server: each act has a number, and is sent again until its number comes back
  act(kind, position, more) {
    if (kind !== "explain") this.pending = this.pending.filter((act) => !["show", "explain"].includes(act.kind));
    this.pending.push({ n: ++this.n, kind, position: Number(position), ...more });
    this.wait = RESEND_MS;
    this.flush();
  }

  // less and less often: each time, a slow server starts its answer anew
  flush() {
    clearTimeout(this.timer);
    if (!this.pending.length) return;
    if (this.send) this.send({ client: this.client, job: this.job, seen: this.seen, acts: this.pending.slice() });
    this.timer = setTimeout(() => this.flush(), this.wait);
    this.wait = Math.min(2 * this.wait, SLOWEST_RESEND_MS);
  }

  answered(client, n) {
    if (client !== this.client) return;
    this.seen = Math.max(this.seen, n);
    this.pending = this.pending.filter((act) => act.n > n);
    if (!this.pending.length) clearTimeout(this.timer);
  }

  // ---- split: by verdict, by decision, by name
  filtering() { return this.verdict !== "all" || this.decision !== "all"; }

  passes(data) {
    return (this.verdict === "all" || data.v === this.verdict) && (this.decision === "all" || (data.d || "open") === this.decision);
  }

  split(change) {
    Object.assign(this, change);
    if (!this.alive()) return;
    if ("search" in change) this.api.setGridOption("quickFilterText", this.search);
    else this.api.onFilterChanged();
    const node = this.node();
    if (!node || !node.displayed) {
      const first = this.api.getDisplayedRowAtIndex(0);
      if (first) this.choose(first, true);
    }
    this.keep();
    this.tell();
  }

  counts() {
    const found = { verdict: {}, decision: {}, all: 0, shown: 0 };
    if (!this.alive()) return found;
    this.api.forEachNode(({ data }) => {
      found.all += 1;
      found.verdict[data.v] = (found.verdict[data.v] || 0) + 1;
      const decided = data.d || "open";
      found.decision[decided] = (found.decision[decided] || 0) + 1;
    });
    found.shown = this.api.getDisplayedRowCount();
    return found;
  }

  // ---- keys, from the page and from inside the grid's frame; not while something is typed
  key(event) {
    if (!this.send || !this.alive() || event.defaultPrevented || event.ctrlKey || event.metaKey || event.altKey) return;
    const target = event.composedPath()[0], within = (what) => Boolean(target && target.closest && target.closest(what));
    if (TYPED_IN.includes(target && target.tagName) || (target && target.isContentEditable) || within(OWN_KEYS)) return;
    if (document.querySelector("[role=dialog]")) return;
    const key = event.key.toLowerCase(), in_rows = within(".ag-row");
    if (READINGS[key]) { if (!event.repeat) this.decide(READINGS[key]); }
    else if (STEPS[key]) this.step(STEPS[key]);
    else if (in_rows && GRID_STEPS[key]) this.step(GRID_STEPS[key]);
    else if (key === "enter" && !within("button, a, .ag-header")) this.open();
    else if (!(in_rows && key === " ")) return;
    event.preventDefault();
    if (in_rows) event.stopPropagation();
  }
}

function desk() {
  const all = shared();
  if (!all.desk) {
    all.desk = new Desk();
    if (all.waiting) all.desk.attach(...all.waiting);
    all.waiting = null;
  }
  return all.desk;
}
