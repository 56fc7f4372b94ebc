// Above the grid: which verdicts, which decisions, which names.
const VERDICT_WORDS = [["all", "All"], ["above", "Above"], ["below", "Below"], ["not interpretable", "Not interpretable"], ["failed", "Failed"], ["waiting", "Waiting"]];
const DECISION_WORDS = [["all", "Any decision"], ["open", "Undecided"], ["anomalous", "Anomalous"], ["not anomalous", "Not anomalous"],
  ["second look", "Second look"], [DIFFER, "Reviewers differ"]];

class Split {
  constructor(root) {
    this.desk = desk();
    this.tabs = element("div.tabs", { role: "group", "aria-label": "Split by verdict" });
    this.select = element("select", { "aria-label": "Split by decision" });
    this.search = element("input", { type: "search", placeholder: "Find a record", "aria-label": "Find a record" });
    this.buttons = VERDICT_WORDS.map(([value, words]) => {
      const button = element("button.tab", { type: "button" }, element("span", {}, words), element("b", {}, ""));
      button.addEventListener("click", () => this.desk.split({ verdict: value }));
      this.tabs.append(button);
      return [value, button];
    });
    this.options = DECISION_WORDS.map(([value, words]) => {
      const option = element("option", { value }, words);
      this.select.append(option);
      return [value, words, option];
    });
    this.select.addEventListener("change", () => this.desk.split({ decision: this.select.value }));
    this.search.addEventListener("input", () => this.desk.split({ search: this.search.value }));
    root.replaceChildren(element("div.split", {}, this.tabs, this.select, this.search));
    this.listener = () => this.schedule();
    this.desk.listeners.add(this.listener);
    this.draw();
  }

  schedule() {
    cancelAnimationFrame(this.frame);
    this.frame = requestAnimationFrame(() => this.draw());
  }

  draw() {
    const found = this.desk.counts();
    for (const [value, button] of this.buttons) {
      const n = value === "all" ? found.all : found.verdict[value] || 0, chosen = this.desk.verdict === value;
      button.lastChild.textContent = n.toLocaleString("en");
      button.setAttribute("aria-pressed", String(chosen));
      button.hidden = !n && !chosen && value !== "all" && value !== "above";
    }
    for (const [value, words, option] of this.options) {
      const n = value === "all" ? null : found.decision[value] || 0;
      option.textContent = n === null ? words : `${words} (${n.toLocaleString("en")})`;
    }
    this.select.value = this.desk.decision;
    if (this.search.value !== this.desk.search) this.search.value = this.desk.search;
  }

  close() {
    this.desk.listeners.delete(this.listener);
    cancelAnimationFrame(this.frame);
  }
}

const splits = new WeakMap();

export default function (component) {
  const { parentElement, data } = component;
  if (data && data.job !== desk().job) desk().reset(data.job);
  if (!splits.has(parentElement)) splits.set(parentElement, new Split(home(parentElement)));
  return () => {
    const split = splits.get(parentElement);
    if (split) split.close();
    splits.delete(parentElement);
  };
}
