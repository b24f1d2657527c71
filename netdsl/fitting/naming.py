"""Which card a word means: as the table calls it, as a driver prints it, or a memory alone.

`nvidia-smi` and `torch.cuda.get_device_name` print `NVIDIA GeForce RTX 4090`, `A100-SXM4-80GB`, `Tesla T4`. A name is
taken as words. Those that say who made a card are left out, and each of the others has to be one of the card's own:
`RTX 4090 Laptop GPU` is no RTX 4090, and no card is the next best of another.
"""

from __future__ import annotations

import re
from types import MappingProxyType

from netdsl.fitting.cards import CARDS, GIB, RESERVE, CardSheet

MAKERS = frozenset(("nvidia", "tesla", "geforce", "graphics", "card", "gpu"))
"""Words before a name that tell no card from another."""
SERIES = frozenset(("rtx", "gtx"))
"""May be left out of a name that has a number."""
OTHERWISE = MappingProxyType({"gtx titan x": "titan x maxwell"})
"""What a driver calls by words that the table has for another card."""
MEMORY = re.compile(r"(\d{1,5}(?:\.\d{1,3})?)\s*(g|gb|gib|m|mb|mib)", re.IGNORECASE)
WORD = re.compile(r"[a-z]+\d+[a-z]*|\d+[a-z]*|[a-z]+")
JOINED = re.compile(r"(rtx|gtx|titan)(?=[a-z\d])|(?<=\d{3})(ti|super)\b")
"""Words of a name that is written without gaps, `rtx3080ti`."""


def words_of(name: str) -> frozenset[str]:
    """A name as its words: of `NVIDIA A100-SXM4-80GB` these are `a100`, `sxm4` and `80gb`."""
    apart = JOINED.sub(r" \g<0> ", name.lower())
    apart = re.sub(r"\b(\d+) ?(?:gb|gib|g)\b", r"\1gb", apart)
    words = frozenset(word for word in WORD.findall(apart) if word not in MAKERS)
    other = next((told for told in OTHERWISE if words == frozenset(told.split())), None)
    return frozenset(OTHERWISE[other].split()) if other is not None else words


def _own(card: CardSheet) -> frozenset[str]:
    """All words that may be said of a card."""
    sockets = {word.rstrip("0123456789") for word in card.also.split() if word.startswith("sxm")}
    return words_of(card.name) | {*card.also.split(), *sockets, f"{card.gibibytes}gb"}


def _needed(card: CardSheet) -> frozenset[str]:
    """Words without which it is another card, or none: its memory and socket may be left out."""
    words = frozenset(w for w in words_of(card.name) if not w.endswith("gb") and not w.startswith(("pcie", "sxm")))
    numbered = any(c.isdigit() for word in words for c in word)
    return words - SERIES if numbered else words


def _squeezed(name: str) -> str:
    return "".join(c for c in name.lower().removeprefix("nvidia") if c.isalnum())


def find_cards(name: str) -> list[CardSheet]:
    """The card of a name; several where the name is that of each."""
    words = words_of(name)
    exact = [card for card in CARDS if _squeezed(card.name) == _squeezed(name) or words_of(card.name) == words]
    return exact or [card for card in CARDS if words and _needed(card) <= words <= _own(card)]


def cards_with(name: str) -> list[CardSheet]:
    """Cards that have the most of a name's words which have a number, such as the `3060` of `RTX 3060 8GB`."""
    words = {word for word in words_of(name) - SERIES if not word.endswith("gb") and any(c.isdigit() for c in word)}
    shared = [(len(words & _own(card)), card) for card in CARDS]
    most = max((many for many, _ in shared), default=0)
    return [card for many, card in shared if many == most] if most else []


def memory_alone(name: str) -> CardSheet | None:
    """What `8GB` says: a memory without rates, in the gibibytes that cards are sold by; None for another word."""
    found = MEMORY.fullmatch(name.strip())
    if found is None:
        return None
    number, unit = found.groups()
    gibibytes = float(number) / (1 if unit.lower().startswith("g") else 1024)
    if gibibytes * GIB <= RESERVE:
        return None
    told = f"{gibibytes:.6g} GiB"
    return CardSheet(told, gibibytes, 0.0, MappingProxyType({}), None, tensor_cores=False, correcting=False)
