"""Behaviour of importers, in sentences."""
