// What is told in words and figures. Text of the data enters as text content, never as HTML.
"use strict";

ppplan.add = (parent, tag, text, className) => {
  const node = parent.appendChild(document.createElement(tag));
  if (text !== undefined && text !== null) node.textContent = text;
  if (className) node.className = className;
  return node;
};

ppplan.figures = (holder, data) => {
  const [predicted, measured] = data.sides;
  const pair = (text) => measured ? `${text(predicted)} / ${text(measured)}` : text(predicted);
  const gap = (side) => data.bound.seconds > 0 ? side.makespan_s / data.bound.seconds - 1 : 0;
  const both = measured ? ", predicted / measured" : "";
  const rows = [[pair((s) => ppplan.time(s.makespan_s)), `makespan${both}`],
    [ppplan.time(data.bound.seconds), "bound: no order ends sooner"],
    [pair((s) => `+${ppplan.percent(gap(s))}`), "above the bound"],
    [pair((s) => ppplan.percent(s.bubble_fraction)), "bubble (barrier)"],
    [pair((s) => ppplan.percent(s.span_bubble_fraction)), "bubble within spans"],
    [pair((s) => s.balance.toFixed(3)), "balance (mean / largest work)"]];
  if (predicted.steady_rate_per_s > 0) rows.push([pair((s) => d3.format(".4~g")(s.steady_rate_per_s)), "micro-batches/s, steady"]);
  if (measured) rows.push([`${measured.makespan_s >= predicted.makespan_s ? "+" : ""}${ppplan.percent(measured.makespan_s / predicted.makespan_s - 1)}`, "measured against predicted"]);
  for (const [figure, name] of rows) {
    const box = ppplan.add(holder, "div", null, "figure");
    ppplan.add(box, "b", figure);
    ppplan.add(box, "span", name);
  }
};

ppplan.boundText = (data) => {
  const b = data.bound, time = ppplan.time;
  if (!b.of_lane)
    return `What the bound is: the longest chain of operations that need one another takes ${time(b.seconds)}; no order and no number of devices shortens it.`;
  const lane = b.lane === "compute" ? `compute of ${b.device}` : `${b.lane === "send" ? "sending" : "receiving"} link of ${b.device}`;
  return `What the bound is: the ${lane} has ${time(b.work_s)} of work, cannot begin before ${time(b.head_s)}, and ${time(b.tail_s)} must follow its last operation: ${time(b.seconds)}, whatever the order.`;
};

ppplan.idleParts = [["busy_s", "busy", "--busy"], ["warmup_idle_s", "warm-up", "--warmup"],
  ["communication_wait_s", "waiting for data", "--wait"], ["imbalance_idle_s", "imbalance", "--imbalance"],
  ["drain_idle_s", "drain", "--drain"]];

ppplan.idleTable = (holder, data) => {
  const table = ppplan.add(holder, "table"), head = ppplan.add(ppplan.add(table, "thead"), "tr");
  const two = data.sides.length > 1, [size, unit] = ppplan.unit(data.sides[0].makespan_s);
  ppplan.add(head, "th", "device");
  if (two) ppplan.add(head, "th", "", "side");
  ppplan.add(head, "th", "shares of the makespan").style.textAlign = "left";
  for (const [, name, colour] of ppplan.idleParts) {
    const cell = ppplan.add(head, "th", null);
    ppplan.add(cell, "i", null, "swatch").style.background = `var(${colour})`;
    ppplan.add(cell, "span", ` ${name} (${unit})`);
  }
  ppplan.add(head, "th", "held at most");
  const body = ppplan.add(table, "tbody");
  data.devices.forEach((name, d) => data.sides.forEach((side, s) => {
    const row = ppplan.add(body, "tr"), stage = side.stages[d];
    ppplan.add(row, "td", s === 0 ? name : "").title = name;
    if (two) ppplan.add(row, "td", side.name, "side");
    const shares = ppplan.add(ppplan.add(row, "td"), "div", null, "shares");
    for (const [key, label, colour] of ppplan.idleParts) {
      const part = ppplan.add(shares, "i");
      part.style.width = `${side.makespan_s > 0 ? 100 * stage[key] / side.makespan_s : 0}%`;
      part.style.background = `var(${colour})`;
      part.title = `${label}: ${ppplan.time(stage[key])}`;
    }
    for (const [key] of ppplan.idleParts) ppplan.add(row, "td", (stage[key] / size).toFixed(2));
    ppplan.add(row, "td", d3.format("~r")(Math.round(stage.peak_activations * 100) / 100));
  }));
};

// The rows of the note on one operation: [[name, text], ...], the first its title.
ppplan.story = (data, { side, span }) => {
  const which = data.sides[side], s = which.spans, kind = data.kinds[s.kind[span]], start = s.start[span] * data.tick_s;
  const rows = [[`${ppplan.kindText[kind] || kind} of micro-batch ${s.micro_batch[span]}`, data.sides.length > 1 ? which.name : ""],
    ["device", data.devices[s.device[span]]], ["stage", String(s.stage[span])]];
  if (s.chunk[span] > 0) rows.push(["chunk", String(s.chunk[span])]);
  if (s.replica[span] > 0) rows.push(["replica", String(s.replica[span])]);
  rows.push(["starts", ppplan.time(start)], ["lasts", ppplan.time(s.length[span] * data.tick_s)]);
  if (s.bytes[span] > 0) rows.push(["moves", ppplan.bytes(s.bytes[span])]);
  if (which.ends[span] >= 0) rows.push(["other end", data.devices[s.device[which.ends[span]]]]);
  if (which.onPath[span]) rows.push(["critical path", "yes"]);
  return rows;
};
