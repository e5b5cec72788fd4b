// The stepper in a page. `mount` turns one host element, which holds a picture and a table for where no script runs,
// into something to click through. `content` is what viz/stepper.py computed: every number and formula is in it as text.
// Texts reach the page through textContent and attributes only, so that a name cannot be more than a name.

const SVG = "http://www.w3.org/2000/svg";
const PACE = 1400; // milliseconds a step at speed 1
const SPEEDS = [0.5, 1, 2, 4];
const SQUEEZE = 0.8; // a wide picture shrinks so far, then it scrolls
const NEIGHBOURS = 6; // values shown on either side where a graph is too large for one picture
const THUMBNAIL = { width: 62, height: 26, cell: 9 };
const [KIND, NODE, PARENT, ARGUMENT, SYMBOLS, NUMBERS, WHY, WHOLE, TOTAL, TABLE, FIGURES, SCALE] = Array(12).keys();
const ICONS = {
  first: "M5 4v12M16 4.5v11L8 10z",
  previous: "M14 4.5v11L6 10z",
  play: "M6 4l10 6-10 6z",
  pause: "M7 4.5v11M13 4.5v11",
  next: "M6 4.5v11l8-5.5z",
  last: "M15 4v12M4 4.5v11l8-5.5z",
  whole: "M3 7V3h4L3 7zM13 3h4v4L13 3zM17 13v4h-4l4-4zM7 17H3v-4l4 4z",
};
const DARK = ".dark, .vscode-dark, .vscode-high-contrast, [data-theme=dark], [theme=dark]"; // as notebooks say it
const LIGHT = ".light, .vscode-light, .vscode-high-contrast-light, [data-theme=light], [theme=light]";
const PHASES = { forward: "forward", seed: "backward", edge: "backward", sum: "backward" };

function element(tag, attributes, parent, text) {
  const made = document.createElement(tag);
  return finished(made, attributes, parent, text);
}

function shapeOf(tag, attributes, parent, text) {
  return finished(document.createElementNS(SVG, tag), attributes, parent, text);
}

function finished(made, attributes, parent, text) {
  for (const name in attributes) made.setAttribute(name, attributes[name]);
  if (text !== undefined) made.textContent = text;
  if (parent) parent.appendChild(made);
  return made;
}

