"""A sequence for a sequence (N -> M)."""
