// While rows wait for their score, the page runs again, once what it last sent is drawn.
const PULSE_MS = 350;
const timers = new WeakMap();

export default function (component) {
  const { data, parentElement, setTriggerValue } = component;
  clearTimeout(timers.get(parentElement));
  timers.set(parentElement, setTimeout(() => setTriggerValue("beat", data.turn), PULSE_MS));
  return () => clearTimeout(timers.get(parentElement));
}
