"""Building and following the index at scale: rates, memory, file size, and what lookups notice of it."""
