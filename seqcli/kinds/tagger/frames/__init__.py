"""A label for every step of a recording: rows of numbers (N -> N)."""
