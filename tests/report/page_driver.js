// Drives the report page as a person would, from inside it, and leaves what happened in `dataset.told` as JSON.
"use strict";

(async () => {
  const root = document.documentElement, by = (id) => document.getElementById(id);
  const frame = () => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)));
  const shown = () => Number(root.dataset.high) - Number(root.dataset.low);
  const after = async (act) => { act(); await frame(); return shown(); };
  const canvas = () => by("timeline").querySelector("canvas");
  const key = (name) => by("timeline").dispatchEvent(new KeyboardEvent("keydown", { key: name, bubbles: true, cancelable: true }));
  const told = { ready: root.dataset.ready, failed: root.dataset.failed || "", problem: by("problem").textContent };

  const mouse = (type, x, y, more = {}) => {
    const box = canvas().getBoundingClientRect();
    const Event = type === "wheel" ? WheelEvent : MouseEvent;
    canvas().dispatchEvent(new Event(type, { clientX: box.left + x, clientY: box.top + y, bubbles: true, cancelable: true, view: window, ...more }));
  };
  const pixels = (holder) => {
    const drawn = by(holder).querySelector("canvas"), seen = new Set();
    const data = drawn.getContext("2d").getImageData(0, 0, drawn.width, drawn.height).data;
    for (let i = 0; i < data.length; i += 4) if (data[i + 3] > 0) seen.add((data[i] << 16) | (data[i + 1] << 8) | data[i + 2]);
    return seen;
  };

  const zooms = async () => {
    told.whole = shown();
    told.button = await after(() => by("zoom-in").click());
    told.all = await after(() => by("zoom-all").click());
    told.plus = await after(() => key("+"));
    const low = Number(root.dataset.low);
    await after(() => key("ArrowRight"));
    told.moved = Number(root.dataset.low) - low;
    told.zero = await after(() => key("0"));
    told.wheel = await after(() => mouse("wheel", 300, 40, { deltaY: -200, ctrlKey: true }));
    told.plainWheel = await after(() => mouse("wheel", 300, 40, { deltaY: -200 }));
    await after(() => by("zoom-all").click());
  };

  // The note of every operation that the mouse finds, and whether it ever left the window.
  const hovers = () => {
    const found = new Set();
    told.tipInside = true;
    const high = canvas().clientHeight, wide = canvas().clientWidth;
    for (let y = 1; y < high; y += 5)
      for (let x = 1; x < wide; x += 5) {
        mouse("mousemove", x, y);
        if (by("tip").hidden) continue;
        found.add(by("told").textContent);
        const box = by("tip").getBoundingClientRect();
        if (box.left < 0 || box.right > window.innerWidth || box.top < 0) told.tipInside = false;
      }
    told.stories = [...found];
    mouse("mouseleave", 1, 1);
    told.tipGone = by("tip").hidden;
  };

  const options = async () => {
    told.drawn = Number(root.dataset.drawn);
    told.colours = pixels("timeline").size;
    told.memoryColours = pixels("memory").size;
    const critical = getComputedStyle(root).getPropertyValue("--critical").trim();
    const [r, g, b] = [1, 3, 5].map((at) => parseInt(critical.slice(at, at + 2), 16)), colour = (r << 16) | (g << 8) | b;
    told.critical = pixels("timeline").has(colour);
    await after(() => by("show-critical").click());
    told.criticalOff = pixels("timeline").has(colour);
    await after(() => by("show-transfers").click());
    told.withoutTransfers = Number(root.dataset.drawn);
    const background = getComputedStyle(document.body).backgroundColor;
    await after(() => by("theme").click());
    told.themeChanges = getComputedStyle(document.body).backgroundColor !== background;
  };

  const table = () => {
    const rows = [...by("idle").querySelectorAll("tbody tr")];
    told.shares = rows.map((row) => [...row.querySelectorAll(".shares i")].reduce((sum, part) => sum + parseFloat(part.style.width), 0));
    told.figures = [...by("figures").querySelectorAll(".figure")].map((box) => box.textContent);
    told.bound = by("bound").textContent;
    told.overflow = root.scrollWidth - root.clientWidth;
  };

  try {
    await frame();
    await zooms();
    hovers();
    await options();
    table();
  } catch (error) {
    told.failed = String(error && error.stack || error);
  }
  root.dataset.told = JSON.stringify(told);
})();
