// The data of the page as the charts use it: spans as typed columns, and per device the spans in order of time.
"use strict";
const ppplan = {};

ppplan.load = () => {
  const data = JSON.parse(document.getElementById("data").textContent);
  data.sides.forEach((side) => {
    const spans = side.spans;
    side.count = spans.count;
    delete spans.count;
    for (const name of Object.keys(spans))
      spans[name] = Array.isArray(spans[name]) ? Float64Array.from(spans[name]) : new Float64Array(side.count).fill(spans[name]);
    for (let i = 1; i < side.count; ++i) spans.start[i] += spans.start[i - 1];
    side.memory.forEach((steps) => { for (let k = 3; k < steps.length; k += 3) steps[k] += steps[k - 3]; });
    side.rows = side.devices.map(() => ({ compute: [], transfers: [] }));
    side.onPath = new Uint8Array(side.count);
    side.critical.forEach((i) => { side.onPath[i] = 1; });
    for (let i = 0; i < side.count; ++i) {
      const row = side.rows[spans.device[i]];
      if (row) (ppplan.computes(data, spans.kind[i]) ? row.compute : row.transfers).push(i);
    }
    side.ends = partnersOf(data, side);
  });
  data.devices = data.sides[0].devices;
  data.ticks = Math.max(1, ...data.sides.map((side) => side.makespan_s / data.tick_s));
  data.microBatches = 1 + data.sides.reduce((most, side) => side.spans.micro_batch.reduce((a, b) => Math.max(a, b), most), 0);
  data.trains = data.sides.some((side) => side.spans.kind.some((kind) => data.kinds[kind].startsWith("backward")));
  return data;

  // Both ends of a transfer have equal keys but for the kind; each points to the other.
  function partnersOf(data, side) {
    const open = new Map(), ends = new Int32Array(side.count).fill(-1), s = side.spans;
    for (let i = 0; i < side.count; ++i) {
      const kind = data.kinds[s.kind[i]];
      if (ppplan.computes(data, s.kind[i])) continue;
      const key = [kind.replace("recv", "send"), s.stage[i], s.chunk[i], s.micro_batch[i], s.replica[i]].join();
      const other = open.get(key);
      if (other === undefined) { open.set(key, i); continue; }
      ends[i] = other;
      ends[other] = i;
      open.delete(key);
    }
    return ends;
  }
};

ppplan.computes = (data, kind) => !/^(send|recv|token_return|all_|reduce_)/.test(data.kinds[kind]);

// First of `list` (span indices in order of start) that ends after `tick`, looking back over overlaps.
ppplan.firstVisible = (spans, list, tick) => {
  let low = 0, high = list.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (spans.start[list[middle]] + spans.length[list[middle]] < tick) low = middle + 1; else high = middle;
  }
  return Math.max(0, low - 8);
};

ppplan.unit = (seconds) => [[1, "s"], [1e-3, "ms"], [1e-6, "\u00b5s"]].find(([size]) => seconds >= size) || [1e-9, "ns"];

ppplan.time = (seconds) => {
  if (!(seconds > 0)) return "0 s";
  const [size, name] = ppplan.unit(seconds), value = seconds / size;
  return `${value.toFixed(value >= 1000 ? 0 : value >= 100 ? 1 : 2)} ${name}`;
};

ppplan.percent = (fraction) => `${(100 * fraction).toFixed(1)} %`;

ppplan.bytes = (bytes) => {
  const units = ["B", "KiB", "MiB", "GiB", "TiB"];
  let at = 0;
  for (; bytes >= 1024 && at < units.length - 1; ++at) bytes /= 1024;
  return `${bytes >= 100 || at === 0 ? d3.format("~r")(Math.round(bytes * 10) / 10) : bytes.toFixed(2)} ${units[at]}`;
};

ppplan.kindText = { forward: "forward", backward: "backward", backward_input: "input gradient",
  backward_weight: "weight gradient", forward_backward: "forward and backward, overlapped", recompute: "recompute",
  send: "send", recv: "receive", send_gradient: "send of gradient", recv_gradient: "receive of gradient",
  token_return: "tokens back to the first stage", update: "optimizer step" };
