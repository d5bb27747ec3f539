"""Data sets: splits, encoded rows, batches."""
