"""The list of commands."""

from __future__ import annotations

import typer

from netdsl.cli import check, compile, evaluate, fmt, parity, predict, report, train

app = typer.Typer(
    name="netdsl",
    help="Write a network down once, as the table in the paper; get reports, PyTorch, ONNX and training.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)

for command in (report, check, fmt, compile, train, evaluate, predict, parity):
    app.command(command.__name__.rsplit(".", 1)[1])(command.run)


@app.callback(invoke_without_command=True)
def version(show: bool = typer.Option(False, "--version", help="Print the version.")) -> None:
    """Write a network down once, as the table in the paper; get reports, PyTorch, ONNX and training."""
    if show:
        from netdsl import __version__

        typer.echo(f"netdsl {__version__}")
        raise typer.Exit
