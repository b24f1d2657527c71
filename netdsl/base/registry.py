"""Classes by the words for them, from modules that are read when a word of theirs is first asked for."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from importlib import import_module
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from _collections_abc import dict_items, dict_keys, dict_values

T = TypeVar("T", bound=type)
D = TypeVar("D")


class Registry(dict[str, T]):
    """The module of a word is read when the word is asked for, and all modules to go through all words.

    A package says where each word is found; what other modules declare is there once they are imported.
    """

    def __init__(self, package: str) -> None:
        self.package = package
        self.homes: dict[str, str] = {}
        self.read = False
        """Whether all modules are."""

    def found_in(self, words: Mapping[str, str]) -> None:
        """Tell where words are found: the words of each module in one text."""
        self.homes |= {word: module for module, text in words.items() for word in text.split()}
        self.read = False

    def add(self, word: str, declared: T) -> None:
        """Keep a class by a word: at once what the package's own table says of its module is held to it."""
        assert not dict.__contains__(self, word), f"two are called {word}: {declared}, {self[word]}"
        package, _, module = declared.__module__.rpartition(".")
        listed = package != self.package or self.homes.get(word) == module
        assert listed, f"the table in {self.package} does not say that `{word}` is found in {module}"
        self[word] = declared

    def __missing__(self, word: str) -> T:
        home = self.homes.get(word)
        if home is None:
            raise KeyError(word)
        import_module(f"{self.package}.{home}")
        assert dict.__contains__(self, word), f"{self.package}.{home} declares no `{word}`"
        return dict.__getitem__(self, word)

    def __contains__(self, word: object) -> bool:
        return word in self.homes or dict.__contains__(self, word)

    def get(self, word: str, default: D | None = None) -> T | D | None:  # type: ignore[override]
        try:
            return self[word]
        except KeyError:
            return default

    def __iter__(self) -> Iterator[str]:
        return iter(self._whole())

    def __len__(self) -> int:
        return len(self._whole())

    def keys(self) -> dict_keys[str, T]:
        return self._whole().keys()

    def values(self) -> dict_values[str, T]:
        return self._whole().values()

    def items(self) -> dict_items[str, T]:
        return self._whole().items()

    def _whole(self) -> dict[str, T]:
        """All words in the order of the tables, whichever modules were read first, and behind them those of others."""
        for home in () if self.read else dict.fromkeys(self.homes.values()):
            import_module(f"{self.package}.{home}")
        self.read = True
        return {word: dict.__getitem__(self, word) for word in (*self.homes, *dict.__iter__(self))}
