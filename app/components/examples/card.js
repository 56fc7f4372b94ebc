// One lead on paper, as wide as the card.
export default function (component) {
  const { data, parentElement } = component;
  const box = element("div.box", {});
  home(parentElement).replaceChildren(box);
  const signal = Float32Array.from(data.signal), seconds = signal.length / data.fs;
  const signals = { leads: [data.lead], fs: data.fs, n: signal.length, start_s: 0, signal };
  const draw = () => {
    const wide = box.clientWidth, shown = Math.min(seconds, wide / 100);
    if (!wide) return;
    const clip = { lead: data.lead, start_s: 0, stop_s: shown, mark: [0, 0], filled: true, words: "example" };
    box.replaceChildren(clipDrawing(signals, null, clip, wide, 76));
  };
  const observer = new ResizeObserver(draw);
  observer.observe(box);
  return () => observer.disconnect();
}
