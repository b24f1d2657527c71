// What the data of a page say at some sizes and batch. All arithmetic is on whole numbers of any length (BigInt).

const floorDiv = (a, b) => (a % b !== 0n && (a < 0n) !== (b < 0n) ? a / b - 1n : a / b);

class Evaluated {
  // `at` are the sizes of the symbols in their order, `batch` the samples at a time; all of them whole numbers.
  constructor(data, at, batch) {
    this.data = data;
    this.at = at.map(BigInt);
    this.batch = BigInt(batch);
    this.known = new Array(data.forms.length);
  }

  // The value of a form (see netdsl/page/forms.py), reckoned when it is first asked for.
  form(place) {
    if (this.known[place] === undefined) this.known[place] = this.reckoned(this.data.forms[place]);
    return this.known[place];
  }

  reckoned(form) {
    if (!Array.isArray(form)) return BigInt(form);
    if (form[0] === "line") return this.line(form);
    if (form[0] === "floor") return floorDiv(this.form(form[1]), BigInt(form[2]));
    let total = 0n;
    for (const [coefficient, factors] of form[1]) {
      total += factors.reduce((product, factor) => product * this.form(factor), BigInt(coefficient));
    }
    return total;
  }

  line([, symbol, period, increment, base, table]) {
    const x = this.at[symbol], turns = floorDiv(x, BigInt(period)), rest = x - turns * BigInt(period);
    return BigInt(base) + BigInt(increment) * turns + BigInt(table[Number(rest)]);
  }

  // A number of the whole batch.
  number(place) {
    const [once, each, times] = this.data.numbers[place];
    return (this.form(once) + this.batch * this.form(each)) * this.form(times);
  }

  shape(places) { return places.map((place) => this.form(place)); }

  // The numbers of every row by column, for all its copies; blocks have the sums of what is inside them.
  rows(columns) {
    const { rows } = this.data, found = rows.map(() => ({}));
    for (const column of columns) {
      for (let place = rows.length - 1; place >= 0; place -= 1) {
        const row = rows[place], own = (row.numbers || {})[column];
        if (own === null) { found[place][column] = null; continue; }
        const inside = found[place][column] || 0n;
        const sum = (inside + (own === undefined ? 0n : this.number(own))) * BigInt(row.copies);
        found[place][column] = sum;
        if (row.parent >= 0) found[row.parent][column] = (found[row.parent][column] || 0n) + sum;
      }
    }
    return found;
  }

  totals(rows, columns) {
    const total = Object.fromEntries(columns.map((column) => [column, 0n]));
    this.data.rows.forEach((row, place) => {
      if (row.depth === 0) for (const column of columns) total[column] += rows[place][column] || 0n;
    });
    return total;
  }

  held(timeline) { return timeline.held.reduce((sum, place) => sum + this.number(place), 0n); }

  // The bytes alive at each step of the schedule: `[row, bytes]`.
  live(timeline = this.data.schedule) {
    const frees = new Map(), found = [];
    let now = this.held(timeline);
    timeline.steps.forEach(([row, made, inner], index) => {
      for (const [place, last] of made) {
        const bytes = this.number(place);
        now += bytes;
        frees.set(last, (frees.get(last) || 0n) + bytes);
      }
      found.push([row, now + (inner ? this.peak(inner).bytes : 0n)]);
      now -= frees.get(index) || 0n;
    });
    return found;
  }

  // The most bytes alive at once, with the first step that has so many and its row.
  peak(timeline = this.data.schedule, steps = this.live(timeline)) {
    let best = { bytes: this.held(timeline), step: -1, row: -1 };
    steps.forEach(([row, bytes], step) => {
      if (bytes > best.bytes || best.step < 0) best = { bytes: bytes > best.bytes ? bytes : best.bytes, step, row };
    });
    return best;
  }

  holds([word, told]) {
    if (word === "and") return told.every((part) => this.holds(part));
    if (word === "or") return told.some((part) => this.holds(part));
    const value = this.form(told);
    return SIGNS[word].includes(value > 0n ? 1 : value < 0n ? -1 : 0);
  }

  // Those of some demands that the sizes do not meet.
  unmet(demands) { return demands.filter((demand) => !this.holds(demand.holds)); }
}

const SIGNS = { "==": [0], "!=": [-1, 1], "<": [-1], "<=": [-1, 0], ">": [1], ">=": [0, 1] };

// Give every row the place of the block that it is in, -1 for a row of the net, and the places of those inside it.
function nested(data) {
  const open = [];
  data.rows.forEach((row, place) => {
    open.length = row.depth;
    row.parent = row.depth ? open[row.depth - 1] : -1;
    row.inside = [];
    if (row.depth) data.rows[row.parent].inside.push(place);
    open[row.depth] = place;
  });
  return data;
}

// The symbols that a condition is about.
function symbolsOf(data, [word, told], found = new Set()) {
  if (Array.isArray(told)) told.forEach((part) => symbolsOf(data, part, found));
  else formSymbols(data, told, found);
  return found;
}

function formSymbols(data, place, found) {
  const form = data.forms[place];
  if (!Array.isArray(form)) return;
  if (form[0] === "line") found.add(form[1]);
  else if (form[0] === "floor") formSymbols(data, form[1], found);
  else form[1].forEach(([, factors]) => factors.forEach((factor) => formSymbols(data, factor, found)));
}

// A symbol with all that demands tie to it.
function tiedTo(data, symbol) {
  const found = new Set([symbol]), groups = data.demands.map((demand) => symbolsOf(data, demand.holds));
  for (const each of found) for (const group of groups) if (group.has(each)) group.forEach((other) => found.add(other));
  return found;
}

// Possible sizes with symbol `moved` as near to the wanted value as can be; what is tied to it moves by as much, or to
// the same size. `before` are the sizes now, and `together` says that all symbols shall be alike. Null where there are
// none so near.
function nearest(data, before, moved, wanted, together = false, reach = 2048) {
  const possible = (at) => at.every((size) => size >= 1) && !new Evaluated(data, at, 1).unmet(data.demands).length;
  const tied = tiedTo(data, moved);
  const tries = (value) => [
    ...(together ? [before.map(() => value)] : []),
    before.map((size, other) => (other === moved ? value : size)),
    before.map((size, other) => (tied.has(other) ? size + value - before[moved] : size)),
    before.map((size, other) => (tied.has(other) ? value : size)),
  ];
  for (let away = 0; away <= reach; away += 1) {
    for (const value of away ? [wanted + away, wanted - away] : [wanted]) {
      const found = tries(value).find(possible);
      if (found) return found;
    }
  }
  return null;
}
