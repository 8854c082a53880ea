// Colours of operations. Micro-batches take Okabe and Ito's colours, which people with any colour vision tell apart, in
// turn; or a ramp (cividis) over all of them; or the colour says the kind of work. Kinds also differ in lightness and in
// a mark at the edge, so that colour alone carries nothing.
"use strict";

ppplan.colours = (() => {
  const cycle = ["#0072b2", "#e69f00", "#009e73", "#cc79a7", "#56b4e9", "#d55e00", "#f0e442", "#8c8c8c"];
  const byKind = { forward: "#0072b2", backward: "#d55e00", backward_input: "#e69f00", backward_weight: "#009e73",
    forward_backward: "#cc79a7", recompute: "#56b4e9", update: "#8c8c8c" };
  const isGradient = (kind) => kind === "backward" || kind === "backward_input";
  const memo = new Map();

  const shade = (colour, kind) => {
    const hcl = d3.hcl(colour);
    if (isGradient(kind)) hcl.l *= 0.68;
    if (kind === "backward_weight") { hcl.l = hcl.l + (96 - hcl.l) * 0.45; hcl.c *= 0.8; }
    return hcl.formatHex ? hcl.formatHex() : hcl.toString();
  };
  const base = (scheme, kind, microBatch, stage, data) => {
    if (scheme === "kind") return byKind[kind] || "#8c8c8c";
    if (scheme === "ramp") return d3.interpolateCividis(data.microBatches > 1 ? microBatch / (data.microBatches - 1) : 0.5);
    return cycle[(scheme === "stage" ? stage : microBatch) % cycle.length];
  };
  // {fill, ink}: ink is the text colour that stands out from the fill.
  const of = (scheme, kind, microBatch, stage, data) => {
    const key = `${scheme} ${kind} ${scheme === "stage" ? stage : microBatch}`;
    if (!memo.has(key)) {
      const fill = scheme === "kind" ? base(scheme, kind) : shade(base(scheme, kind, microBatch, stage, data), kind);
      memo.set(key, { fill, ink: d3.lab(fill).l > 58 ? "#101114" : "#ffffff" });
    }
    return memo.get(key);
  };
  const schemes = [["batch", "by micro-batch"], ["ramp", "by micro-batch, as a ramp"], ["kind", "by kind of work"],
    ["stage", "by stage"]];
  return { of, schemes, cycle, byKind };
})();

// The page's own colours, which change with the theme.
ppplan.theme = () => {
  const style = getComputedStyle(document.documentElement);
  const out = {};
  for (const name of ["page", "panel", "ink", "soft", "line", "idle", "critical", "halo", "bound", "focus"])
    out[name] = style.getPropertyValue(`--${name}`).trim();
  return out;
};

ppplan.canvas = (holder, width, height) => {
  const canvas = holder.querySelector("canvas") || holder.appendChild(document.createElement("canvas"));
  const scale = window.devicePixelRatio || 1;
  const wide = Math.round(width * scale), high = Math.round(height * scale);
  if (canvas.width !== wide || canvas.height !== high) { canvas.width = wide; canvas.height = high; }
  canvas.style.height = `${height}px`;
  const pen = canvas.getContext("2d");
  pen.setTransform(scale, 0, 0, scale, 0, 0);
  pen.clearRect(0, 0, width, height);
  return [canvas, pen];
};
