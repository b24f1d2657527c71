// The rows as a table that is a tree: blocks fold, columns sort, words are searched. It knows nothing of what lies beside
// it: `told.lit(place)` and `told.held(place)` are called when a row is pointed at or chosen.

const MOST_ROWS = 1000;

class TreeTable {
  constructor(table, data, told) {
    this.head = table.tHead;
    this.body = table.tBodies[0];
    this.table = table;
    this.data = data;
    this.told = told;
    this.columns = data.columns.filter((column) => column.heading);
    this.elements = new Map();
    this.stale = new Set();  // rows that were built and have old numbers
    this.open = new Set();
    this.sorted = null;
    this.flat = false;
    this.words = [];
    this.most = MOST_ROWS;
    this.current = 0;
    this.shapes = new Map();
    if (data.rows.length <= 40) data.rows.forEach((row, place) => row.inside.length && this.open.add(place));
    this.drawHead();
    this.listen();
  }

  // ------------------------------------------------------------ numbers

  // Take new numbers: those of every row by column, the totals, and shapes by row.
  fill(numbers, totals, shapeOf) {
    this.numbers = numbers;
    this.totals = totals;
    this.shapeOf = shapeOf;
    this.stale = new Set(this.elements.keys());
    this.draw();
  }

  value(place, column) {
    const row = this.data.rows[place];
    if (column.form !== "field") return this.numbers[place][column.name];
    return !row.field ? null : row.field.whole ? Infinity : Math.max(...row.field.size);
  }

  // ------------------------------------------------------------ which rows, in which order

  siblings(places) {
    if (!this.sorted) return places;
    const { column, falling } = this.sorted, sign = falling ? -1 : 1;
    const keyed = places.map((place) => [place, this.value(place, column) ?? -1]);
    return keyed.sort(([p, a], [q, b]) => (a === b ? p - q : a < b ? -sign : sign)).map(([place]) => place);
  }

  matches(place) {
    const row = this.data.rows[place];
    row.words ??= [row.path, row.name, row.layer, row.op, ...(row.paths || [])].join(" ").toLowerCase();
    return this.words.every((word) => row.words.includes(word));
  }

  // The rows that are shown, in their order.
  visible() {
    const { rows } = this.data, hits = new Set(), kept = new Set();
    if (this.words.length) {
      rows.forEach((_, place) => {
        if (!this.matches(place)) return;
        hits.add(place);
        for (let above = place; above >= 0; above = rows[above].parent) kept.add(above);
      });
    }
    this.hits = hits;
    const shown = (place) => !this.words.length || kept.has(place);
    if (this.flat) {
      const leaves = rows.map((_, place) => place).filter((place) => !rows[place].inside.length);
      return this.siblings(leaves.filter((place) => !this.words.length || hits.has(place)));
    }
    const found = [];
    const walk = (places) => {
      for (const place of this.siblings(places.filter(shown))) {
        found.push(place);
        if (this.isOpen(place)) walk(rows[place].inside);
      }
    };
    walk(rows.map((_, place) => place).filter((place) => rows[place].parent < 0));
    return found;
  }

  isOpen(place) {
    const { inside } = this.data.rows[place];
    if (!inside.length || this.flat) return false;
    return this.open.has(place) || (this.words.length > 0 && inside.some((each) => this.isHit(each)));
  }

  isHit(place) { return this.hits.has(place) || this.data.rows[place].inside.some((each) => this.isHit(each)); }

  // ------------------------------------------------------------ drawing

  drawHead() {
    const cells = [["name", "name"], ["layer", "layer"], ["shape", "out"]].map(([name, text]) => {
      const cell = made("th", name, text);
      if (name === "name") cell.title = "in the order in which rows run";
      return cell;
    });
    this.headings = this.columns.flatMap((column) => {
      const both = [this.heading(column, column.heading, column.name)];
      if (column.share) both.push(this.heading(column, "%", "share"));
      return both;
    });
    for (const cell of cells) cell.scope = "col";
    this.head.replaceChildren(made("tr", "", ...cells, ...this.headings));
    this.head.rows[0].setAttribute("role", "row");
  }

  heading(column, text, name) {
    const button = made("button", "", text), cell = made("th", `number ${name}`, button);
    button.type = "button";
    button.title = `sort by ${column.title}`;
    button.addEventListener("click", () => this.sort(column));
    cell.scope = "col";
    cell.setAttribute("aria-sort", "none");
    cell.dataset.column = name;
    return cell;
  }

