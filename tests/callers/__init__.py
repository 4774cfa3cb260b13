"""The callers of the directory, their networks and budgets."""
