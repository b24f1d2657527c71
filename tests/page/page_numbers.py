"""The arithmetic that a page does, in Python: what its data say at some sizes and batch."""

from __future__ import annotations

from typing import Any


class PageNumbers:
    """The data of a page with numbers for symbols and batch."""

    def __init__(self, data: dict[str, Any], sizes: dict[str, int], batch: int) -> None:
        self.data = data
        self.at = [sizes[size["name"]] for size in data["sizes"]]
        self.forms: list[int] = []
        for form in data["forms"]:
            self.forms.append(self._form(form))
        self.numbers = [(self.forms[a] + batch * self.forms[b]) * self.forms[times] for a, b, times in data["numbers"]]

    def _form(self, form: Any) -> int:
        if not isinstance(form, list):
            return int(form)
        kind, first, *rest = form
        if kind == "line":
            period, increment, base, table = rest
            turns, place = divmod(self.at[first], period)
            return int(base) + int(increment) * turns + int(table[place])
        if kind == "floor":
            return self.forms[first] // int(rest[0])
        assert kind == "sum"
        total = 0
        for coefficient, factors in first:
            product = int(coefficient)
            for factor in factors:
                product *= self.forms[factor]
            total += product
        return total

    def rows(self) -> list[dict[str, int]]:
        """The numbers of every row by column, for all its copies, as `Row` has them; None is left out."""
        found: list[dict[str, int]] = []
        open_: list[dict[str, int]] = []
        for row in self.data["rows"]:
            del open_[row["depth"] :]
            own = {name: self.numbers[place] for name, place in row.get("numbers", {}).items() if place is not None}
            copies = 1
            for above, numbers in enumerate(open_):
                copies = 1
                for between in self.open_rows[above + 1 : row["depth"]]:
                    copies *= between["copies"]
                copies *= row["copies"]
                for name, number in own.items():
                    numbers[name] = numbers.get(name, 0) + number * copies
            if not open_:
                self.open_rows: list[Any] = []
            del self.open_rows[row["depth"] :]
            self.open_rows.append(row)
            open_.append(dict(own))
            found.append(open_[-1])
        return found

    def totals(self) -> dict[str, int]:
        total: dict[str, int] = {}
        for row, numbers in zip(self.data["rows"], self.rows(), strict=True):
            if row["depth"] == 0:
                for name, number in numbers.items():
                    total[name] = total.get(name, 0) + number * row["copies"]
        return total

    def live(self, timeline: Any = None) -> list[tuple[int, int]]:
        """The row and the bytes alive at each step."""
        timeline = self.data["schedule"] if timeline is None else timeline
        now = sum(self.numbers[place] for place in timeline["held"])
        frees: dict[int, int] = {}
        found = []
        for index, (row, made, *inner) in enumerate(timeline["steps"]):
            for place, last in made:
                now += self.numbers[place]
                frees[last] = frees.get(last, 0) + self.numbers[place]
            inside = max((self.peak(each) for each in inner), default=0)
            found.append((row, now + inside))
            now -= frees.pop(index, 0)
        return found

    def peak(self, timeline: Any = None) -> int:
        timeline = self.data["schedule"] if timeline is None else timeline
        held = sum(self.numbers[place] for place in timeline["held"])
        return max((size for _, size in self.live(timeline)), default=held)

    def holds(self, condition: Any) -> bool:
        word, told = condition
        if word in ("and", "or"):
            return (all if word == "and" else any)(self.holds(part) for part in told)
        sign = (self.forms[told] > 0) - (self.forms[told] < 0)
        return sign in {"==": (0,), "!=": (-1, 1), "<": (-1,), "<=": (-1, 0), ">": (1,), ">=": (0, 1)}[word]

    def possible(self) -> bool:
        return all(self.holds(demand["holds"]) for demand in self.data["demands"])
