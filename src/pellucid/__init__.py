"""Pellucid: a laboratory for deep vision networks — build one, train it, and see through it."""

__version__ = "0.1.0.dev0"
