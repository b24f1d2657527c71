"""The `netdsl` command: one small file a subcommand, each a thin shell over the public surface."""

from __future__ import annotations

import os
import sys

from netdsl.text.diagnostics import NetError


def main() -> None:
    """Run the command line. Exit code 1 for a bad file or run, 2 for bad usage; never a traceback."""
    from netdsl.cli import streams

    streams.prepare()
    code = 1
    try:
        try:
            code = attempt(sys.argv[1:])
        finally:
            streams.flush()
    except BrokenPipeError:
        code = 1  # whoever read the output has seen enough
    except OSError as error:
        code = code or 1
        streams.complain(error)
    finally:
        streams.abandon()
    sys.exit(code)


def attempt(arguments: list[str]) -> int:
    """Carry a command line out, mistakes explained on stderr. Raises `OSError` when nothing can be printed."""
    from netdsl.cli import streams
    from netdsl.cli.app import run

    try:
        code = run(arguments)
        sys.stdout.flush()
    except NetError as error:
        from netdsl.reports.plain import render

        print(render(error.diagnostics, color=streams.coloured(sys.stderr)), file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        return 130
    except Exception as error:
        if os.environ.get("NETDSL_DEBUG") or streams.failed(error):
            raise
        streams.say(f"error: {_plain(error)}", sys.stderr)
        return 1
    return code


def _plain(error: Exception) -> str:
    """One of our own one-line errors as it is; anything else as what it is: a mistake of netdsl."""
    if isinstance(error, OSError) and error.strerror and error.filename is not None:
        return f"{os.fsdecode(error.filename)}: {error.strerror}"
    if type(error).__module__.startswith("netdsl.") or isinstance(error, OSError):
        return str(error)
    if isinstance(error, MemoryError):
        what = f": {error}" if str(error) else ""
        return f"there is not enough memory for these sizes{what}"
    return f"netdsl failed unexpectedly: {type(error).__name__}: {error} (set NETDSL_DEBUG=1 for details)"
