"""The commands: thin over the plain functions below, and the only floor that prints."""
