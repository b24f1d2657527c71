// What lies beside the table: the row that is lit, what it sees of a picture, and memory over the run.

class RowPanel {
  constructor(panel, data) {
    this.panel = panel;
    this.data = data;
  }

  // Tell of one row; `at` are the sizes as a text, and `moved` says that they are not those of the report.
  show(place, numbers, shapesOf, moved) {
    const row = this.data.rows[place];
    if (!row) { this.panel.replaceChildren(made("p", "hint", "Point at a row, or go there by the arrow keys.")); return; }
    const lines = made("dl");
    const tell = (word, text) => lines.append(made("dt", "", word), made("dd", "", text));
    tell("layer", row.copies > 1 ? `${row.layer} × ${row.copies}` : row.layer);
    tell("in", shapesOf(row.in, row.symbolicIn) || NONE);
    tell("out", shapesOf(row.out, row.symbolicOut) || NONE);
    for (const column of this.data.columns) {
      const number = numbers[place][column.name];
      if (column.adds && number) tell(column.title, written(column, number));
    }
    if (row.field) tell("receptive field", fieldText(row.field) + (moved && row.loose && !row.field.whole ? ` ${this.data.at}` : ""));
    if (row.shares) tell("weights of", row.shares);
    for (const note of row.notes || []) tell("note", note);
    for (const warning of row.warnings || []) tell("warning", warning);
    tell("line", `${row.line} of ${this.data.file}`);
    const parts = [made("h2", "", row.path), lines];
    if (row.explanation) {
      const when = moved || this.data.batch !== 1 ? ` (${this.data.at || "at the sizes of the report"})` : "";
      parts.push(made("h3", "", `Arithmetic${row.copies > 1 ? " of one copy" : ""}${when}`));
      parts.push(made("ul", "arithmetic", ...row.explanation.map((line) => made("li", "", line))));
    }
    this.panel.replaceChildren(...parts);
  }
}

// The receptive field of one position in the middle, drawn over a sample picture as large as the input.
class FieldPanel {
  constructor(panel, data) {
    this.panel = panel;
    this.data = data;
    this.says = made("p", "says");
    this.picture = drawn("svg", { role: "img", "aria-label": "the receptive field over a sample picture" });
    panel.append(made("h2", "", "Receptive field"), this.picture, this.says);
    panel.hidden = !data.rows.some((row) => row.field);
  }

  // `inputs` and `out` are shapes at the sizes of the page.
  show(place, inputs, out, stale) {
    const row = this.data.rows[place], field = row && row.field;
    const axes = field ? field.axes : (this.data.rows.find((each) => each.field) || { field: { axes: [] } }).field.axes;
    const input = inputs.find((shape) => shape.length > Math.max(...axes, 0)) || [];
    const extent = axes.map((axis) => Number(input[axis] ?? 1)).slice(-2);
    const [height, width] = extent.length === 2 ? extent : [Math.max(1, (extent[0] || 1) / 12), extent[0] || 1];
    this.canvas(height, width, extent.length);
    if (!field) { this.says.textContent = row ? "No field that could be drawn: positions follow no one rule, or see nothing of the input." : "What one position of a row sees is shown here."; return; }
    const boxes = axes.map((_, i) => this.span(field, i, out, extent[i - axes.length + extent.length] || 1)).slice(-2);
    const [tall, wide] = boxes.length === 2 ? boxes : [[0, height], boxes[0]];
    this.draw(tall, wide, height, width);
    const pixels = extent.length > 1 ? "pixels" : "positions";
    const all = extent.reduce((product, size) => product * size, 1);
    const seen = boxes.reduce((product, [first, last], i) => product * Math.max(0, Math.min(last, extent[i]) - Math.max(first, 0)), 1);
    const share = `${((100 * seen) / all).toFixed(seen === all ? 0 : 1)} % of the ${extent.length > 1 ? "picture" : "sequence"}`;
    const size = field.whole ? "all" : field.size.map(grouped).join(" × ");
    const stride = field.whole || field.stride.every((each) => !each) ? "" : `, ${alongAxes(field.stride.map(strideText))} from one to the next`;
    this.says.textContent = `${row.name}: a position sees ${size} ${pixels}${stride}; here ${share}${stale ? ` (${this.data.at})` : ""}.`;
  }

  // First and behind the last pixel that the middle position sees along one axis.
  span(field, axis, out, extent) {
    if (field.whole) return [0, extent];
    const size = field.size[axis], stride = field.stride[axis] ?? 0, start = field.start[axis];
    if (!stride || start === null || start === undefined) return [(extent - size) / 2, (extent + size) / 2];
    const middle = Math.floor((extent / 2 - start - size / 2) / stride + 0.5);
    const first = Math.round(start + Math.max(0, middle) * stride);
    return [first, first + size];
  }

  canvas(height, width, axes) {
    if (this.drawnFor === `${height}×${width}`) { this.over.replaceChildren(); return; }
    this.drawnFor = `${height}×${width}`;
    const edge = 0.06 * Math.max(height, width);
    this.picture.setAttribute("viewBox", [-edge, -edge, width + 2 * edge, height + 2 * edge].join(" "));
    const scene = drawn("g", { transform: `scale(${width / 100} ${height / 100})` }, ...(axes > 1 ? sample() : tape()));
    this.over = drawn("g");
    this.picture.replaceChildren(scene, this.over);
  }

