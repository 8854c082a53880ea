// The timeline: a row per device, in it a strip per side (predicted above measured) and under each strip its transfers
// as a thin line. Drawn on a canvas; only what is in view and at least a pixel wide is drawn.
"use strict";

ppplan.Timeline = class {
  constructor(holder, data, options) {
    this.holder = holder;
    this.data = data;
    this.options = options;  // {colour, critical, transfers}
    this.domain = [0, data.ticks * 1.01];
    this.selected = null;    // {side, span}
    this.layout();
  }

  layout() {
    const { data } = this, sides = data.sides.length, many = data.devices.length;
    this.width = this.holder.clientWidth;
    this.gutter = Math.min(150, Math.max(62, this.width * 0.13));
    this.axis = 26;
    this.strip = many <= 10 ? (sides > 1 ? 20 : 26) : many <= 24 ? (sides > 1 ? 15 : 20) : sides > 1 ? 10 : 14;
    this.link = 4;           // of a strip's transfers
    this.gap = many <= 24 ? 8 : 5;
    this.row = sides * (this.strip + this.link + 1) + this.gap;
    this.height = this.axis + many * this.row + 6;
    this.x = d3.scaleLinear().domain(this.domain).range([this.gutter, this.width - 8]);
  }

  view(x) { this.shown = x; }
  top(device, side) { return this.axis + device * this.row + side * (this.strip + this.link + 1) + this.gap / 2; }

  draw() {
    const x = this.shown || this.x, theme = ppplan.theme();
    const [canvas, pen] = ppplan.canvas(this.holder, this.width, this.height);
    this.element = canvas;
    this.drawn = 0;
    this.grid(pen, x, theme);
    pen.save();
    pen.beginPath();
    pen.rect(this.gutter, 0, this.width - this.gutter, this.height);
    pen.clip();
    this.data.sides.forEach((side, s) => side.rows.forEach((row, d) => {
      this.compute(pen, x, side, row.compute, this.top(d, s), theme);
      if (this.options.transfers) this.transfers(pen, x, side, row.transfers, this.top(d, s) + this.strip, theme);
    }));
    if (this.options.critical) this.data.sides.forEach((side, s) => this.path(pen, x, side, s, theme));
    this.boundLine(pen, x, theme);
    if (this.selected) this.mark(pen, x, theme);
    pen.restore();
    this.names(pen, theme);
  }

  grid(pen, x, theme) {
    const [size, unit] = ppplan.unit(x.domain()[1] * this.data.tick_s);
    const seconds = x.copy().domain(x.domain().map((tick) => tick * this.data.tick_s / size));
    const ticks = seconds.ticks(Math.max(2, Math.floor((this.width - this.gutter) / 90)));
    const label = seconds.tickFormat(ticks.length);
    pen.font = "12px system-ui, 'DejaVu Sans', sans-serif";
    pen.textBaseline = "middle";
    pen.textAlign = "center";
    for (const tick of ticks) {
      const at = seconds(tick);
      pen.fillStyle = theme.line;
      pen.fillRect(at, this.axis - 4, 1, this.height);
      pen.fillStyle = theme.soft;
      if (at > this.gutter + 14 && at < this.width - 20) pen.fillText(`${label(tick)} ${unit}`, at, 12);
    }
    pen.fillStyle = theme.idle;
    this.data.sides.forEach((side, s) => {
      const from = Math.max(this.gutter, x(0)), to = Math.min(this.width, x(side.makespan_s / this.data.tick_s));
      side.devices.forEach((name, d) => { if (to > from) pen.fillRect(from, this.top(d, s), to - from, this.strip); });
    });
  }

  // Calls draw(span, from, to) for what is in view; spans that end in a pixel that is already filled are left out.
  each(x, side, list, draw) {
    const [low, high] = x.domain(), { start, length } = side.spans;
    let filled = -Infinity;
    for (let k = ppplan.firstVisible(side.spans, list, low); k < list.length; ++k) {
      const i = list[k];
      if (start[i] > high) break;
      const from = x(start[i]), to = x(start[i] + length[i]);
      if (to < this.gutter || (to <= filled && to - from < 1)) continue;
      draw(i, Math.max(from, this.gutter - 2), Math.min(Math.max(to, from + 1), this.width + 2));
      filled = Math.ceil(to);
      ++this.drawn;
    }
  }

  compute(pen, x, side, list, top, theme) {
    const { spans } = side, { data } = this;
    pen.textAlign = "center";
    pen.font = `${Math.min(12, this.strip - 3)}px system-ui, 'DejaVu Sans', sans-serif`;
    this.each(x, side, list, (i, from, to) => {
      const kind = data.kinds[spans.kind[i]], wide = to - from;
      const { fill, ink } = ppplan.colours.of(this.options.colour, kind, spans.micro_batch[i], spans.stage[i], data);
      pen.fillStyle = fill;
      pen.fillRect(from, top, wide > 3 ? wide - 0.6 : wide, this.strip);
      if (wide < 5) return;
      pen.fillStyle = ink;
      if (kind.startsWith("backward")) pen.fillRect(from, kind === "backward_weight" ? top + this.strip - 2 : top, wide - 0.6, 2);
      const text = this.label(kind, spans.micro_batch[i], wide, data);
      if (text && this.strip >= 10) pen.fillText(text, (from + to) / 2, top + this.strip / 2 + 0.5);
    });
  }

  label(kind, microBatch, wide, data) {
    const letter = { forward: "F", backward: "B", backward_input: "I", backward_weight: "W", forward_backward: "F+B",
      recompute: "R", update: "U" }[kind] || "";
    const whole = data.trains ? letter + microBatch : String(microBatch);
    return wide > whole.length * 7.2 + 3 ? whole : wide > String(microBatch).length * 7 + 2 ? String(microBatch) : "";
  }

  transfers(pen, x, side, list, top, theme) {
    this.each(x, side, list, (i, from, to) => {
      const sends = this.data.kinds[side.spans.kind[i]].startsWith("send");
      pen.fillStyle = theme.soft;
      pen.fillRect(from, sends ? top + 1 : top + 2.5, Math.max(1, to - from - 0.4), sends ? 2.5 : 1);
    });
  }

  // Steps of the path, outlined where there is room, and a line from each to the next.
  path(pen, x, side, s, theme) {
    const { spans, critical } = side, [low, high] = x.domain();
    const middle = (i) => this.top(spans.device[i], s) + this.strip / 2;
    const trace = () => {
      pen.beginPath();
      critical.forEach((i, k) => {
        const end = spans.start[i] + spans.length[i], next = critical[k + 1];
        if (end < low || spans.start[i] > high) return;
        if (next !== undefined && spans.device[next] !== spans.device[i]) {
          pen.moveTo(x(end), middle(i));
          pen.lineTo(x(spans.start[next]), middle(next));
        }
        const y = this.top(spans.device[i], s) + this.strip;
        pen.moveTo(x(spans.start[i]), y);
        pen.lineTo(x(end), y);
        if (x(end) - x(spans.start[i]) > 6) pen.rect(x(spans.start[i]) + 0.7, y - this.strip + 0.7, x(end) - x(spans.start[i]) - 2, this.strip - 1.4);
      });
      pen.stroke();
    };
    pen.lineJoin = "round";
    pen.strokeStyle = theme.halo;
    pen.lineWidth = 4;
    trace();
    pen.strokeStyle = theme.critical;
    pen.lineWidth = 2;
    trace();
  }

  boundLine(pen, x, theme) {
    const at = x(this.data.bound.seconds / this.data.tick_s);
    if (at < this.gutter || at > this.width) return;
    pen.strokeStyle = theme.bound;
    pen.lineWidth = 1.5;
    pen.setLineDash([5, 4]);
    pen.beginPath();
    pen.moveTo(at, 20);
    pen.lineTo(at, this.height);
    pen.stroke();
    pen.setLineDash([]);
    pen.fillStyle = theme.page;
    pen.font = "600 12px system-ui, 'DejaVu Sans', sans-serif";
    const wide = pen.measureText("bound").width + 8;
    const left = Math.min(at - wide / 2, this.width - wide - 2);
    pen.fillRect(left, 3, wide, 18);
    pen.fillStyle = theme.bound;
    pen.textAlign = "center";
    pen.fillText("bound", left + wide / 2, 12);
  }

  mark(pen, x, theme) {
    const { side, span } = this.selected, spans = this.data.sides[side].spans;
    const outline = (i) => {
      const from = x(spans.start[i]), to = x(spans.start[i] + spans.length[i]);
      const transfer = !ppplan.computes(this.data, spans.kind[i]);
      const top = this.top(spans.device[i], side) + (transfer ? this.strip - 1 : 0);
      pen.strokeRect(from - 1, top - 1, Math.max(2, to - from) + 2, (transfer ? this.link + 1 : this.strip) + 2);
      return [(from + to) / 2, top + 2];
    };
    pen.strokeStyle = theme.ink;
    pen.lineWidth = 2;
    const here = outline(span), other = this.data.sides[side].ends[span];
    if (other < 0) return;
    const there = outline(other);
    pen.beginPath();
    pen.moveTo(...here);
    pen.lineTo(...there);
    pen.stroke();
  }

  names(pen, theme) {
    pen.fillStyle = theme.page;
    pen.fillRect(0, 0, this.gutter - 1, this.height);
    pen.textAlign = "left";
    pen.font = `${this.row < 20 ? 11 : 13}px system-ui, 'DejaVu Sans', sans-serif`;
    pen.fillStyle = theme.ink;
    this.data.devices.forEach((name, d) => {
      const middle = this.axis + d * this.row + this.row / 2;
      pen.fillText(this.fitted(pen, name, this.gutter - 16), 8, middle);
    });
  }

  fitted(pen, text, room) {
    if (pen.measureText(text).width <= room) return text;
    let length = text.length;
    while (length > 1 && pen.measureText(text.slice(0, length) + "\u2026").width > room) --length;
    return text.slice(0, length) + "\u2026";
  }

  // What lies under a point of the canvas; spans thinner than a finger count a little wider.
  at(px, py) {
    const x = this.shown || this.x, device = Math.floor((py - this.axis) / this.row);
    if (px < this.gutter || device < 0 || device >= this.data.devices.length) return null;
    for (let s = 0; s < this.data.sides.length; ++s) {
      const top = this.top(device, s), side = this.data.sides[s], tick = x.invert(px), slack = x.invert(px + 2) - tick;
      if (py < top - 1 || py > top + this.strip + this.link) continue;
      const transfer = this.options.transfers && py > top + this.strip;
      const list = transfer ? side.rows[device].transfers : side.rows[device].compute;
      for (let k = ppplan.firstVisible(side.spans, list, tick - slack); k < list.length; ++k) {
        const i = list[k];
        if (side.spans.start[i] > tick + slack) break;
        if (side.spans.start[i] + side.spans.length[i] >= tick - slack) return { side: s, span: i };
      }
    }
    return null;
  }
};
