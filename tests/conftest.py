"""What holds for all tests."""

import os

# Each worker of pytest-xdist has a core; threads that wait for one another's core make it five times slower.
os.environ.setdefault("OMP_NUM_THREADS", "1")