  // The largest first, then the smallest, then in the order in which rows run.
  sort(column) {
    const again = this.sorted && this.sorted.column === column;
    this.sorted = !again ? { column, falling: true } : this.sorted.falling ? { column, falling: false } : null;
    for (const cell of this.headings) {
      const sorts = this.sorted && cell.dataset.column === this.sorted.column.name;
      cell.setAttribute("aria-sort", !sorts ? "none" : this.sorted.falling ? "descending" : "ascending");
    }
    this.draw();
  }

  element(place) {
    if (!this.elements.has(place)) {
      this.elements.set(place, this.build(place));
      this.write(place);
    } else if (this.stale.delete(place)) this.write(place);
    return this.elements.get(place);
  }

  build(place) {
    const row = this.data.rows[place], folder = made("span", "folder"), name = made("span", "label");
    folder.setAttribute("aria-hidden", "true");
    const cells = [made("td", "name", folder, name), made("td", "layer", made("span", "call", row.layer)), made("td", "shape")];
    if (row.copies > 1) {
      cells[1].classList.add("repeated");
      cells[1].append(made("span", "copies", ` × ${row.copies}`));
    }
    for (const column of this.columns) {
      cells.push(made("td", `number ${column.form} ${column.name}`));
      if (column.share) cells.push(made("td", "number share"));
    }
    const element = made("tr", row.kind, ...cells);
    element.tabIndex = -1;
    element.setAttribute("role", "row");
    for (const cell of cells) cell.setAttribute("role", "gridcell");
    element.dataset.place = place;
    cells[0].style.setProperty("--depth", row.depth);
    cells[1].title = row.layer;
    if (row.warnings) name.after(made("span", "warns", "!"));
    return element;
  }

  // Numbers and shapes of a row that has been built.
  write(place) {
    const { cells } = this.elements.get(place), row = this.data.rows[place];
    const put = (cell, text) => { if (cell.textContent !== text) cell.textContent = text; };
    put(cells[2], this.shapeOf(place));
    let next = 3;
    for (const column of this.columns) {
      const cell = cells[next++];
      if (column.form === "field") {
        put(cell, fieldText(row.field));
        cell.classList.toggle("stale", this.moved && Boolean(row.loose) && Boolean(row.field) && !row.field.whole);
        continue;
      }
      const number = this.numbers[place][column.name];
      put(cell, written(column, number));
      if (column.share) {
        put(cells[next++], number ? percent(number, this.totals[column.name]) : number === null ? UNKNOWN : NONE);
      }
    }
  }

  draw() {
    const every = this.visible(), shown = every.slice(0, this.most);
    const elements = shown.map((place) => this.element(place));
    shown.forEach((place, index) => this.dress(elements[index], place));
    if (!shown.includes(this.current)) this.current = shown[0] ?? 0;
    this.bars(shown);
    const more = every.length - shown.length;
    if (more > 0 || elements.length !== this.body.rows.length || elements.some((each, i) => each !== this.body.rows[i])) {
      this.body.replaceChildren(...elements, ...(more > 0 ? [this.moreRow(more)] : []));
    }
    this.rove();
    this.shown = shown;
    this.table.setAttribute("aria-rowcount", every.length + 1);
    this.table.classList.toggle("flat", this.flat);
    this.told.drawn(this.words.length ? this.hits.size : -1, every.length);
  }

  // What of a row depends on what is folded and searched.
  dress(element, place) {
    const row = this.data.rows[place], open = this.isOpen(place);
    const [folder, label] = element.cells[0].children;
    if (row.inside.length && !this.flat) element.setAttribute("aria-expanded", open);
    else element.removeAttribute("aria-expanded");
    element.setAttribute("aria-level", this.flat ? 1 : row.depth + 1);
    folder.textContent = row.inside.length && !this.flat ? (open ? "▾" : "▸") : "";
    this.mark(label, this.flat ? row.path : row.name);
    label.title = row.path;
  }

  // A name, the first word that is searched marked in it.
  mark(label, text) {
    const word = this.words.find((each) => text.toLowerCase().includes(each));
    if (!word) { label.textContent = text; return; }
    const at = text.toLowerCase().indexOf(word);
    label.replaceChildren(text.slice(0, at), made("mark", "", text.slice(at, at + word.length)), text.slice(at + word.length));
  }

  // Bars under the numbers, as parts of the largest number of a row that is not open.
  bars(shown) {
    this.columns.forEach((column) => {
      if (column.form === "field") return;
      let most = 0n;
      for (const place of shown) {
        const number = this.numbers[place][column.name];
        if (number && number > most && !this.isOpen(place)) most = number;
      }
      for (const place of shown) {
        const number = this.numbers[place][column.name] || 0n;
        const part = most && !this.isOpen(place) ? Number((number * 10000n) / most) / 100 : 0;
        const cell = this.elements.get(place).getElementsByClassName(column.name)[0];
        if (cell.bar !== part) cell.style.setProperty("--part", `${part}%`);
        cell.bar = part;
      }
    });
  }

