"""The spellings of rows that are no token of a text."""

UNKNOWN = "<unk>"
END = "<eos>"
RESERVED = (UNKNOWN, END)
