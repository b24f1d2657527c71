"""Launcher for a checkout: `python cli.py report specs/alexnet.net`. Installed, the command is `netdsl`."""

from netdsl.cli import main

if __name__ == "__main__":
    main()