  moreRow(count) {
    const button = made("button", "", `${grouped(Math.min(count, MOST_ROWS))} more of ${grouped(count)} rows`);
    const cell = made("td", "", button), row = made("tr", "more", cell);
    cell.colSpan = 3 + this.headings.length;
    button.type = "button";
    button.addEventListener("click", () => { this.most += MOST_ROWS; this.draw(); });
    return row;
  }

  // ------------------------------------------------------------ folding and searching

  toggle(place, open = !this.isOpen(place)) {
    if (!this.data.rows[place].inside.length) return;
    if (open) this.open.add(place);
    else this.open.delete(place);
    this.draw();
  }

  foldAll(open) {
    this.data.rows.forEach((row, place) => {
      if (open && row.inside.length) this.open.add(place);
      else this.open.delete(place);
    });
    this.draw();
  }

  search(text) {
    this.words = text.toLowerCase().split(/\s+/).filter(Boolean);
    this.draw();
  }

  setFlat(flat) {
    this.flat = flat;
    this.draw();
  }

  // Open what a row is in, and bring it into sight.
  reveal(place) {
    for (let above = this.data.rows[place].parent; above >= 0; above = this.data.rows[above].parent) this.open.add(above);
    this.draw();
    this.go(place);
  }

  // ------------------------------------------------------------ keyboard and mouse

  listen() {
    const placeOf = (event) => {
      const row = event.target.closest("tr[data-place]");
      return row ? Number(row.dataset.place) : -1;
    };
    this.body.addEventListener("mouseover", (event) => this.told.lit(placeOf(event)));
    this.body.addEventListener("mouseleave", () => this.told.lit(-1));
    this.body.addEventListener("focusin", (event) => {
      const place = placeOf(event);
      if (place < 0) return;
      this.current = place;
      this.rove();
      this.told.lit(place);
    });
    this.body.addEventListener("focusout", () => this.told.lit(-1));
    this.body.addEventListener("click", (event) => {
      const place = placeOf(event);
      if (place < 0) return;
      if (event.target.closest(".folder") && this.data.rows[place].inside.length) this.toggle(place);
      else this.told.held(place);
      this.go(place);
    });
    this.body.addEventListener("dblclick", (event) => { if (placeOf(event) >= 0) this.toggle(placeOf(event)); });
    this.body.addEventListener("keydown", (event) => {
      if (event.altKey || event.ctrlKey || event.metaKey || placeOf(event) < 0) return;
      if (this.press(event.key, placeOf(event))) event.preventDefault();
    });
  }

  // Carry out a key; false where it means nothing.
  press(key, place) {
    const row = this.data.rows[place], at = this.shown.indexOf(place), last = this.shown.length - 1;
    const moves = { ArrowDown: at + 1, ArrowUp: at - 1, Home: 0, End: last, PageDown: at + 15, PageUp: at - 15 };
    if (key in moves) this.go(this.shown[Math.max(0, Math.min(last, moves[key]))]);
    else if (key === "ArrowRight" && row.inside.length && !this.flat) {
      if (this.isOpen(place)) this.go(this.shown[Math.min(last, at + 1)]);
      else this.keep(place, true);
    } else if (key === "ArrowLeft" && !this.flat) {
      if (this.isOpen(place)) this.keep(place, false);
      else if (row.parent >= 0) this.go(row.parent);
    } else if (key === "Enter" && row.inside.length && !this.flat) this.keep(place, !this.isOpen(place));
    else if (key === "Enter" || key === " ") this.told.held(place);
    else return false;
    return true;
  }

  keep(place, open) {
    this.toggle(place, open);
    this.go(place);
  }

  go(place) {
    this.current = place;
    this.rove();
    const element = this.element(place);
    element.focus({ preventScroll: true });
    element.scrollIntoView({ block: "nearest" });
  }

  // One row alone is reached by Tab.
  rove() {
    const next = this.elements.get(this.current);
    if (this.reached && this.reached !== next) this.reached.tabIndex = -1;
    if (next) next.tabIndex = 0;
    this.reached = next;
  }

  light(lit, held) {
    this.change("lit", lit);
    const [before, now] = this.change("held", held);
    if (before) before.removeAttribute("aria-selected");
    if (now) now.setAttribute("aria-selected", "true");
  }

  // Let one row alone have a class; the row that had it, and the one that has it now.
  change(name, place) {
    this.marked ??= {};
    const before = this.marked[name], now = place >= 0 ? this.element(place) : null;
    if (before === now) return [null, now];
    if (before) before.classList.remove(name);
    if (now) now.classList.add(name);
    this.marked[name] = now;
    return [before, now];
  }
}
