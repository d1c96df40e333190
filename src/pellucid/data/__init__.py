"""Data sets, formats, transforms and loading."""
