"""Faults injected at every write, signal, byte and option; `make torture` runs all of them."""
