"""Behaviour of registry, in sentences."""
