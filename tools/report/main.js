// Builds the page and connects zoom, hover and keys. `document.documentElement.dataset` says what was drawn, for tests.
"use strict";

ppplan.start = () => {
  const by = (id) => document.getElementById(id), root = document.documentElement;
  const data = ppplan.load();
  const timeline = new ppplan.Timeline(by("timeline"), data, { colour: "batch", critical: true, transfers: true });
  const memory = new ppplan.Memory(by("memory"), data, timeline, { device: -1, what: 1 });
  let transform = d3.zoomIdentity, queued = false;

  const draw = () => {
    queued = false;
    timeline.view(transform.rescaleX(timeline.x));
    timeline.draw();
    memory.draw();
    const [low, high] = timeline.shown.domain();
    Object.assign(root.dataset, { drawn: timeline.drawn, low: low * data.tick_s, high: high * data.tick_s, ready: 1 });
  };
  const redraw = () => { if (!queued) { queued = true; requestAnimationFrame(draw); } };

  const dark = (on) => {
    root.dataset.theme = on ? "dark" : "light";
    by("theme").textContent = on ? "Light" : "Dark";
    by("theme").setAttribute("aria-pressed", String(on));
    redraw();
  };
  by("theme").addEventListener("click", () => dark(root.dataset.theme !== "dark"));
  dark(window.matchMedia("(prefers-color-scheme: dark)").matches);

  ppplan.figures(by("figures"), data);
  by("bound").textContent = ppplan.boundText(data);
  ppplan.idleTable(by("idle"), data);
  choices();
  legend();
  draw();

  const zoom = d3.zoom()
    .filter(() => d3.event.type === "wheel" ? d3.event.ctrlKey || d3.event.metaKey
      : d3.event.touches ? d3.event.touches.length > 1 : !d3.event.button)
    .on("zoom", () => { transform = d3.event.transform; redraw(); });
  const canvas = d3.select(timeline.element);
  const bounds = () => {
    const box = [[timeline.gutter, 0], [timeline.width - 8, timeline.height]];
    zoom.extent(box).translateExtent(box).scaleExtent([1, Math.max(8, data.ticks / 50)]);
  };
  bounds();
  canvas.call(zoom).on("dblclick.zoom", null).on("dblclick", () => reset());
  const reset = () => canvas.call(zoom.transform, d3.zoomIdentity);

  by("zoom-in").addEventListener("click", () => canvas.call(zoom.scaleBy, 1.6));
  by("zoom-out").addEventListener("click", () => canvas.call(zoom.scaleBy, 1 / 1.6));
  by("zoom-all").addEventListener("click", reset);
  by("timeline").addEventListener("keydown", keys);
  timeline.element.addEventListener("mousemove", (event) => hover(event));
  timeline.element.addEventListener("mouseleave", () => select(null));
  timeline.element.addEventListener("click", (event) => { by("timeline").focus({ preventScroll: true }); hover(event); });
  new ResizeObserver(() => {
    if (Math.abs(timeline.holder.clientWidth - timeline.width) < 1) return;
    timeline.layout();
    bounds();
    redraw();
  }).observe(by("timeline"));

  function hover(event) {
    const box = timeline.element.getBoundingClientRect();
    select(timeline.at(event.clientX - box.left, event.clientY - box.top), event);
  }

  function select(found, event) {
    const same = found && timeline.selected && found.span === timeline.selected.span && found.side === timeline.selected.side;
    timeline.selected = found;
    if (!same) redraw();
    const tip = by("tip");
    tip.hidden = !found || !event;
    if (found && !same) {
      const rows = ppplan.story(data, found);
      by("told").textContent = rows.map(([name, text], k) => k === 0 ? [name, text].filter(Boolean).join(", ") : `${name} ${text}`).join("; ");
      fillTip(tip, rows);
    }
    if (tip.hidden) return;
    tip.style.left = `${Math.max(4, Math.min(event.clientX + 14, window.innerWidth - tip.offsetWidth - 8))}px`;
    tip.style.top = `${event.clientY + 18 + tip.offsetHeight > window.innerHeight ? event.clientY - tip.offsetHeight - 12 : event.clientY + 18}px`;
  }

  function fillTip(tip, rows) {
    tip.textContent = "";
    ppplan.add(tip, "b", rows[0].filter(Boolean).join(", "));
    const table = ppplan.add(tip, "table");
    for (const [name, text] of rows.slice(1)) {
      const row = ppplan.add(table, "tr");
      ppplan.add(row, "td", name);
      ppplan.add(row, "td", text);
    }
  }

  // Along the device of what is selected, or of the first device.
  function step(by_) {
    const now = timeline.selected || { side: 0, span: -1 }, side = data.sides[now.side];
    const device = now.span < 0 ? 0 : side.spans.device[now.span], row = side.rows[device];
    const list = row.transfers.includes(now.span) ? row.transfers : row.compute;
    if (!list.length) return;
    const at = Math.min(list.length - 1, Math.max(0, list.indexOf(now.span) + by_)), span = list[at];
    const middle = side.spans.start[span] + side.spans.length[span] / 2, [low, high] = timeline.shown.domain();
    if (middle < low || middle > high) canvas.call(zoom.translateTo, timeline.x(middle), 0);
    select({ side: now.side, span });
  }

  function keys(event) {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const move = (timeline.width - timeline.gutter) / 6 / transform.k;
    const acts = { "+": () => canvas.call(zoom.scaleBy, 1.6), "=": () => canvas.call(zoom.scaleBy, 1.6),
      "-": () => canvas.call(zoom.scaleBy, 1 / 1.6), "0": reset, Home: reset,
      ArrowLeft: () => canvas.call(zoom.translateBy, move, 0), ArrowRight: () => canvas.call(zoom.translateBy, -move, 0),
      "[": () => step(-1), "]": () => step(1), Escape: () => select(null) };
    if (!acts[event.key]) return;
    event.preventDefault();
    acts[event.key]();
  }

  function option(select, value, text) { ppplan.add(select, "option", text).value = value; }

  function choices() {
    for (const [value, text] of ppplan.colours.schemes) option(by("colour"), value, text);
    by("colour").addEventListener("change", () => { timeline.options.colour = by("colour").value; legend(); redraw(); });
    by("show-critical").addEventListener("change", () => { timeline.options.critical = by("show-critical").checked; redraw(); });
    by("show-transfers").addEventListener("change", () => { timeline.options.transfers = by("show-transfers").checked; redraw(); });
    option(by("memory-device"), -1, "the fullest");
    data.devices.forEach((name, d) => option(by("memory-device"), d, name));
    by("memory-device").addEventListener("change", () => { memory.options.device = Number(by("memory-device").value); redraw(); });
    if (memory.hasBytes()) { option(by("memory-what"), 2, "bytes of activations"); memory.options.what = 2; }
    option(by("memory-what"), 1, "micro-batches held");
    by("memory-what").addEventListener("change", () => { memory.options.what = Number(by("memory-what").value); redraw(); });
  }

  function legend() {
    const holder = by("legend"), scheme = timeline.options.colour;
    holder.textContent = "";
    const entry = (colour, text) => {
      const item = ppplan.add(holder, "span");
      ppplan.add(item, "i", null, "swatch").style.background = colour;
      ppplan.add(item, "span", text);
    };
    const kinds = data.kinds.filter((kind, k) => data.sides.some((side) => side.spans.kind.includes(k)) && ppplan.computes(data, k));
    for (const kind of kinds.length > 1 || scheme === "kind" ? kinds : [])
      entry(ppplan.colours.of(scheme, kind, 0, 0, data).fill, (ppplan.kindText[kind] || kind) + (scheme === "kind" ? "" : ", of the first"));
    if (scheme === "batch") ppplan.add(holder, "span", `colours go round every ${ppplan.colours.cycle.length} micro-batches`);
    if (scheme === "ramp") ppplan.add(holder, "span", "dark: first micro-batch, light: last");
    entry("var(--critical)", "critical path");
    entry("var(--idle)", "idle");
    if (data.sides.length > 1) ppplan.add(holder, "span", "upper strip: predicted, lower strip: measured");
  }
};

try {
  ppplan.start();
} catch (error) {
  document.documentElement.dataset.failed = String(error && error.stack || error);
  const problem = document.getElementById("problem");
  problem.hidden = false;
  problem.textContent = `The report could not be drawn: ${error}`;
}
