// The anomalous beats as rows, by time or by score; only those in view are in the page. J and K go from one to the next.
const ROW_TALL = 28, TABLE_TALL = 330;

const TABLE = {
  buildTable() {
    this.byScore = false;
    this.tableHead = element("div.head", {});
    this.tableBody = element("tbody", {});
    this.sorts = ["Time", "Score"].map((words) => {
      const button = element("button.sort", { type: "button" }, words);
      button.addEventListener("click", () => { this.byScore = words === "Score"; this.sortList(); this.drawn.table = null; this.rows.scrollTop = 0; this.draw(); });
      return button;
    });
    const head = element("tr", {}, ...[[this.sorts[0], ""], ["RR ms", "figure"], [this.sorts[1], "figure"], ["Shape", ""], ["Lead", ""], ["Resembles", "kinds"]].map(([cell, kind]) =>
      element(kind ? `th.${kind}` : "th", { scope: "col" }, cell)));
    this.sortHeads = [head.children[0], head.children[2]];
    this.table = element("table", {}, element("caption.said", {}, "Anomalous beats"), element("thead", {}, head), this.tableBody);
    this.rows = element("div.rows", { tabindex: "0", role: "region", "aria-label": "Anomalous beats" }, this.table);
    this.rows.addEventListener("scroll", () => { if (this.scores) this.fillRows(); }, { passive: true });
    this.rows.addEventListener("keydown", (event) => {
      const way = { ArrowDown: 1, ArrowUp: -1 }[event.key];
      if (!way) return;
      this.step(way);
      event.preventDefault();
      event.stopPropagation();
    });
    this.back = element("button.chip", { type: "button", "aria-keyshortcuts": "K", title: "Previous anomalous beat" }, element("span.word", {}, "Prev"), element("span.way", { "aria-hidden": "true" }, "↑"), element("kbd", {}, "K"));
    this.next = element("button.chip", { type: "button", "aria-keyshortcuts": "J", title: "Next anomalous beat" }, element("span.word", {}, "Next"), element("span.way", { "aria-hidden": "true" }, "↓"), element("kbd", {}, "J"));
    this.back.addEventListener("click", () => this.step(-1));
    this.next.addEventListener("click", () => this.step(1));
    this.keys = (event) => this.tableKey(event);
    document.addEventListener("keydown", this.keys);
    this.kindsAbout = element("p.fine.about", {});
    return element("section", {}, this.tableHead, this.rows, this.kindsAbout);
  },

  tableKey(event) {
    const way = { j: 1, J: 1, k: -1, K: -1 }[event.key], target = event.composedPath()[0];
    if (!way || !this.scores || event.ctrlKey || event.metaKey || event.altKey || (target instanceof Element && target.closest("input, textarea, select, [contenteditable=true]"))) return;
    event.preventDefault();
    this.step(way);
  },

  sortList() {
    const { score } = this.scores;
    this.order = this.byScore ? [...this.list].sort((a, b) => score[b] - score[a]) : this.list;
    this.placeOf = new Map(this.order.map((k, place) => [k, place]));
  },

  drawTable() {
    const key = `${this.scores.packet}|${this.at}|${this.chosen}|${this.byScore}`;
    if (this.drawn.table === key) return;
    this.drawn.table = key;
    const place = this.placeOf.get(this.chosen), n = this.order.length;
    this.tableHead.classList.toggle("many", n > 999); // its counts leave no room for words
    this.back.disabled = this.next.disabled = !n;
    this.tableHead.replaceChildren(element("h3", {}, "Anomalous beats"), element("span.aside", {}, place === undefined ? n.toLocaleString("en") : `${(place + 1).toLocaleString("en")} / ${n.toLocaleString("en")}`),
      element("span.jump", {}, this.back, this.next));
    const { kinds } = this.given;
    this.table.classList.toggle("plain", !kinds);
    this.kindsAbout.hidden = !kinds || !n;
    this.kindsAbout.textContent = kinds ? kinds.about : "";
    this.kindsAbout.title = kinds ? kinds.how : "";
    this.sortHeads.forEach((cell, k) => cell.setAttribute("aria-sort", (k === 1) === this.byScore ? (k ? "descending" : "ascending") : "none"));
    this.rows.style.height = `${Math.min(TABLE_TALL, (n + 1) * ROW_TALL + 4)}px`;
    this.table.setAttribute("aria-rowcount", n + 1);
    this.fillRows(); // it has its height before it is scrolled
    if (place !== undefined) {
      const top = place * ROW_TALL, room = this.rows.clientHeight - ROW_TALL;
      if (top < this.rows.scrollTop || top + ROW_TALL > this.rows.scrollTop + room) this.rows.scrollTop = Math.max(0, top - room / 2);
      this.fillRows();
    }
  },

  kindCell(k) {
    const kind = this.kind(k);
    return kind ? element("td.kinds", {}, element("abbr", { title: `Resembles: ${kind[0]} beat (${kind[2]})` }, kind[1])) : element("td.kinds.muted", {}, "–");
  },

  fillRows() {
    const { order, rows, scores } = this, first = Math.max(0, Math.floor(rows.scrollTop / ROW_TALL) - 6), last = Math.min(order.length, first + Math.ceil(TABLE_TALL / ROW_TALL) + 12);
    const gap = (n) => element("tr.gap", { "aria-hidden": "true" }, element("td", { colspan: "6", style: `height:${n * ROW_TALL}px` }));
    const made = first ? [gap(first)] : [];
    for (let place = first; place < last; place++) {
      const k = order[place], rr = scores.rr[k], own = k === this.chosen;
      const tr = element(own ? "tr.own" : "tr", { "aria-rowindex": place + 2, "aria-current": own ? "true" : null }, element("th", { scope: "row" }, clock(this.time(k), this.given.duration_s, this.given.duration_s < 3600)),
        element("td.figure", {}, rr === rr ? String(Math.round(rr * 1000)) : "–"), element("td.figure", {}, scores.score[k].toFixed(1)), element("td", {}, shapeName(scores.cluster[k])), element("td", {}, scores.leads[scores.lead[k]] || ""), this.kindCell(k));
      tr.addEventListener("click", () => this.choose(k));
      made.push(tr);
    }
    if (last < order.length) made.push(gap(order.length - last));
    if (!order.length) made.push(element("tr", {}, element("td.muted", { colspan: "6" }, "None at this threshold.")));
    this.tableBody.replaceChildren(...made);
  },
};
