// The alarm threshold. The panels have what they show at each rate; a move shows it at once, and the server follows.
const THUMB_PX = 16;

class Threshold {
  constructor(root) {
    this.settling = new Settling((at) => this.send(at));
    this.input = element("input", { type: "range", min: "0", step: "1" });
    this.now = element("div.now", { "aria-hidden": "true" });
    this.gone = element("div.gone", {});
    this.tick = element("div.tick", {});
    this.valid = element("span.valid", {});
    this.head = element("div.head", {});
    this.rows = element("div", {});
    this.ends = element("div.ends", { "aria-hidden": "true" });
    this.name = element("div.name", { "aria-hidden": "true" });
    const scale = element("div.scale", {}, this.now, element("div.track", {}, this.gone, this.tick), this.input);
    this.reset = element("button.reset", { type: "button" });
    root.replaceChildren(element("section", { "aria-label": "Alarm threshold" }, this.head, this.name, scale, this.ends, this.rows));
    this.reset.addEventListener("click", () => { this.move(this.data.validated); this.settling.flush(); this.input.focus(); });
    this.input.addEventListener("input", () => this.move(Number(this.input.value)));
    this.input.addEventListener("pointerup", () => this.settling.flush());
    this.input.addEventListener("blur", () => this.settling.flush());
    this.input.addEventListener("keydown", (event) => { if (event.key.startsWith("Arrow") || event.key.startsWith("Page")) event.stopPropagation(); });
    // whatever is pressed elsewhere finds the server with the rate that is shown
    this.elsewhere = (event) => { if (!event.composedPath().includes(this.input)) this.settling.flush(); };
    for (const kind of ["pointerdown", "keydown"]) window.addEventListener(kind, this.elsewhere, true);
  }

  take(data, send) {
    this.data = data;
    this.send = send;
    if (this.settling.sent === data.at) this.settling.answered();
    if (this.settling.behind) return; // what was chosen here stays
    this.at = data.at;
    this.show();
    if (shared().rate !== data.at) this.tell();
  }

  move(at) {
    if (at === this.at) return;
    this.at = at;
    this.show();
    this.tell();
    this.settling.choose(at);
  }

  tell() {
    shared().rate = this.at;
    publish("rate", this.at);
  }

  show() {
    const { data, at } = this, last = data.words.length - 1, moved = at !== data.validated;
    const x = (k) => `calc(${THUMB_PX / 2}px + (100% - ${THUMB_PX}px) * ${k / last})`;
    this.input.setAttribute("max", last);
    this.input.value = at;
    this.input.setAttribute("aria-label", data.label);
    this.input.setAttribute("aria-valuetext", data.words[at]);
    this.name.replaceChildren(data.label);
    this.now.replaceChildren(data.words[at]);
    this.now.style.left = x(at);
    this.gone.style.width = x(at);
    this.tick.style.left = x(data.validated);
    this.valid.replaceChildren(data.words[data.validated]);
    this.valid.style.left = x(data.validated);
    this.ends.replaceChildren(element("span", {}, data.words[0]), this.valid, element("span", {}, data.words[last]));
    this.reset.replaceChildren(data.reset);
    this.head.replaceChildren(element("h3", {}, data.title), ...(moved ? [element("span.moved", {}, data.moved), this.reset] : [element("span.aside", {}, data.aside)]));
    this.rows.replaceChildren(...data.rows[at].map((item) => element("div.row", {}, element("span.muted", {}, item.name),
      element("b", {}, item.value, item.rest ? element("span", {}, ` ${item.rest}`) : null))));
  }

  close() {
    for (const kind of ["pointerdown", "keydown"]) window.removeEventListener(kind, this.elsewhere, true);
    this.settling.close();
    shared().rate = null;
  }
}

const sliders = new WeakMap();

export default function (component) {
  const { data, parentElement, setTriggerValue } = component;
  if (!sliders.has(parentElement)) sliders.set(parentElement, new Threshold(home(parentElement)));
  sliders.get(parentElement).take(data, (at) => setTriggerValue("rate", at));
  return () => {
    sliders.get(parentElement)?.close();
    sliders.delete(parentElement);
  };
}
