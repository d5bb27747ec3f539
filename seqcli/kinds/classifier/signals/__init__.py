"""One label for a recording: rows of numbers (N -> 1)."""
