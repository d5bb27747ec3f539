"""The files of a run: folder, record, resume, pictures."""
