"""Raw formats: records with named fields (`discover`), tables to classify (`open_table`)."""

from seqcli.readers.record import Piece, Reader, Record
from seqcli.readers.source import READERS, Source, discover
from seqcli.readers.tables import Table, open_table

__all__ = [
    "READERS",
    "Piece",
    "Reader",
    "Record",
    "Source",
    "Table",
    "discover",
    "open_table",
]
