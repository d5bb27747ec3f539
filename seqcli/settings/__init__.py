"""Settings: frozen dataclasses, task files, parameter tables. No torch, no numpy."""
