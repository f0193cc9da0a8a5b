// Maps that show the values of a cell, by pointer and by arrow keys; the cells' values as tables.

const HINT = "Hover over a cell or use the arrow keys.";

// Four digits for a value, two for an error.
function short(value, digits = 4) {
  if (value === null) return "–";
  const small = value !== 0 && Math.abs(value) < 1e-3;
  return small ? value.toExponential(Math.min(digits, 3) - 1) : String(Number(value.toPrecision(digits)));
}

function lines(setting, data, i, j) {
  const where = `${data.x.name} = ${short(data.x.values[i])}, ${data.y.name} = ${short(data.y.values[j])}`;
  const mean = setting.mean[i][j];
  const error = setting.error[i][j];
  const spread = error === null ? "" : ` ± ${short(error, 2)} (SE)`;
  const value = mean === null ? "no usable run" : `mean ${short(mean)}${spread}`;
  const failed = Object.entries(setting.failed)
    .filter(([, counts]) => counts[i][j])
    .map(([kind, counts]) => `${counts[i][j]} ${kind}`);
  const runs = `${setting.used[i][j]} of ${data.runs} runs used`;
  return [where, value, [runs, ...failed].join(", ")];
}

// The cell whose edges enclose a share of the image, or −1; edges rise or fall.
function find(edges, share) {
  for (let k = 0; k + 1 < edges.length; k += 1) {
    const low = Math.min(edges[k], edges[k + 1]);
    if (share >= low && share < Math.max(edges[k], edges[k + 1])) return k;
  }
  return -1;
}

function fill(output, texts, kind) {
  output.replaceChildren(
    ...texts.map((text) => {
      const line = document.createElement("span");
      line.textContent = text;
      if (kind) line.className = kind;
      return line;
    }),
  );
}

function element(name, text, scope) {
  const made = document.createElement(name);
  made.textContent = text;
  if (scope) made.scope = scope;
  return made;
}

function table(setting, data) {
  const made = document.createElement("table");
  made.append(element("caption", `${setting.name}: mean ± standard error; rows ${data.y.label}, columns ${data.x.label}`));
  const head = made.createTHead().insertRow();
  head.append(element("th", `${data.y.name} \\ ${data.x.name}`, "col"));
  data.x.values.forEach((value) => head.append(element("th", short(value), "col")));
  const body = made.createTBody();
  for (let j = data.y.values.length - 1; j >= 0; j -= 1) {
    const row = body.insertRow();
    row.append(element("th", short(data.y.values[j]), "row"));
    data.x.values.forEach((_, i) => {
      const used = setting.used[i][j];
      const few = used < data.runs ? ` (${used} of ${data.runs} runs)` : "";
      row.append(element("td", `${short(setting.mean[i][j])} ± ${short(setting.error[i][j], 2)}${few}`));
    });
  }
  const scroll = document.createElement("div");
  scroll.className = "scroll";
  scroll.tabIndex = 0;
  scroll.setAttribute("role", "group");
  scroll.setAttribute("aria-label", `Values, ${setting.name}`);
  scroll.append(made);
  return scroll;
}

function bring(root, data) {
  const panels = [...root.querySelectorAll(".panel")].map((panel, s) => ({
    setting: data.settings[s],
    plot: panel.querySelector(".plot"),
    images: [...panel.querySelectorAll("img")],
    cell: panel.querySelector(".cell"),
    readout: panel.querySelector(".readout"),
  }));
  let view = 0;
  let at = null;

  // All panels show the same cell, so that settings are read side by side.
  function show(cell) {
    at = cell;
    root.dispatchEvent(new CustomEvent("cell", { detail: at }));
    for (const { setting, cell, readout } of panels) {
      cell.hidden = at === null;
      if (at === null) {
        fill(readout, [HINT], "hint");
        continue;
      }
      const [i, j] = at;
      const { x, y } = setting.edges[view];
      cell.style.left = `${100 * x[i]}%`;
      cell.style.width = `${100 * (x[i + 1] - x[i])}%`;
      cell.style.top = `${100 * y[j + 1]}%`;
      cell.style.height = `${100 * (y[j] - y[j + 1])}%`;
      fill(readout, lines(setting, data, i, j));
    }
  }

  function point(event, { setting, plot }) {
    const box = plot.getBoundingClientRect();
    const { x, y } = setting.edges[view];
    const i = find(x, (event.clientX - box.left) / box.width);
    const j = find(y, (event.clientY - box.top) / box.height);
    if (i >= 0 && j >= 0) show([i, j]);
    else if (event.pointerType === "mouse") show(null);
  }

  const moves = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowDown: [0, -1], ArrowUp: [0, 1] };
  function key(event) {
    if (event.key === "Escape") show(null);
    const move = moves[event.key];
    if (!move) return;
    event.preventDefault();
    const [i, j] = at ?? [Math.floor(data.x.values.length / 2) - move[0], Math.floor(data.y.values.length / 2) - move[1]];
    const clamp = (value, count) => Math.max(0, Math.min(count - 1, value));
    show([clamp(i + move[0], data.x.values.length), clamp(j + move[1], data.y.values.length)]);
  }

  for (const panel of panels) {
    panel.plot.addEventListener("pointermove", (event) => point(event, panel));
    panel.plot.addEventListener("pointerdown", (event) => point(event, panel));
    panel.plot.addEventListener("pointerleave", (event) => {
      if (event.pointerType === "mouse") show(null);
    });
    panel.plot.addEventListener("keydown", key);
  }
  root.querySelectorAll(".views input").forEach((input) => {
    input.addEventListener("change", () => {
      view = Number(input.value);
      for (const { images } of panels) images.forEach((image, k) => { image.hidden = k !== view; });
      root.dispatchEvent(new CustomEvent("view", { detail: view }));
      show(at);
    });
    if (input.checked && Number(input.value) !== 0) input.dispatchEvent(new Event("change"));
  });
  const values = root.querySelector(".values");
  values.addEventListener("toggle", () => {
    if (values.open && values.childElementCount === 1) values.append(...data.settings.map((s) => table(s, data)));
  });
  show(null);
}
