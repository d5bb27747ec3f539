"""The program's way in: `seqcli`, and `python -m seqcli`, so that torchrun can start it."""

from seqcli.interrupts import interrupts


def main() -> None:
    """Entry point; signals are taken over before anything that takes time to import."""
    interrupts.install()
    with interrupts.at_once():
        from seqcli.cli import app
    app.main()


if __name__ == "__main__":
    main()
