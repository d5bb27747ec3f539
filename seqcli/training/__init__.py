"""Optimizers, schedules, the loop, and a run's state."""
