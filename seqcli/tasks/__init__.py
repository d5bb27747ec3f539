"""Bundled task files, and how a task, its preset and overrides become one Config."""
