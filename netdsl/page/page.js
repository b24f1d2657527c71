// The page: what happens in one part is told to the others.

const data = nested(JSON.parse(document.getElementById("data").textContent));
const element = (id) => document.getElementById(id);
const adding = data.columns.filter((column) => column.adds).map((column) => column.name);
const state = { lit: -1, held: -1, numbers: null, evaluated: null };

const told = {
  lit(place) { if (place !== state.lit) { state.lit = place; light(); } },
  held(place) { state.held = place === state.held ? -1 : place; light(); },
  reveal(place) { state.held = place; light(); table.reveal(place); light(); },
  moved() { reckon(); light(); },
  drawn(hits, shown) { element("found").textContent = hits < 0 ? "" : `${grouped(hits)} of ${grouped(data.rows.length)} rows`; },
};

const table = new TreeTable(element("rows"), data, told);
const rowPanel = new RowPanel(element("row"), data);
const fieldPanel = new FieldPanel(element("field"), data);
const memoryPanel = new MemoryPanel(element("memory"), data, told);
const sliders = new Sliders(element("sizes"), data, told);

// ------------------------------------------------------------ numbers

function reckon() {
  const evaluated = new Evaluated(data, sliders.at, sliders.batch);
  state.evaluated = evaluated;
  state.numbers = evaluated.rows(adding);
  const totals = evaluated.totals(state.numbers, adding);
  table.moved = sliders.resized;
  table.fill(state.numbers, totals, (place) => (data.rows[place].out || []).map((shape) => shapeText(evaluated.shape(shape))).join(" "));
  memoryPanel.fill(evaluated);
  labelShapes(evaluated);
  tellTotals(totals, memoryPanel.peak);
  tellPorts(evaluated);
}

function tellTotals(totals, peak) {
  const where = peak.row >= 0 ? data.rows[peak.row].path : "";
  const atLeast = data.notCounted.length ? "at least " : "";
  const about = data.estimated ? "about " : "";
  const cards = [
    ["parameters", grouped(totals.params), totals.params === totals.trainable_params ? "all trainable" : `${grouped(totals.trainable_params)} trainable`],
    ["MACs", grouped(totals.macs), `${atLeast}multiply-accumulates`],
    ["FLOPs", grouped(totals.flops_core), `${atLeast}2·MACs + bias; ${about}${grouped(totals.flops)} with elementwise`],
    ["model size", byteSize(data.modelBytes), `${grouped(data.modelBytes)} bytes`],
    ["activations", byteSize(totals.activation_bytes), "over all rows"],
    ["peak memory", byteSize(peak.bytes), `${grouped(peak.bytes)} bytes${where ? `, at ${where}` : ""}`],
  ];
  element("totals").replaceChildren(...cards.map(([word, number, more]) => {
    const value = made("strong", "", number), card = made("div", "card", made("span", "word", word), value, made("span", "more", more));
    card.dataset.total = word;
    return card;
  }));
}

function tellPorts(evaluated) {
  const one = (port) => `${port.name} ${port.kind === "float" ? "" : port.kind}${shapeText(evaluated.shape(port.shape))}`;
  const side = (ports) => ports.map(one).join(", ");
  const kept = data.ports.states.length ? `, keeps ${side(data.ports.states)}` : "";
  element("ports").textContent = `${side(data.ports.in)} → ${side(data.ports.out)}${kept}`;
}

// ------------------------------------------------------------ light

// Show the row that is lit, else that which is held, everywhere.
function light() {
  const place = state.lit >= 0 ? state.lit : state.held;
  table.light(state.lit, state.held);
  const { evaluated } = state;
  rowPanel.show(place, state.numbers, shapesOf, sliders.resized);
  const row = data.rows[place];
  const out = row && row.out ? evaluated.shape(row.out[0] || []) : [];
  fieldPanel.show(place, data.ports.in.map((port) => evaluated.shape(port.shape)), out, sliders.resized && row && row.loose && row.field && !row.field.whole);
  memoryPanel.light(place >= 0 ? within(place) : new Set());
  lightDrawing(place);
}

function shapesOf(shapes = [], symbolic = []) {
  return shapes.map((shape, i) => {
    const numbers = shapeText(state.evaluated.shape(shape));
    return symbolic[i] && symbolic[i] !== numbers ? `${numbers} = ${symbolic[i]}` : numbers;
  }).join(" ");
}

// A row and all that is inside it.
function within(place) {
  const found = new Set([place]);
  for (const each of found) for (const inside of data.rows[each].inside) found.add(inside);
  return found;
}

// ------------------------------------------------------------ the drawing

const boxes = new Map();  // by path
for (const box of document.querySelectorAll("#drawing [data-path]")) {
  for (const path of (box.dataset.paths || box.dataset.path).split(" ")) boxes.set(path, [...(boxes.get(path) || []), box]);
}
const placeOfPath = new Map();
data.rows.forEach((row, place) => { for (const path of row.paths || [row.path]) placeOfPath.set(path, place); });

