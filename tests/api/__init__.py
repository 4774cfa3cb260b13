"""Behaviour of api, in sentences."""
