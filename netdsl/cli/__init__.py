"""The `netdsl` command: one small file a subcommand, each a thin shell over the public surface."""

from __future__ import annotations

import atexit
import os
import sys
from collections.abc import Callable
from functools import partial
from typing import NoReturn

from netdsl.base.errors import ArgumentError
from netdsl.text.diagnostics import NetError


def main() -> None:
    """Run the command line. Exit code 1 for a bad file or run, 2 for bad usage; never a traceback."""
    leave(carried_out(sys.argv[1:]))


def carried_out(arguments: list[str]) -> int:
    """The exit code of a command line; what it prints is written, or nobody takes it."""
    from netdsl.cli import streams

    streams.prepare()
    code = 1
    try:
        try:
            code = attempt(arguments)
        finally:
            streams.flush()
    except BrokenPipeError:
        code = 1  # whoever read the output has seen enough
    except OSError as error:
        code = code or 1
        streams.complain(error)
    finally:
        streams.abandon()
    return code


def leave(code: int, owned: bool = False) -> NoReturn:
    """End this process, at once where it is `owned`: taking down what a report made is a tenth of its time.

    A profiler or debugger has something to say at the end, so the interpreter is taken down there as ever. With PyTorch
    it is, too, but in one of several processes that a launcher began: threads of gloo outlive their group where a net
    was wrapped for it, and one that still lets go of a tensor then aborts (torch 2.13).
    """
    several = os.environ.get("WORLD_SIZE", "1") != "1" and "torch.distributed" in sys.modules
    watched = sys.getprofile() is not None or sys.gettrace() is not None
    if several or (owned and not watched and "torch" not in sys.modules):
        atexit._run_exitfuncs()
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)
    sys.exit(code)


def attempt(arguments: list[str]) -> int:
    """Carry a command line out, mistakes explained on stderr. Raises `OSError` when nothing can be printed."""
    from netdsl.cli.app import run

    return explained(partial(run, arguments))


def explained(work: Callable[[], int], trouble: int = 1) -> int:
    """The exit code of some work; where it fails that is told on stderr, and the code is `trouble`."""
    from netdsl.cli import streams

    try:
        code = work()
        sys.stdout.flush()
    except NetError as error:
        from netdsl.reports.plain import render

        print(render(error.diagnostics, color=streams.coloured(sys.stderr)), file=sys.stderr)
        return trouble
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        return 130
    except Exception as error:
        if os.environ.get("NETDSL_DEBUG") or streams.failed(error):
            raise
        streams.say(f"error: {_plain(error)}", sys.stderr)
        return trouble
    return code


OPTIONS = {"sizes": "--size", "conventions": "--convention"}
"""What arguments of public functions are called on a command line, where that is no `--` before their name."""


def _plain(error: Exception) -> str:
    """One of our own one-line errors as it is; anything else as what it is: a mistake of netdsl."""
    if isinstance(error, ArgumentError):
        option = OPTIONS.get(error.argument, f"--{error.argument}")
        return str(error).replace(f"`{error.argument}`", option, 1)
    if isinstance(error, OSError) and error.strerror and error.filename is not None:
        return f"{os.fsdecode(error.filename)}: {error.strerror}"
    if type(error).__module__.startswith("netdsl.") or isinstance(error, OSError):
        return str(error)
    if isinstance(error, MemoryError):
        what = f": {error}" if str(error) else ""
        return f"there is not enough memory for these sizes{what}"
    return f"netdsl failed unexpectedly: {type(error).__name__}: {error} (set NETDSL_DEBUG=1 for details)"