  draw([top, bottom], [left, right], height, width) {
    const thick = Math.max(height, width) / 180;
    const shade = `M0 0H${width}V${height}H0Z M${left} ${top}V${bottom}H${right}V${top}Z`;
    const clip = [Math.max(left, 0), Math.max(top, 0), Math.min(right, width), Math.min(bottom, height)];
    const far = 0.05 * Math.max(height, width);
    const small = Math.max(right - left, bottom - top) < far;  // then a ring shows where it is
    const ring = drawn("circle", { class: "ring", cx: (left + right) / 2, cy: (top + bottom) / 2, r: small ? far : 0, "stroke-width": thick });
    this.over.replaceChildren(
      drawn("path", { d: shade, class: "unseen", "fill-rule": "evenodd" }),
      ring,
      drawn("rect", { x: left, y: top, width: right - left, height: bottom - top, class: "beyond", "stroke-width": thick, "stroke-dasharray": 4 * thick }),
      drawn("rect", { x: clip[0], y: clip[1], width: Math.max(0, clip[2] - clip[0]), height: Math.max(0, clip[3] - clip[1]), class: "seen", "stroke-width": 1.5 * thick }),
    );
  }
}

// A picture of a hundred by a hundred: hills, a house and a tree under the sun.
function sample() {
  const shape = (tag, name, attributes) => drawn(tag, { class: name, ...attributes });
  return [
    shape("rect", "sky", { width: 100, height: 100 }),
    shape("circle", "sun", { cx: 78, cy: 20, r: 9 }),
    shape("path", "far", { d: "M0 62 L22 34 L40 56 L58 30 L86 60 L100 48 V100 H0Z" }),
    shape("path", "near", { d: "M0 70 Q30 56 58 68 T100 64 V100 H0Z" }),
    shape("path", "wall", { d: "M40 54 H62 V76 H40Z" }),
    shape("path", "roof", { d: "M37 55 L51 42 L65 55Z" }),
    shape("path", "door", { d: "M48 64 H54 V76 H48Z" }),
    shape("path", "trunk", { d: "M20 62 H24 V80 H20Z" }),
    shape("circle", "leaves", { cx: 22, cy: 56, r: 10 }),
    shape("path", "way", { d: "M49 76 H54 Q58 88 70 100 H44 Q50 88 49 76Z" }),
  ];
}

// A sequence: marks along a line.
function tape() {
  const marks = Array.from({ length: 40 }, (_, i) => drawn("rect", { class: i % 2 ? "sky" : "near", x: i * 2.5, width: 2.5, height: 100 }));
  return marks;
}

// The bytes alive at each step of the run; pointing at a step lights its row.
class MemoryPanel {
  constructor(panel, data, told) {
    this.data = data;
    this.told = told;
    this.says = made("p", "says");
    this.picture = drawn("svg", { viewBox: "0 0 400 130", role: "img", preserveAspectRatio: "none" });
    panel.append(made("h2", "", "Memory over the run"), this.picture, this.says);
    panel.hidden = !data.schedule.steps.length;
    this.picture.addEventListener("mousemove", (event) => this.point(event, told.lit));
    this.picture.addEventListener("mouseleave", () => told.lit(-1));
    this.picture.addEventListener("click", (event) => this.point(event, told.reveal));
  }

  point(event, tell) {
    const box = this.picture.getBoundingClientRect();
    const step = Math.floor(((event.clientX - box.left) / box.width) * this.live.length);
    tell(this.live[Math.max(0, Math.min(this.live.length - 1, step))][0]);
  }

  fill(evaluated) {
    this.live = evaluated.live();
    this.peak = evaluated.peak(this.data.schedule, this.live);
    if (!this.live.length) return;
    const most = Number(this.peak.bytes) || 1, wide = 400 / this.live.length;
    const tall = (bytes) => 124 - (116 * Number(bytes)) / most;
    const held = tall(evaluated.held(this.data.schedule));
    const line = this.live.map(([, bytes]) => `V${tall(bytes).toFixed(2)}h${wide.toFixed(4)}`).join("");
    this.over = drawn("g");
    this.wide = wide;
    this.picture.replaceChildren(
      this.over,
      drawn("path", { class: "alive", d: `M0 124${line}V124Z` }),
      drawn("path", { class: "held", d: `M0 ${held}H400V124H0Z` }),
      drawn("rect", { class: "peak", x: this.peak.step * wide, y: 8, width: Math.max(wide, 1.5), height: 116 }),
      drawn("path", { class: "ground", d: "M0 124H400" }),
    );
    const where = this.data.rows[this.peak.row];
    this.picture.setAttribute("aria-label", `memory over ${this.live.length} steps, at most ${byteSize(this.peak.bytes)}`);
    this.summary = `${grouped(this.live.length)} steps over ${byteSize(evaluated.held(this.data.schedule))} of inputs; the peak is ${byteSize(this.peak.bytes)} at ${where ? where.path : "the input"}.`;
    this.says.textContent = this.summary;
  }

  light(places) {
    if (!this.over) return;
    const runs = [];
    let count = 0, most = 0n;
    this.live.forEach(([row, bytes], step) => {
      if (!places.has(row)) return;
      if (runs.length && runs[runs.length - 1][1] === step) runs[runs.length - 1][1] = step + 1;
      else runs.push([step, step + 1]);
      count += 1;
      if (bytes > most) most = bytes;
    });
    this.over.replaceChildren(...runs.map(([first, end]) =>
      drawn("rect", { class: "lit", x: first * this.wide, y: 8, width: Math.max((end - first) * this.wide, 1.5), height: 116 })));
    const when = count > 1 ? `at most in these ${grouped(count)} steps` : "in this step";
    this.says.textContent = count ? `${byteSize(most)} alive ${when}; the peak is ${byteSize(this.peak.bytes)}.` : this.summary;
  }
}
