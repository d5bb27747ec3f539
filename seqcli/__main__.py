"""`python -m seqcli`: the same program as the `seqcli` command."""

from seqcli.cli.app import main

if __name__ == "__main__":
    main()
