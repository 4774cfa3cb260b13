"""Behaviour of directory, in sentences."""
