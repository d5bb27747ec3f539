"""One label for a text (N -> 1)."""
