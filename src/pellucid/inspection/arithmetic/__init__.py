"""Any unit of a network opened down to the numbers it came from: `watch` a run, then ask for a `unit`."""
