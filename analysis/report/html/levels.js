"use strict";
// The boundary at several levels: a slider moves through them, on the map and in a plot beside it.

const SVG = "http://www.w3.org/2000/svg";
const PLOT = { width: 640, height: 400, left: 64, right: 12, top: 10, bottom: 46 };
const SHAPES = [
  "M-4,0a4,4 0 1,0 8,0a4,4 0 1,0 -8,0",
  "M-3.5,-3.5h7v7h-7z",
  "M0,-4.5l4.5,8h-9z",
  "M0,-5l4.5,5l-4.5,5l-4.5,-5z",
  "M0,4.5l4.5,-8h-9z",
];

function draw(name, attributes, text) {
  const made = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  if (text !== undefined) made.textContent = text;
  return made;
}

// A tick's number: powers of ten where others would be long.
function tickWords(value) {
  const power = Math.log10(Math.abs(value));
  if (value === 0 || (power > -3 && power < 4)) return String(Number(value.toPrecision(6)));
  const whole = Math.floor(power + 1e-9);
  const digits = [...String(whole)].map((one) => "⁰¹²³⁴⁵⁶⁷⁸⁹"["0123456789".indexOf(one)] ?? "⁻").join("");
  const factor = Number((value / 10 ** whole).toPrecision(3));
  return `${factor === 1 ? "" : `${factor}·`}10${digits}`;
}

function ticks(low, high, log) {
  if (!log) {
    const raw = (high - low) / 5;
    const unit = 10 ** Math.floor(Math.log10(raw));
    const step = unit * [1, 2, 5, 10].find((one) => one * unit >= raw);
    const first = Math.ceil(low / step);
    return Array.from({ length: Math.floor(high / step) - first + 1 }, (_, k) => (first + k) * step);
  }
  const decades = Math.log10(high / low);
  const factors = decades < 2.5 ? [1, 2, 5] : [1];
  const every = Math.ceil(decades / 7);
  const found = [];
  for (let power = Math.floor(Math.log10(low)); power <= Math.log10(high); power += 1) {
    if (power % every) continue;
    factors.forEach((factor) => found.push(factor * 10 ** power));
  }
  return found.filter((value) => value >= low && value <= high);
}

// From values to places along a side of the plot.
function scale(ends, log, from, to) {
  const f = log ? Math.log : Number;
  const [low, high] = [Math.min(...ends), Math.max(...ends)].map(f);
  return (value) => {
    const at = from + ((f(value) - low) / (high - low)) * (to - from);
    return Number.isFinite(at) ? at : from;
  };
}

