"""Hostile input: a kept corpus, mutations of it, and what they are thrown at."""
