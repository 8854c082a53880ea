// Memory over time: the chosen device as a filled step line, the others thin behind it, one chart per side on the
// timeline's own time axis.
"use strict";

ppplan.Memory = class {
  constructor(holder, data, timeline, options) {
    Object.assign(this, { holder, data, timeline, options });  // options: {device, what: 1 micro-batches | 2 bytes}
  }

  hasBytes() { return this.data.sides.some((side) => side.memory.some((m) => m.some((value, k) => k % 3 === 2 && value > 0))); }

  peak(side, device, what) {
    const steps = side.memory[device];
    let most = 0;
    for (let k = what; k < steps.length; k += 3) most = Math.max(most, steps[k]);
    return most;
  }

  fullest() {
    const peaks = this.data.devices.map((name, d) => Math.max(...this.data.sides.map((side) => this.peak(side, d, this.options.what))));
    return peaks.indexOf(Math.max(...peaks));
  }

  draw() {
    const { data, timeline, options } = this, sides = data.sides.length, theme = ppplan.theme();
    const each = sides > 1 ? 110 : 160, head = 22, height = sides * (each + head) + 8, width = timeline.width;
    const [, pen] = ppplan.canvas(this.holder, width, height), x = timeline.shown || timeline.x;
    const device = options.device < 0 ? this.fullest() : options.device;
    const most = Math.max(1e-12, ...data.sides.map((side) => Math.max(...data.devices.map((name, d) => this.peak(side, d, options.what)))));
    data.sides.forEach((side, s) => {
      const top = s * (each + head) + head, y = d3.scaleLinear().domain([0, most]).range([top + each - 4, top + 4]);
      this.scale(pen, y, theme, width);
      pen.save();
      pen.beginPath();
      pen.rect(timeline.gutter, top, width - timeline.gutter, each);
      pen.clip();
      if (data.devices.length > 1) side.memory.forEach((steps, d) => { if (d !== device) this.line(pen, x, y, steps, theme.soft, 1, 0.35); });
      this.line(pen, x, y, side.memory[device], theme.focus, 2, 1, true);
      pen.restore();
      pen.fillStyle = theme.ink;
      pen.textAlign = "left";
      pen.font = "13px system-ui, 'DejaVu Sans', sans-serif";
      const text = `${data.devices[device]}, ${side.name}: at most ${this.figure(this.peak(side, device, options.what))}`;
      pen.fillText(timeline.fitted(pen, text, width - 20), 10, top - 9);
    });
  }

  figure(value) {
    return this.options.what === 2 ? ppplan.bytes(value) : `${d3.format("~r")(Math.round(value * 100) / 100)} micro-batches`;
  }

  scale(pen, y, theme, width) {
    const { gutter } = this.timeline, whole = this.options.what === 1;
    pen.textAlign = "right";
    pen.font = "12px system-ui, 'DejaVu Sans', sans-serif";
    for (const tick of y.ticks(4).filter((value) => !whole || Number.isInteger(value))) {
      pen.fillStyle = theme.line;
      pen.fillRect(gutter, Math.round(y(tick)), width - gutter, 1);
      pen.fillStyle = theme.soft;
      pen.fillText(whole ? String(tick) : ppplan.bytes(tick), gutter - 8, y(tick));
    }
  }

  line(pen, x, y, steps, colour, thick, alpha, filled) {
    const [low, high] = x.domain();
    let last = 0, began = false, drawnTo = -Infinity;
    pen.beginPath();
    pen.moveTo(x(low), y(0));
    for (let k = 0; k < steps.length; k += 3) {
      const tick = steps[k], value = steps[k + this.options.what];
      if (tick > high) break;
      if (tick >= low) {
        const at = x(tick);
        if (!began) { pen.lineTo(x(low), y(last)); began = true; }
        if (at - drawnTo > 0.25 || value !== last) { pen.lineTo(at, y(last)); pen.lineTo(at, y(value)); drawnTo = at; }
      }
      last = value;
    }
    if (!began) pen.lineTo(x(low), y(last));
    pen.lineTo(x(Math.min(high, this.data.ticks)), y(last));
    if (filled) {
      pen.save();
      pen.lineTo(x(Math.min(high, this.data.ticks)), y(0));
      pen.globalAlpha = 0.18;
      pen.fillStyle = colour;
      pen.fill();
      pen.restore();
    }
    pen.globalAlpha = alpha;
    pen.strokeStyle = colour;
    pen.lineWidth = thick;
    pen.stroke();
    pen.globalAlpha = 1;
  }
};
