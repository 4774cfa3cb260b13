"""The pages for people: search, cards, coverage, register; rendered here, complete without scripts."""
