// Numbers and shapes as a report writes them.

const NONE = "–", UNKNOWN = "?";
const PREFIXES = ["", "K", "M", "G", "T", "P", "E", "Z", "Y"];

const grouped = (number) => String(number).replace(/\B(?=(\d{3})+(?!\d))/g, ",");

// Three digits and a prefix: `1.14 G`.
function scaled(number) {
  let value = Number(number), step = 0;
  while (Math.abs(value) >= 999.5 && step < PREFIXES.length - 1) { value /= 1000; step += 1; }
  if (!step) return String(number);
  return `${value.toFixed(value < 9.995 ? 2 : value < 99.95 ? 1 : 0)} ${PREFIXES[step]}`;
}

const byteSize = (number) => { const text = scaled(number); return text.includes(" ") ? `${text}B` : `${text} B`; };

const percent = (part, whole) => (whole ? ((100 * Number(part)) / Number(whole)).toFixed(1) : "0.0");

const written = (column, number) =>
  number === null ? UNKNOWN : !number ? NONE : column.form === "bytes" ? byteSize(number) : grouped(number);

const shapeText = (shape) => `[${shape.join(", ")}]`;

const alongAxes = (texts) => (new Set(texts).size === 1 ? texts[0] : texts.join("×"));

const strideText = (length) => (Number.isInteger(length) ? grouped(length) : String(Number(length.toPrecision(6))));

// `195 (32)`: size and stride; `188–204 (1)` where positions differ; `all`.
function fieldText(field) {
  if (!field) return NONE;
  if (field.whole) return "all";
  const sizes = field.size.map((size, axis) =>
    field.smallest[axis] === size ? grouped(size) : `${grouped(field.smallest[axis])}–${grouped(size)}`);
  return `${alongAxes(sizes)} (${alongAxes(field.stride.map(strideText))})`;
}

// An element with its class, its text and what is in it.
function made(tag, className = "", ...inside) {
  const element = document.createElement(tag);
  if (className) element.className = className;
  element.append(...inside);
  return element;
}

function drawn(tag, attributes = {}, ...inside) {
  const element = document.createElementNS("http://www.w3.org/2000/svg", tag);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  element.append(...inside);
  return element;
}
