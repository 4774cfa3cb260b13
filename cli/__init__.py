"""The `annuaire` command: the composition root, imported by nothing."""
