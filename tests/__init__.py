"""Behaviour of the directory, stated in sentences."""