function mount(host, content, style) {
  const { nodes, events, picture, advice, title } = content;
  const turn = events.findIndex((event) => event[KIND] === "seed"); // so many events go forward
  const ranges = { forward: [0, turn], backward: [turn, events.length], both: [0, events.length] };
  let [low, high] = ranges.both;
  let position = 0; // so many events have happened
  let speed = 1;
  let timer = null;

  // The parts of the page ------------------------------------------------------------------------------------------

  const root = host.attachShadow({ mode: "open" });
  element("style", {}, root, style);
  const frame = element("div", { class: "frame", tabindex: "0", role: "group" }, root);
  frame.setAttribute("aria-label", `Backpropagation of ${title}, step by step. Arrow keys step, space plays.`);
  const bar = element("div", { class: "bar" }, frame);
  const buttons = element("div", { class: "buttons", role: "group", "aria-label": "Steps" }, bar);
  const first = button(buttons, "first", "First step", () => go(low));
  const previous = button(buttons, "previous", "Previous step", () => go(position - 1));
  const play = button(buttons, "play", "Play", toggle);
  const next = button(buttons, "next", "Next step", () => go(position + 1));
  const last = button(buttons, "last", "Last step", () => go(high));
  const count = element("span", { class: "count" }, bar);
  const timeline = element("input", { type: "range", class: "timeline", "aria-label": "Step" }, bar);
  timeline.addEventListener("input", () => go(Number(timeline.value)));
  const options = element("div", { class: "options" }, bar);
  const modes = element("div", { class: "modes", role: "group", "aria-label": "Which way" }, options);
  for (const mode in ranges) {
    const label = mode[0].toUpperCase() + mode.slice(1);
    element("button", { type: "button", "data-mode": mode, "aria-pressed": mode === "both" }, modes, label)
      .addEventListener("click", () => choose(mode));
  }
  const pace = element("select", { "aria-label": "Speed" }, options);
  for (const choice of SPEEDS) element("option", { value: choice }, pace, `${choice}×`);
  pace.value = "1";
  pace.addEventListener("change", () => { speed = Number(pace.value); if (timer) { halt(); toggle(); } });
  const whole = button(options, "whole", "The whole picture at once", () => {
    whole.setAttribute("aria-pressed", view.classList.toggle("whole"));
    follow();
  });
  whole.setAttribute("aria-pressed", "false");
  whole.hidden = !picture;
  const view = element("div", { class: "view" }, frame);
  const card = element("div", { class: "card", role: "status", "aria-live": "polite" }, frame);
  if (advice) element("p", { class: "advice" }, frame, advice);

  function button(parent, icon, label, act) {
    const made = element("button", { type: "button", title: label, "aria-label": label }, parent);
    const svg = shapeOf("svg", { viewBox: "0 0 20 20", "aria-hidden": "true" }, made);
    shapeOf("path", { d: ICONS[icon] }, svg);
    made.addEventListener("click", act);
    return made;
  }

  // The picture ----------------------------------------------------------------------------------------------------

  let boxes = []; // what is drawn: { node, group, data, gradient }
  let curves = []; // { node, argument, group }

  function draw({ width, height, boxes: places, layers = [], curves: lines }) {
    const pad = 6;
    if (view.contains(root.activeElement)) frame.focus({ preventScroll: true }); // what had the focus goes away
    view.replaceChildren();
    const svg = shapeOf("svg", { viewBox: `${-pad} ${-pad} ${width + 2 * pad} ${height + 2 * pad}` }, view);
    svg.setAttribute("role", "group");
    svg.setAttribute("aria-label", `Graph of ${title}, ${nodes.length} values`);
    const natural = width + 2 * pad;
    svg.style.setProperty("--natural", `${natural}px`);
    svg.style.setProperty("--smallest", `${natural * SQUEEZE}px`);
    for (const { x, y, w, h, name } of layers) {
      shapeOf("rect", { class: "layer", x, y, width: w, height: h, rx: 8 }, svg);
      shapeOf("text", { class: "layer", x: x + 8, y: y + 14 }, svg, name);
    }
    curves = lines.map((line) => {
      const group = shapeOf("g", { class: nodes[line.node].inputs[line.argument] < 0 ? "edge constant" : "edge" }, svg);
      const points = line.points;
      const [tipX, tipY] = points[points.length - 1];
      const [x, y] = points[points.length - 2];
      shapeOf("path", { class: "line", d: `M${points[0]}C${points.slice(1, -1).join(" ")}` }, group);
      const [across, along] = [(tipY - y) * 0.45, (tipX - x) * 0.45];
      shapeOf("path", { class: "tip", d: `M${tipX} ${tipY}L${x + across} ${y - along}L${x - across} ${y + along}z` }, group);
      const label = nodes[line.node].labels[line.argument];
      if (label && line.x !== undefined) shapeOf("text", { x: line.x, y: line.y + 4 }, group, label);
      return { ...line, group };
    });
    for (const place of places.filter((place) => place.constant !== undefined)) constantBox(svg, place);
    boxes = places.filter((place) => place.constant === undefined).map((place) => {
      const { x, y, w, h } = place;
      const node = nodes[place.node];
      const name = node.operation ? `${node.name} = ${node.operation}` : node.name;
      const group = shapeOf("g", { class: node.operation ? "box" : "box leaf", tabindex: "-1", role: "button" }, svg);
      group.classList.toggle("copy", Boolean(place.copy));
      shapeOf("rect", { x, y, width: w, height: h, rx: node.operation ? 4 : 10 }, group);
      if (place.weight) shapeOf("rect", { class: "inner", x: x + 3, y: y + 3, width: w - 6, height: h - 6, rx: 7 }, group);
      const array = node.table !== null;
      const line = (below, kind, text) => shapeOf("text", { x: x + w / 2, y: y + below, class: kind }, group, text);
      const titled = line(18, "title", name);
      if (array) line(33, "shape", content.arrays[node.table].shape);
      const made = (kind, below) => (array ? shapeOf("g", { class: kind }, group) : line(below, kind, ""));
      const box = { ...place, group, array, data: made("data", 34), gradient: made("gradient", 50) };
      fit(titled, w);
      group.addEventListener("click", () => jump(place.node));
      return box;
    });
    boxes[0].group.setAttribute("tabindex", "0");
  }

  function focus(box) { // the picture is one stop of the Tab key; the arrows go from value to value
    for (const { group } of boxes) group.setAttribute("tabindex", "-1");
    boxes[box].group.setAttribute("tabindex", "0");
    boxes[box].group.focus();
  }

  function constantBox(svg, place) { // an array that no gradient is taken of: data
    const group = shapeOf("g", { class: "constant" }, svg);
    const array = nodes[place.node].constants[place.constant];
    shapeOf("rect", { x: place.x, y: place.y, width: place.w, height: place.h, rx: 4 }, group);
    const { shape } = content.arrays[array];
    shapeOf("text", { x: place.x + place.w / 2, y: place.y + 18 }, group, shape);
    thumbnail(group.appendChild(document.createElementNS(SVG, "g")), array, false, { ...place, y: place.y - 14, w: 2 * place.w - 8 });
  }

  function thumbnail(parent, place, right, box) { // a small picture of an array in the left or right half of its box
    parent.replaceChildren();
    if (place === null) return;
    const { cells, largest } = content.arrays[place];
    const [rows, columns] = [cells.length, cells.length && cells[0].length];
    const half = box.w / 2 - 4;
    const cell = Math.min(THUMBNAIL.cell, Math.min(THUMBNAIL.width, half - 14) / columns, THUMBNAIL.height / rows);
    const left = box.x + 4 + (right ? half : 0) + (half - cell * columns) / 2 + (right ? 4 : 0);
    const top = box.y + 37 + (THUMBNAIL.height - cell * rows) / 2;
    if (right) shapeOf("text", { x: left - 7, y: box.y + 55 }, parent, "∂");
    shapeOf("rect", { class: "ground", x: left - 1, y: top - 1, width: cell * columns + 2, height: cell * rows + 2 }, parent);
    cells.forEach((line, i) => line.forEach((text, j) => {
      const value = numberOf(text);
      const kind = value < 0 ? "negative" : "positive";
      const at = { x: left + j * cell, y: top + i * cell, width: cell, height: cell };
      shapeOf("rect", { class: kind, ...at, opacity: level(value, largest) }, parent);
    }));
  }

  function level(value, largest) { // how strong a colour: 0 to 1
    return largest ? Math.min(1, Math.abs(value) / largest) || 0 : 0;
  }

  function numberOf(text) {
    return Number(text.replaceAll("−", "-"));
  }

  function fit(text, width) { // where a font is wider than the one the box was measured for
    text.removeAttribute("textLength");
    if (text.getComputedTextLength() > width - 8) {
      text.setAttribute("textLength", width - 8);
      text.setAttribute("lengthAdjust", "spacingAndGlyphs");
    }
  }

  const users = nodes.map(() => []);
  nodes.forEach((node, place) => node.inputs.forEach((input) => { if (input >= 0) users[input].push(place); }));

  function neighbours(node, parent) { // a picture of one value, what it is computed from, and what is computed from it
    const inputs = [parent, ...nodes[node].inputs].filter((input) => input >= 0);
    const columns = [[...new Set(inputs)], [node], [...new Set(users[node])]];
    const [w, h, gapX, gapY] = [200, 68, 130, 18];
    const shown = columns.map((column) => column.slice(0, NEIGHBOURS).sort((a, b) => a - b));
    const height = Math.max(...shown.map((column) => column.length)) * (h + gapY) - gapY;
    const found = { width: 3 * w + 2 * gapX, height, boxes: [], curves: [] };
    const at = {};
    shown.forEach((column, place) => column.forEach((value, row) => {
      const y = (height - column.length * (h + gapY) + gapY) / 2 + row * (h + gapY);
      const box = { node: value, x: place * (w + gapX), y, w, h };
      found.boxes.push(box);
      at[`${place} ${value}`] = box;
    }));
    const connect = (from, to, value, argument) => {
      const [x1, y1, x2, y2] = [from.x + w, from.y + h / 2, to.x - 7, to.y + h / 2];
      const middle = (x1 + x2) / 2;
      const points = [[x1, y1], [middle, y1], [middle, y2], [x2, y2], [to.x, y2]];
      const [outer, inner] = from.node === node ? [y2, y1] : [y1, y2]; // where curves fan out there is room for labels
      const { inputs } = nodes[value];
      const before = inputs.slice(0, argument).filter((input) => input === inputs[argument]).length;
      const y = outer + (outer > inner ? 1 : -1) * (10 + 14 * before);
      found.curves.push({ node: value, argument, points, x: middle, y });
    };
    nodes[node].inputs.forEach((input, i) => at[`0 ${input}`] && connect(at[`0 ${input}`], at[`1 ${node}`], node, i));
    for (const user of shown[2])
      nodes[user].inputs.forEach((input, i) => input === node && connect(at[`1 ${node}`], at[`2 ${user}`], user, i));
    return found;
  }

  // Where it stands ------------------------------------------------------------------------------------------------

  function state() { // what is known after `position` events: which data, which gradients, which edges were crossed
    const known = nodes.map((node) => ({ computed: !node.operation, gradient: "", table: null, crossed: new Set() }));
    for (const event of events.slice(0, position)) {
      const [node, parent] = [known[event[NODE]], known[event[PARENT]]];
      if (event[KIND] === "forward") node.computed = true;
      else Object.assign(parent || node, { gradient: event[TOTAL], table: event[TABLE] });
      if (event[KIND] === "edge") node.crossed.add(event[ARGUMENT]);
    }
    return known;
  }

  function render() {
    const event = position > low ? events[position - 1] : null;
    const phase = event ? PHASES[event[KIND]] : "start";
    if (!picture) draw(neighbours(event ? event[NODE] : nodes.length - 1, event ? event[PARENT] : -1));
    const known = state();
    const growing = event && (event[KIND] === "seed" ? event[NODE] : event[PARENT]);
    for (const box of boxes) {
      show(box, known[box.node]);
      const current = event && (phase === "forward" ? box.node === event[NODE] : box.node === growing);
      box.group.classList.toggle("current", Boolean(current));
      box.group.classList.toggle("sender", Boolean(event && phase === "backward" && box.node === event[NODE] && !current));
    }
    for (const curve of curves) {
      const one = event && curve.node === event[NODE];
      const current = one && (phase === "forward" || (event[KIND] !== "seed" && curve.argument === event[ARGUMENT]));
      curve.group.classList.toggle("current", Boolean(current));
      curve.group.classList.toggle("crossed", known[curve.node].crossed.has(curve.argument));
    }
    frame.dataset.phase = phase;
    tell(event, phase);
    Object.assign(timeline, { min: low, max: high, value: position });
    timeline.style.setProperty("--turn", `${(100 * (turn - low)) / Math.max(1, high - low)}%`);
    timeline.setAttribute("aria-valuetext", `step ${position - low} of ${high - low}`);
    count.textContent = `${position - low} / ${high - low}`;
    const held = root.activeElement;
    first.disabled = previous.disabled = position === low;
    next.disabled = last.disabled = position === high;
    if (held && held.disabled) frame.focus({ preventScroll: true }); // or the keys would go nowhere
    host.dataset.step = position;
    follow();
  }

  function show(box, { computed, gradient, table }) { // in a box, what is known of its value
    const { name, operation, data, table: values } = nodes[box.node];
    const texts = [computed ? data : "", gradient && `∂ ${gradient}`];
    const said = [operation ? `${name} = ${operation}` : name, ...texts.filter(Boolean)].join(", ");
    const stands = `${said} ${table}`;
    if (box.stands === stands) return;
    box.stands = stands;
    box.group.setAttribute("aria-label", said);
    if (box.array) {
      thumbnail(box.data, computed ? values : null, false, box);
      thumbnail(box.gradient, table, true, box);
      return;
    }
    ["data", "gradient"].forEach((line, i) => { box[line].textContent = texts[i]; fit(box[line], box.w); });
  }

  function follow() { // keep what is happening in view, without moving the page
    const current = view.querySelector(".edge.current") || view.querySelector(".box.current");
    if (!current) return;
    const [inner, outer] = [current.getBoundingClientRect(), view.getBoundingClientRect()];
    const calm = matchMedia("(prefers-reduced-motion: reduce)").matches;
    const off = (from, to, start, end) => (from < start || to > end ? (from + to - start - end) / 2 : 0);
    const left = off(inner.left, inner.right, outer.left + 60, outer.right - 60);
    const top = off(inner.top, inner.bottom, outer.top, outer.bottom);
    if (left || top) view.scrollBy({ left, top, behavior: calm ? "auto" : "smooth" });
  }

  // The card -------------------------------------------------------------------------------------------------------

  function tell(event, phase) {
    card.replaceChildren();
    if (!event) {
      element("p", { class: "tag" }, card, "ready");
      const back = events.length - turn;
      element("p", { class: "symbols" }, card, `${title}: ${turn} steps forward, ${back} back`);
      element("p", { class: "why" }, card, "Press → for the next step, space to play, or click a value to go there.");
      return;
    }
    const alike = (place) => events.slice(0, place).filter((other) => other[KIND] === event[KIND]).length;
    const [done, all] = [alike(position), alike(events.length)];
    const what = { forward: `value ${done} of ${all}`, seed: "start", edge: `edge ${done} of ${all}`, sum: "sum over axes" };
    element("p", { class: "tag" }, card, `${phase} · ${what[event[KIND]]}`);
    element("p", { class: "symbols" }, card, event[SYMBOLS]);
    const [sum, path] = event[NUMBERS].split("; ");
    const line = element("p", { class: "numbers" }, card, event[KIND] === "seed" ? "" : sum);
    if (path) { line.append(" "); element("span", { class: "path" }, line, path); }
    if (event[WHY]) element("p", { class: "why" }, card, event[WHY]);
    if (event[WHOLE]) element("p", { class: "whole" }, card, event[WHOLE]);
    if (event[FIGURES]) figures(event[FIGURES], event[SCALE]);
  }

  function figures(parts, scale) { // arrays with the signs between them, in colours of one scale
    const row = element("div", { class: "figures" }, card);
    let pair = element("div", { class: "pair" }, row);
    for (const part of parts) {
      if (typeof part === "string") {
        pair = element("div", { class: "pair" }, row); // a sign stays with what comes after it
        element("span", { class: "sign" }, pair, part);
      } else figure(pair, ...part, scale);
    }
  }

  function figure(parent, caption, place, scale) {
    const array = typeof place === "string" ? { shape: "", cells: [[place]], whole: true } : content.arrays[place];
    const { shape, cells, whole, most } = array;
    const columns = cells.length ? cells[0].length : 0;
    const written = columns <= 4 && cells.length <= 6;
    const made = element("figure", {}, parent);
    element("figcaption", {}, made, caption.startsWith("[") ? shape : `${caption} ${shape}`);
    const grid = element("div", { class: written ? "grid written" : "grid", role: "img" }, made);
    grid.setAttribute("aria-label", `${caption} ${shape}: ${cells.map((line) => line.join(" ")).join("; ")}`);
    grid.style.setProperty("--columns", columns || 1);
    for (const text of cells.flat()) {
      const value = numberOf(text);
      const cell = element("span", { title: text, class: value < 0 ? "negative" : "positive" }, grid, written ? text : "");
      cell.style.setProperty("--level", level(value, scale));
    }
    if (!written) element("small", {}, made, `up to ${most}${whole ? "" : "; a square: the largest of a block"}`);
  }

  // Moving ---------------------------------------------------------------------------------------------------------

  function go(to) {
    halt();
    position = Math.max(low, Math.min(high, to));
    render();
  }

  function jump(node) {
    const place = events.findIndex((event, i) => i >= low && i < high && (event[NODE] === node || event[PARENT] === node));
    if (place >= 0) go(place + 1);
  }

  function choose(mode) {
    [low, high] = ranges[mode];
    for (const made of modes.children) made.setAttribute("aria-pressed", made.dataset.mode === mode);
    go(position);
  }

  function halt() {
    clearInterval(timer);
    timer = null;
    face("play", "Play");
    card.setAttribute("aria-live", "polite");
  }

  function toggle() {
    if (timer) return halt();
    if (position === high) go(low);
    face("pause", "Pause");
    card.setAttribute("aria-live", "off"); // a screen reader could not keep up
    timer = setInterval(() => {
      if (!host.isConnected || position === high) return halt();
      position += 1;
      render();
      if (position === high) halt();
    }, PACE / speed);
  }

  function face(icon, label) {
    play.querySelector("path").setAttribute("d", ICONS[icon]);
    play.title = label;
    play.setAttribute("aria-label", label);
  }

  // A notebook has keys of its own, of single letters too: in here they rest, but for those with Ctrl, such as saving.
  const QUIET = "data-lm-suppress-shortcuts";
  const quieten = (event) => host.toggleAttribute(QUIET, !(event.ctrlKey || event.metaKey));
  for (const kind of ["keydown", "keyup", "focusin"]) frame.addEventListener(kind, quieten);

  frame.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    event.stopPropagation();
    const inside = event.composedPath()[0];
    const box = boxes.findIndex(({ group }) => group === inside);
    const keys = {
      ArrowRight: () => go(position + 1),
      ArrowLeft: () => go(position - 1),
      Home: () => go(low),
      End: () => go(high),
      " ": toggle,
      ...(box >= 0 && {
        ArrowUp: () => focus(Math.max(0, box - 1)),
        ArrowDown: () => focus(Math.min(boxes.length - 1, box + 1)),
        Enter: () => jump(boxes[box].node),
      }),
    };
    if (!keys[event.key] || inside.tagName === "SELECT" || (event.key === " " && inside.tagName === "BUTTON")) return;
    event.preventDefault();
    keys[event.key]();
  });

  // Light or dark, as the notebook or the system is ------------------------------------------------------------------

  const system = matchMedia("(prefers-color-scheme: dark)");
  const watcher = new MutationObserver(paint);

  function paint() {
    if (!host.isConnected) { // taken off the page: let go of it
      watcher.disconnect();
      system.removeEventListener("change", paint);
      return;
    }
    const [page, body] = [document.documentElement, document.body];
    const says = (selector) => [page, body].some((part) => part.matches(selector));
    const jupyter = body.dataset.jpThemeLight;
    const dark = jupyter ? jupyter === "false" : says(DARK) || (!says(LIGHT) && system.matches);
    host.dataset.theme = dark ? "dark" : "light";
  }

  function watch() {
    for (const part of [document.documentElement, document.body])
      watcher.observe(part, { attributes: true, attributeFilter: ["class", "theme", "data-theme", "data-jp-theme-light"] });
    system.addEventListener("change", paint);
    paint();
  }

  watch();
  for (const kind of ["pointerenter", "focusin"]) frame.addEventListener(kind, watch); // put back on the page
  if (picture) draw(picture);
  render();
}
