"""At every step the distribution of the next token (N -> N)."""
