"""The program's way in: `seqcli`, and `python -m seqcli`, so that torchrun can start it."""

import sys

from seqcli.interrupts import Interrupted, interrupts


def main() -> None:
    """Entry point; signals are taken over before anything that takes time to import."""
    try:
        with interrupts.at_once():
            interrupts.install()
            from seqcli.cli import app
        try:
            app.main()
        finally:
            interrupts.end()
    except Interrupted as stop:  # before the program's own boundary, or behind it
        sys.exit(stop.exit_code)


if __name__ == "__main__":
    main()
