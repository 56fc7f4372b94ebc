// The desk in the browser, where grid, split, decisions and keys meet. What the reviewer does is kept until the server has it.
const RESEND_MS = 1500;
const READINGS = { 1: "anomalous", 2: "not anomalous", 3: "second look" };
const VERDICTS = ["above", "below", "not interpretable", "failed"];
const DIFFER = "reviewers differ";

class Desk {
  constructor() {
    this.client = Math.random().toString(36).slice(2);
    this.n = 0;
    this.pending = [];
    this.listeners = new Set();
    this.reviewer = null;
    this.reset(null);
    document.addEventListener("keydown", (event) => this.key(event));
  }

  // another job, or none: what was filtered and chosen in it is taken up where it was left
  reset(job) {
    this.job = job;
    this.current = null;
    this.index = 0;
    this.kept = null;
    Object.assign(this, { verdict: "all", decision: "all", search: "" });
    if (!job) return;
    try { this.kept = JSON.parse(sessionStorage.getItem(`leadwise.desk.${job}`)); } catch (error) { this.kept = null; }
    if (this.kept) {
      const { current, verdict, decision, search } = this.kept;
      Object.assign(this, { current, verdict: verdict || "all", decision: decision || "all", search: search || "" });
    }
  }

  keep() {
    if (!this.job || !this.alive()) return;
    const { current, verdict, decision, search } = this;
    const sort = this.api.getColumnState().filter((column) => column.sort).map(({ colId, sort, sortIndex }) => ({ colId, sort, sortIndex }));
    try {
      sessionStorage.setItem(`leadwise.desk.${this.job}`, JSON.stringify({ current, verdict, decision, search, sort, filter: this.api.getFilterModel() }));
    } catch (error) { this.kept = null; }
  }

  tell() { for (const listener of this.listeners) listener(); }

  // ---- the grid, which lives in a frame of its own
  attach(job, api, frame) {
    if (job !== this.job) this.reset(job);
    this.api = api;
    frame.addEventListener("keydown", (event) => this.key(event));
    api.setGridOption("quickFilterText", this.search);
    if (this.kept) {
      if (this.kept.sort && this.kept.sort.length) api.applyColumnState({ state: this.kept.sort, defaultState: { sort: null } });
      if (this.kept.filter) api.setFilterModel(this.kept.filter);
    }
    this.filled();
  }

  alive() { return Boolean(this.api) && !this.api.isDestroyed(); }

  // rows came or changed
  filled() {
    if (!this.alive()) return;
    let node = this.current === null ? null : this.api.getRowNode(this.current);
    if (!node) node = this.api.getDisplayedRowAtIndex(0);
    if (node) this.choose(node, !node.isSelected());
    this.tell();
  }

  choose(node, scroll) {
    const changed = this.current !== node.id || this.shown !== node.id;
    this.current = node.id;
    if (node.rowIndex !== null) this.index = node.rowIndex;
    if (!node.isSelected()) node.setSelected(true, true, "api");
    if (scroll && node.rowIndex !== null) this.api.ensureIndexVisible(node.rowIndex);
    if (changed) this.act("show", node.id);
    this.shown = node.id;
    this.keep();
  }

  neighbour(by) {
    if (!this.alive()) return null;
    const node = this.current === null ? null : this.api.getRowNode(this.current);
    const here = node && node.displayed ? node.rowIndex : this.index - (by > 0 ? 1 : 0);
    return this.api.getDisplayedRowAtIndex(here + by) || null;
  }

  step(by) {
    const node = this.neighbour(by);
    if (node) this.choose(node, true);
  }

  // ---- decisions
  decide(reading) {
    if (!this.alive() || this.current === null) return;
    if (!this.reviewer) { this.ask && this.ask(); return; }
    const node = this.api.getRowNode(this.current);
    if (!node || node.data.v === "failed") return;
    const next = this.neighbour(1), comment = this.comment ? this.comment() : "";
    shared().pressed = performance.now();
    this.act("decide", this.current, { reading, comment, next: next ? next.id : this.current });
    this.patch([{ p: Number(this.current), ...this.after(node.data, reading) }]);
    if (next) {
      this.shown = next.id;  // the server shows it with its answer
      this.choose(next, true);
    }
    this.tell();
  }

  // what the row says until the server's answer: the reviewer's reading, unless others read it otherwise
  after(data, reading) {
    const others = data.d && data.w && data.w !== this.reviewer;
    return others && data.d !== reading ? { d: DIFFER } : { d: reading, w: data.w || this.reviewer };
  }

  // no sorting and filtering of ten thousand rows for one decision, unless the split is by decision
  patch(rows) {
    if (!this.alive()) return;
    let changed = false;
    for (const row of rows) {
      const node = this.api.getRowNode(String(row.p));
      if (!node || (node.data.d === row.d && node.data.w === row.w)) continue;
      node.updateData({ ...node.data, ...row });
      changed = true;
    }
    if (changed && (this.decision !== "all" || this.api.getFilterModel().d)) this.api.onFilterChanged();
    if (changed) this.tell();
  }

  open() { if (this.current !== null) this.act("open", this.current); }

  // ---- to the server: each act has a number, and is sent again until its number comes back
  act(kind, position, more) {
    if (kind === "show") this.pending = this.pending.filter((act) => !["show", "explain"].includes(act.kind));
    this.pending.push({ n: ++this.n, kind, position: Number(position), ...more, ...(more && more.next ? { next: Number(more.next) } : {}) });
    this.flush();
  }

  flush() {
    clearTimeout(this.timer);
    if (!this.pending.length) return;
    if (this.send) this.send({ client: this.client, job: this.job, acts: this.pending.slice() });
    this.timer = setTimeout(() => this.flush(), RESEND_MS);
  }

  answered(client, n) {
    if (client !== this.client) return;
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
    const node = this.current === null ? null : this.api.getRowNode(this.current);
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
    const target = event.composedPath()[0], tag = target && target.tagName;
    if (["INPUT", "TEXTAREA", "SELECT"].includes(tag) || (target && target.isContentEditable)) return;
    if (document.querySelector("[role=dialog]")) return;
    const key = event.key.toLowerCase();
    if (READINGS[key]) this.decide(READINGS[key]);
    else if (key === "j") this.step(1);
    else if (key === "k") this.step(-1);
    else if (key === "enter" && !["BUTTON", "A"].includes(tag) && !(target.closest && target.closest(".ag-header"))) this.open();
    else return;
    event.preventDefault();
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