// Shapes on the arrows are those of the report: each is written anew where one shape of the net alone looks so.
const shapeLabels = [...document.querySelectorAll("#drawing .shape")].map((label) => [label, label.textContent]);
const everyShape = [...data.rows.flatMap((row) => [...(row.in || []), ...(row.out || [])]), ...Object.values(data.ports).flatMap((ports) => ports.map((port) => port.shape))];
const shapesBefore = textsOf(new Evaluated(data, data.sizes.map((size) => size.at), 1));

function textsOf(evaluated) { return everyShape.map((shape) => evaluated.shape(shape).join("×")); }

function labelShapes(evaluated) {
  const now = textsOf(evaluated), found = new Map();
  shapesBefore.forEach((text, place) => {
    if (!found.has(text)) found.set(text, new Set());
    found.get(text).add(now[place]);
  });
  for (const [label, before] of shapeLabels) {
    const after = found.get(before);
    label.textContent = after && after.size === 1 ? [...after][0] : before;
    label.classList.toggle("stale", sliders.resized && !(after && after.size === 1));
  }
}

for (const title of document.querySelectorAll("#drawing title")) {
  if (data.at && title.parentNode !== title.ownerSVGElement) title.textContent += ` (${data.at})`;
}

// The row that a box stands for, or the nearest one around it.
function placeOfBox(path) {
  for (let here = path; here; here = here.slice(0, Math.max(0, here.lastIndexOf(".")))) {
    if (placeOfPath.has(here)) return placeOfPath.get(here);
  }
  return -1;
}

// The boxes of a row: those of its paths, or of the nearest block around it that is drawn.
function boxesOf(place) {
  for (let above = place; above >= 0; above = data.rows[above].parent) {
    const row = data.rows[above], found = (row.paths || [row.path]).flatMap((path) => boxes.get(path) || []);
    if (found.length) return found;
  }
  return [];
}

const drawing = element("drawing");
let litBoxes = [];

function lightDrawing(place) {
  for (const box of litBoxes) box.classList.remove("lit");
  litBoxes = place >= 0 ? boxesOf(place) : [];
  for (const box of litBoxes) box.classList.add("lit");
  if (litBoxes.length && !drawing.matches(":hover")) intoSight(litBoxes[0]);
}

// Move a box into the middle of the drawing's frame where it is not to be seen; the page itself stays where it is.
function intoSight(box) {
  const inner = box.getBoundingClientRect(), outer = drawing.getBoundingClientRect();
  if (inner.top >= outer.top && inner.bottom <= outer.bottom) return;
  drawing.scrollTop += (inner.top + inner.bottom - outer.top - outer.bottom) / 2;
}

const placeAt = (event) => { const box = event.target.closest("[data-path]"); return box ? placeOfBox(box.dataset.path) : -1; };
drawing.addEventListener("mouseover", (event) => told.lit(placeAt(event)));
drawing.addEventListener("mouseleave", () => told.lit(-1));
drawing.addEventListener("click", (event) => { const place = placeAt(event); if (place >= 0) told.reveal(place); });

// ------------------------------------------------------------ buttons and keys

const THEMES = [["", "as the system has them"], ["light", "light"], ["dark", "dark"]];
let theme = 0;
element("theme").addEventListener("click", () => {
  theme = (theme + 1) % THEMES.length;
  const [name, says] = THEMES[theme];
  if (name) document.documentElement.dataset.theme = name;
  else delete document.documentElement.dataset.theme;
  element("theme").setAttribute("aria-label", `Dark or light: ${says}`);
  element("theme").textContent = name ? `Dark or light: ${name}` : "Dark or light";
});

element("unfold").addEventListener("click", () => table.foldAll(true));
element("fold").addEventListener("click", () => table.foldAll(false));
element("flat").addEventListener("click", () => {
  table.setFlat(!table.flat);
  element("flat").setAttribute("aria-pressed", table.flat);
});
element("search").addEventListener("input", () => table.search(element("search").value));
element("search").addEventListener("keydown", (event) => {
  if ((event.key === "ArrowDown" || event.key === "Enter") && table.shown.length) {
    event.preventDefault();
    table.go([...table.shown].find((place) => table.hits.has(place)) ?? table.shown[0]);
  }
});
document.addEventListener("keydown", (event) => {
  const typing = event.target.closest("input");
  if (event.key === "/" && !typing && !event.ctrlKey && !event.metaKey) {
    event.preventDefault();
    element("search").focus();
    element("search").select();
  } else if (event.key === "Escape") {
    if (element("search").value) { element("search").value = ""; table.search(""); } else { state.held = -1; state.lit = -1; light(); }
    if (typing && typing.id === "search" && table.shown.length) table.go(table.current);
  }
});

for (const [word, text] of data.facts) element("facts").append(made("dt", "", word), made("dd", "", text));

reckon();
light();
