"""The run folder: what is written, read, compared."""
