"""The write side: the register in PostgreSQL, its imports and its change feed; the only code that speaks SQL."""
