"""Pages about runs, put together from what run folders hold."""
