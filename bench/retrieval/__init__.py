"""How well and how fast people are found, by class of query, beside what a plain Postgres does with the same data."""
