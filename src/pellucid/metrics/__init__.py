"""Metrics: one file each, a stateless function and a thin accumulator."""