function slide(root, map, data, cells) {
  const slider = root.querySelector("input[type=range]");
  const shown = root.querySelector(".shown");
  const readout = root.querySelector(".readout");
  const plot = root.querySelector(".boundary");
  const initial = Number(slider.defaultValue);
  const clipId = `${slider.id}-clip`;
  const dark = window.matchMedia("(prefers-color-scheme: dark)");
  const overlays = [...map.querySelectorAll(".plot")].map((panel) => {
    const made = draw("svg", { class: "overlay", viewBox: "0 0 1 1", preserveAspectRatio: "none", "aria-hidden": "true" });
    panel.append(made);
    return made;
  });
  const value = (at) => (data.y.log ? Math.exp(at) : at);
  const isFound = (at) => typeof at === "number";
  let view = 0;
  let column = null;

  const shows = (kind) => root.querySelector(`[value=${kind}]`)?.checked;
  const x = scale(data.x.ends, data.x.positive, PLOT.left, PLOT.width - PLOT.right);
  const y = scale(data.y.ends, data.y.positive, PLOT.height - PLOT.bottom, PLOT.top);
  const ink = (s) => data.inks[s % data.inks.length][dark.matches ? 1 : 0];

  function axes() {
    const [right, bottom] = [PLOT.width - PLOT.right, PLOT.height - PLOT.bottom];
    const parts = [draw("path", { class: "frame", d: `M${PLOT.left},${PLOT.top}H${right}V${bottom}H${PLOT.left}Z` })];
    for (const at of ticks(...data.x.ends, data.x.positive)) {
      parts.push(draw("path", { class: "frame", d: `M${x(at)},${bottom}v5` }));
      parts.push(draw("text", { x: x(at), y: bottom + 18, "text-anchor": "middle" }, tickWords(at)));
    }
    for (const at of ticks(...data.y.ends, data.y.positive)) {
      parts.push(draw("path", { class: "frame", d: `M${PLOT.left},${y(at)}h-5` }));
      parts.push(draw("text", { x: PLOT.left - 8, y: y(at) + 4, "text-anchor": "end" }, tickWords(at)));
    }
    parts.push(draw("text", { x: (PLOT.left + right) / 2, y: PLOT.height - 8, "text-anchor": "middle" }, data.x.label.length < 60 ? data.x.label : data.x.name));
    parts.push(draw("text", { transform: `translate(14 ${(PLOT.top + bottom) / 2}) rotate(-90)`, "text-anchor": "middle" }, data.y.name));
    return parts;
  }

  function line(points, kind, s) {
    const d = points.map(([at, to]) => `${x(at).toFixed(1)},${y(to).toFixed(1)}`).join("L");
    return draw("path", { class: kind, d: d ? `M${d}` : "", stroke: ink(s), "clip-path": `url(#${clipId})` });
  }

  // A power law's line over the whole axis, or over a range of it.
  function power(start, slope, kind, s, range = data.x.ends) {
    const ends = range.map((at) => (at > 0 ? at : Math.max(...range) / 1000));
    return line(ends.map((at) => [at, Math.exp(start + slope * Math.log(at))]), kind, s);
  }

  function lines(cut, s) {
    const parts = [];
    const { line: law } = cut.laws[s];
    if (shows("law") && law && data.x.positive) parts.push(power(...law, "fitted", s));
    const points = cut.at[s].map((at, i) => [data.x.values[i], at]).filter(([, at]) => isFound(at));
    const logs = points.map(([at, to]) => [Math.log(at), Math.log(value(to))]).filter((pair) => pair.every(Number.isFinite));
    for (const { exponent, range } of shows("large") && data.x.positive ? data.theories : []) {
      const within = logs.filter(([u]) => !range || (Math.exp(u) >= range[0] * (1 - 1e-9) && Math.exp(u) <= range[1] * (1 + 1e-9)));
      if (!within.length) continue;
      const start = within.reduce((sum, [u, v]) => sum + v - exponent * u, 0) / within.length;
      parts.push(power(start, exponent, "large", s, range ?? data.x.ends));
    }
    if (shows("sizes")) {
      for (const predicted of Object.values(cut.predicted)) {
        const found = predicted[s].map((at, i) => [data.x.values[i], at]).filter(([, at]) => at !== null);
        parts.push(line(found.map(([at, to]) => [at, value(to)]), "sizes", s));
      }
    }
    return parts;
  }

  function end(at, otherwise) {
    return isFound(at) ? y(value(at)) : otherwise;
  }

  function points(cut, s) {
    const spread = (s - (data.settings.length - 1) / 2) * 3;
    const parts = [];
    const bottom = PLOT.height - PLOT.bottom;
    cut.at[s].forEach((at, i) => {
      if (at === null) return;
      const across = x(data.x.values[i]) + spread;
      const place = isFound(at) ? y(value(at)) : at === "low" ? bottom - 5 : PLOT.top + 5;
      if (isFound(at)) {
        const [low, high] = [end(cut.low[s][i], bottom), end(cut.high[s][i], PLOT.top)];
        parts.push(draw("path", { class: "bar", d: `M${across},${low}V${high}`, stroke: ink(s) }));
      }
      const shape = isFound(at) ? SHAPES[s % SHAPES.length] : at === "low" ? SHAPES[4] : SHAPES[2];
      parts.push(draw("path", {
        class: i === column ? "point marked" : "point",
        transform: `translate(${across} ${place})`,
        d: shape,
        fill: isFound(at) ? ink(s) : "none",
        stroke: ink(s),
      }));
    });
    return parts;
  }

  // The boundary over the map, in shares of its image.
  function trace(cut) {
    const f = data.y.log ? Math.log : Number;
    const [bottom, top] = data.y.ends.map(f);
    overlays.forEach((overlay, s) => {
      const { x: across, y: up } = cells.settings[s].edges[view];
      const d = cut.at[s].map((at, i) => {
        if (!isFound(at)) return "";
        const share = up[0] + ((at - bottom) / (top - bottom)) * (up.at(-1) - up[0]);
        const before = i > 0 && isFound(cut.at[s][i - 1]);
        return `${before ? "L" : "M"}${(across[i] + across[i + 1]) / 2},${share}`;
      }).join("");
      const moved = Number(slider.value) !== initial;
      overlay.replaceChildren(...["rim", "core"].filter(() => moved).map((kind) => draw("path", { class: kind, d })));
    });
  }

  function words(cut) {
    return data.settings.map((name, s) => {
      if (column === null) return `${name}: ${cut.laws[s].words}`;
      const [at, low, high] = [cut.at[s][column], cut.low[s][column], cut.high[s][column]];
      const beyond = { low: "below the grid", high: "above the grid" };
      const open = (one) => (isFound(one) ? short(value(one)) : "open");
      const place = isFound(at) ? `${data.y.name} = ${short(value(at))} [${open(low)}, ${open(high)}]` : beyond[at] ?? "no data";
      return `${name}: at ${data.x.name} = ${short(data.x.values[column])} ${place}; ${cut.laws[s].words}`;
    });
  }

  function update() {
    const cut = data.levels[Number(slider.value)];
    shown.textContent = cut.level;
    slider.setAttribute("aria-valuetext", `level ${cut.level}`);
    const every = data.settings.map((_, s) => s);
    const clip = draw("clipPath", { id: clipId });
    const [width, height] = [PLOT.width - PLOT.left - PLOT.right, PLOT.height - PLOT.top - PLOT.bottom];
    clip.append(draw("rect", { x: PLOT.left, y: PLOT.top, width, height }));
    const band = [];
    if (column !== null) {
      const at = x(data.x.values[column]);
      band.push(draw("path", { class: "band", d: `M${at},${PLOT.top}V${PLOT.height - PLOT.bottom}` }));
    }
    plot.replaceChildren(clip, ...axes(), ...band, ...every.flatMap((s) => lines(cut, s)), ...every.flatMap((s) => points(cut, s)));
    trace(cut);
    fill(readout, words(cut));
    every.forEach((s) => { readout.children[s].style.borderColor = ink(s); });
  }

  function mark(next) {
    if (next === column) return;
    column = next;
    update();
  }

  function key(event) {
    const last = data.x.values.length - 1;
    if (event.key === "Escape") mark(null);
    const move = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
    if (!move) return;
    event.preventDefault();
    mark(Math.max(0, Math.min(last, column === null ? Math.floor(last / 2) : column + move)));
  }

  function point(event) {
    const box = plot.getBoundingClientRect();
    const at = ((event.clientX - box.left) / box.width) * PLOT.width;
    const distances = data.x.values.map((one) => Math.abs(x(one) - at));
    mark(distances.indexOf(Math.min(...distances)));
  }

  map.addEventListener("cell", (event) => mark(event.detail ? event.detail[0] : null));
  map.addEventListener("view", (event) => { view = event.detail; update(); });
  plot.addEventListener("pointermove", point);
  plot.addEventListener("pointerdown", point);
  plot.addEventListener("pointerleave", () => mark(null));
  plot.addEventListener("keydown", key);
  slider.addEventListener("input", update);
  root.querySelectorAll("input[type=checkbox]").forEach((box) => box.addEventListener("change", update));
  dark.addEventListener("change", update);
  update();
}
