// The reviewer's name, asked once and kept in this browser alone.
const NAME_KEY = "leadwise.reviewer";

function keptName() {
  try { return localStorage.getItem(NAME_KEY) || ""; } catch (error) { return ""; }
}

class Reviewer {
  constructor(root) {
    this.root = root;
    this.name = keptName();
    this.editing = !this.name;
    this.draw();
  }

  take(name) {
    const tidy = name.replace(/\s+/g, " ").trim().slice(0, 80);
    if (!tidy) return;
    this.name = tidy;
    this.editing = false;
    try { localStorage.setItem(NAME_KEY, tidy); } catch (error) { this.unkept = true; }
    this.tell();
    this.draw();
  }

  tell() {
    desk().reviewer = this.name || null;
    desk().tell();
    if (this.send) this.send(this.name);
  }

  ask() {
    this.editing = true;
    this.draw();
    this.input.focus();
    this.input.scrollIntoView({ block: "nearest" });
  }

  draw() {
    if (!this.editing) {
      const change = element("button.plain", { type: "button" }, "change");
      change.addEventListener("click", () => this.ask());
      this.root.replaceChildren(element("div.reviewer", {}, element("span.muted", {}, "Reviewer"), element("b", {}, this.name), change));
      return;
    }
    this.input = element("input", { type: "text", maxlength: "80", placeholder: "Your name", "aria-label": "Your name", autocomplete: "name" });
    this.input.value = this.name;
    const form = element("form.reviewer.asked", {}, element("label", {}, "Reviewer"), this.input, element("button.keep", { type: "submit" }, "Keep"),
      this.name ? null : element("span.muted", {}, "beside each decision; asked once"));
    form.addEventListener("submit", (event) => { event.preventDefault(); this.take(this.input.value); });
    this.input.addEventListener("keydown", (event) => { if (event.key === "Escape" && this.name) { this.editing = false; this.draw(); } });
    this.root.replaceChildren(form);
  }
}

const reviewers = new WeakMap();

export default function (component) {
  const { data, parentElement, setStateValue } = component;
  if (!reviewers.has(parentElement)) reviewers.set(parentElement, new Reviewer(home(parentElement)));
  const reviewer = reviewers.get(parentElement);
  reviewer.send = (name) => setStateValue("name", name);
  desk().ask = () => reviewer.ask();
  if (desk().reviewer !== (reviewer.name || null)) { desk().reviewer = reviewer.name || null; desk().tell(); }
  if ((data && data.name || "") !== reviewer.name) reviewer.send(reviewer.name);
  return () => reviewers.delete(parentElement);
}
