"""Growth: the same lookups at several scales, and how much slower the largest answers than the smallest."""
