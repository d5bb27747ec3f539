"""A label for every token (N -> N)."""
