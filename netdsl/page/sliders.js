// Sliders for the sizes of the symbols and for the batch. `told.moved(at, batch)` is called with sizes that are possible.

const MOST_BATCH = 1024, FARTHEST = 100000;

class Sliders {
  constructor(section, data, told) {
    this.section = section;
    this.data = data;
    this.told = told;
    this.at = data.sizes.map((size) => size.at);
    this.batch = data.batch;
    this.says = made("p", "says");
    this.says.setAttribute("role", "status");
    this.parts = data.sizes.map((size, place) => this.slider(size.name, size.least || 1, this.end(size), size.at, size.says, (wanted) => this.size(place, wanted)));
    this.batchPart = this.slider("batch", 1, Math.max(64, 2 * this.batch), this.batch, "samples at a time", (wanted) => this.takeBatch(wanted));
    section.append(...this.parts.map((part) => part.box), this.batchPart.box, ...this.extras(), this.says);
  }

  end(size) { return size.most || Math.min(FARTHEST, Math.max(4 * size.at, (size.least || 1) + 64)); }

  extras() {
    const back = made("button", "quiet", "Reset");
    back.type = "button";
    back.id = "reset";
    back.addEventListener("click", () => this.reset());
    if (this.at.length < 2) return [back];
    this.together = made("input");
    this.together.type = "checkbox";
    this.together.id = "together";
    this.together.checked = new Set(this.at).size === 1;
    return [made("label", "together", this.together, "together"), back];
  }

  slider(name, least, most, value, says, take) {
    const range = made("input"), number = made("input");
    range.type = "range";
    number.type = "number";
    for (const input of [range, number]) {
      input.min = least;
      input.value = value;
      input.title = says;
      input.setAttribute("aria-label", input === range ? name : `${name} as a number`);
    }
    range.max = most;
    range.value = value;
    number.max = FARTHEST;
    range.addEventListener("input", () => take(Number(range.value)));
    number.addEventListener("change", () => take(Number(number.value)));
    const box = made("div", "slider", made("span", "name", name), range, number);
    return { box, range, number };
  }

  size(place, wanted) {
    const whole = Math.max(1, Math.min(FARTHEST, Math.round(wanted) || 1));
    const found = nearest(this.data, this.at, place, whole, Boolean(this.together && this.together.checked));
    if (found) this.at = found;
    this.tell(place, whole, found);
  }

  takeBatch(wanted) {
    this.batch = Math.max(1, Math.min(FARTHEST, Math.round(wanted) || 1));
    this.tell();
  }

  reset() {
    this.at = this.data.sizes.map((size) => size.at);
    this.batch = this.data.batch;
    this.tell();
  }

  // Say why a wanted size became another one, and which windows drop pixels; then tell of the sizes.
  tell(place = -1, wanted = 0, found = this.at) {
    const evaluated = new Evaluated(this.data, this.at, this.batch), lines = [];
    if (place >= 0 && (!found || found[place] !== wanted)) {
      const asked = this.data.sizes.map((_, other) => (this.together && this.together.checked) || other === place ? wanted : this.at[other]);
      const demand = new Evaluated(this.data, asked, 1).unmet(this.data.demands).pop();
      lines.push(`${this.data.sizes[place].name} = ${wanted} is none that the net takes${demand && demand.text ? `: line ${demand.line}, otherwise ${demand.text}` : ""}.`);
    }
    const dropping = evaluated.unmet(this.data.wishes);
    if (dropping.length) lines.push(`At these sizes windows drop pixels${dropping[0].line ? ` (line ${[...new Set(dropping.map((each) => each.line))].join(", ")})` : ""}.`);
    this.says.textContent = lines.join(" ");
    this.parts.forEach((part, symbol) => this.put(part, this.at[symbol]));
    this.put(this.batchPart, this.batch);
    this.told.moved(this.at, this.batch);
  }

  put({ range, number }, value) {
    if (Number(range.max) < value) range.max = value;
    range.value = value;
    number.value = value;
  }

  get moved() { return this.batch !== this.data.batch || this.at.some((size, place) => size !== this.data.sizes[place].at); }

  get resized() { return this.at.some((size, place) => size !== this.data.sizes[place].at); }
}
