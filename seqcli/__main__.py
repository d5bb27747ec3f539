"""The program's way in: `seqcli`, and `python -m seqcli`, so that torchrun can start it."""

import sys

from seqcli.interrupts import Interrupted, interrupts


def main() -> None:
    """Entry point; signals are taken over before anything that takes time to import."""
    interrupts.install()
    with interrupts.at_once():
        from seqcli.cli import app
    try:
        app.main()
    except Interrupted as stop:  # before the program's own boundary, or behind it
        sys.exit(stop.exit_code)
    finally:
        interrupts.end()


if __name__ == "__main__":
    main()
