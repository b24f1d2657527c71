"""The `netdsl` command: one small file a subcommand, each a thin shell over the public surface."""

from __future__ import annotations

import os
import sys

from netdsl.diagnostics import NetError


def main() -> None:
    """Run the command line. Exit code 1 for a bad file or run, 2 for bad usage; never a traceback."""
    from netdsl.cli.app import run

    try:
        code = run(sys.argv[1:])
        sys.stdout.flush()
    except NetError as error:
        from netdsl.reports.plain import render

        print(render(error.diagnostics, color=_color()), file=sys.stderr)
        code = 1
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        code = 130
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        code = 1
    except Exception as error:
        if os.environ.get("NETDSL_DEBUG"):
            raise
        print(f"error: {_plain(error)}", file=sys.stderr)
        code = 1
    sys.exit(code)


def _plain(error: Exception) -> str:
    """One of our own one-line errors as it is; anything else as what it is: a mistake of netdsl."""
    if type(error).__module__.startswith("netdsl.") or isinstance(error, OSError):
        return str(error)
    return f"netdsl failed unexpectedly: {type(error).__name__}: {error} (set NETDSL_DEBUG=1 for details)"


def _color() -> bool:
    return sys.stderr.isatty() and "NO_COLOR" not in os.environ
