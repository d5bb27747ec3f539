"""Text to tokens, tokens to ids, rows of any length. No torch."""
