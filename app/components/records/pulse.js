// While rows wait for their score, the page runs again, once what it last sent is drawn.
// A click may lead to another page, and an event of this page that came after it would lead back: it waits for quiet.
const PULSE_MS = 350, QUIET_MS = 2000;
const pulses = new WeakMap();
let quietUntil = 0;

export default function (component) {
  const { data, parentElement, setTriggerValue } = component;
  pulses.get(parentElement)?.();
  let timer = 0;
  const wait = () => {
    clearTimeout(timer);
    timer = setTimeout(() => setTriggerValue("beat", data.turn), Math.max(PULSE_MS, quietUntil - performance.now()));
  };
  const quiet = () => { quietUntil = performance.now() + QUIET_MS; wait(); };
  const stop = () => { clearTimeout(timer); for (const kind of ["click", "keydown"]) document.removeEventListener(kind, quiet, true); };
  for (const kind of ["click", "keydown"]) document.addEventListener(kind, quiet, true);
  pulses.set(parentElement, stop);
  wait();
  return stop;
}
