"""Files of captions: COCO's layout, or for each picture one caption or several."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path, PurePosixPath

from netdsl.base.errors import DataError, first_line
from netdsl.runtime.data.cells import quoted

LARGEST_FILE = 2**29
"""The largest file of captions that is read, in bytes."""
LONGEST = 10_000
"""The longest caption, in letters."""


@dataclass(frozen=True)
class Caption:
    """A sentence on a picture, whose name is its path below the folder of all."""

    picture: str
    text: str
    place: str
    """Where it stands in its file."""


def read_captions(path: Path) -> list[Caption]:
    """All captions of a file in its order; `DataError` names the file and the entry that is wrong."""
    found = _content(path)
    if not isinstance(found, dict):
        raise DataError(f"{path}: {_kind(found)}, where an object of pictures, or of `images` and `annotations`, is")
    coco = isinstance(found.get("annotations"), list) and isinstance(found.get("images"), list)
    captions = list(_of_coco(path, found) if coco else _of_files(path, found))
    if not captions:
        raise DataError(f"{path}: there is no caption in it")
    return captions


def _content(path: Path) -> object:
    try:
        if path.stat().st_size > LARGEST_FILE:
            raise DataError(f"{path}: {path.stat().st_size:,} bytes; more than {LARGEST_FILE:,} are not read")
        return json.loads(path.read_text("utf-8-sig"), object_pairs_hook=partial(_object, path))
    except OSError as error:
        raise DataError(f"{path}: cannot be read ({error.strerror or error})") from None
    except UnicodeDecodeError as error:
        raise DataError(f"{path}: not UTF-8 (byte {error.start:,})") from None
    except RecursionError:
        raise DataError(f"{path}: too deeply nested to be captions") from None
    except ValueError as error:
        raise DataError(f"{path}: no JSON: {first_line(error)}") from None


def _object(path: Path, pairs: list[tuple[str, object]]) -> dict[str, object]:
    """An object of a file, of which `json` would keep the last of two that have one name."""
    found: dict[str, object] = {}
    for name, value in pairs:
        if name in found:
            raise DataError(f"{path}: {quoted(name)} stands twice in one object: put all that it has into one list")
        found[name] = value
    return found


def _kind(value: object) -> str:
    kinds = {dict: "an object", list: "a list", str: "a text", bool: "a truth value", type(None): "nothing"}
    return kinds.get(type(value), "a number")


def _of_coco(path: Path, found: Mapping[str, object]) -> Iterator[Caption]:
    names: dict[object, str] = {}
    for number, image in enumerate(_listed(found["images"])):
        place = f"images[{number}]"
        key = _entry(path, place, image, "id", (int, str))
        if key in names:
            raise DataError(f"{path}: {place}: the id {quoted(str(key))} stands there twice")
        names[key] = _below(path, place, _entry(path, place, image, "file_name", (str,)))
    for number, one in enumerate(_listed(found["annotations"])):
        place = f"annotations[{number}]"
        key = _entry(path, place, one, "image_id", (int, str))
        if key not in names:
            raise DataError(f"{path}: {place}: there is no image with the id {quoted(str(key))}")
        yield Caption(names[key], _text(path, place, _entry(path, place, one, "caption", (str,))), place)


def _listed(value: object) -> list[object]:
    return value if isinstance(value, list) else []


def _entry(path: Path, place: str, holder: object, name: str, kinds: tuple[type, ...]) -> object:
    value = holder.get(name) if isinstance(holder, dict) else None
    if not isinstance(value, kinds) or isinstance(value, bool):
        what = "a text" if kinds == (str,) else "a number or a text"
        raise DataError(f"{path}: {place}: `{name}` is {_kind(value)}, where {what} is")
    return value


def _of_files(path: Path, found: Mapping[str, object]) -> Iterator[Caption]:
    for name, given in found.items():
        place = quoted(name)
        texts = given if isinstance(given, list) else [given]
        picture = _below(path, place, name)
        for number, text in enumerate(texts):
            where = f"{place}[{number}]" if isinstance(given, list) else place
            if not isinstance(text, str):
                raise DataError(f"{path}: {where}: {_kind(text)}, where a caption or a list of captions is")
            yield Caption(picture, _text(path, where, text), where)


def _below(path: Path, place: str, name: object) -> str:
    """The name of a picture, which must lie below the folder."""
    whole = PurePosixPath(str(name))
    if whole.is_absolute() or ".." in whole.parts or not whole.name or "\0" in str(name):
        raise DataError(f"{path}: {place}: {quoted(str(name))} is no name of a picture below the folder")
    return whole.as_posix()


def _text(path: Path, place: str, text: object) -> str:
    said = " ".join(str(text).split())
    if not said:
        raise DataError(f"{path}: {place}: the caption is empty")
    if len(said) > LONGEST:
        raise DataError(f"{path}: {place}: a caption of {len(said):,} letters; at most {LONGEST:,} are read")
    return said
