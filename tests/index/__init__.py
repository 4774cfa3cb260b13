"""Behaviour of index, in sentences."""
