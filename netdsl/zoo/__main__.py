"""`python -m netdsl.zoo DOCS`: train the nets of `specs` by their small recipes and draw what each says then.

A picture is left alone as long as the net and its recipe are what they were; what was broken off goes on.
"""

from __future__ import annotations

import sys
from argparse import ArgumentParser, Namespace
from pathlib import Path

from netdsl.base.errors import DataError, RunError
from netdsl.reference.shown import FOLDER
from netdsl.text.diagnostics import NetError
from netdsl.zoo.gallery import Gallery
from netdsl.zoo.lessons import lessons
from netdsl.zoo.training import School


def main() -> int:
    """1 when a lesson could not be carried out; the others are."""
    given = _arguments()
    known = {lesson.name: lesson for lesson in lessons(given.docs.resolve().parent / "specs")}
    unknown = [name for name in given.net if name not in known]
    if unknown:
        print(f"no lesson is called {unknown[0]}: there is {', '.join(known)}", file=sys.stderr)
        return 2
    gallery = Gallery(given.docs / FOLDER, School(given.runs, known, given.engine, given.again))
    asked = [known[name] for name in given.net or known]
    gallery.forget(set(known))
    left = [lesson for lesson in asked if given.again or not gallery.is_current(lesson)]
    failed = []
    for number, lesson in enumerate(left, 1):
        print(f"{number}/{len(left)} {lesson.name}", flush=True)
        try:
            gallery.show(lesson)
        except (RunError, DataError, NetError) as error:
            failed.append(lesson.name)
            print(f"{lesson.name}: {error}", file=sys.stderr)
    print(f"{len(asked) - len(left)} pictures kept, {len(left) - len(failed)} made" + f", not {failed}" * bool(failed))
    return 1 if failed else 0


def _arguments() -> Namespace:
    parser = ArgumentParser(prog="python -m netdsl.zoo", description=__doc__)
    parser.add_argument("docs", type=Path, metavar="DOCS", help="the folder of the pages, beside `specs`")
    parser.add_argument("--net", action="append", default=[], metavar="NAME", help="this lesson alone; repeatable")
    parser.add_argument("--again", action="store_true", help="train anew what has a picture")
    parser.add_argument("--engine", default="torch", choices=("torch", "onnx"))
    parser.add_argument("--runs", type=Path, default=Path("runs/zoo"), help="where runs are kept")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
