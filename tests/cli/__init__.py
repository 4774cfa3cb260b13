"""The command, its supervisor and its documents."""
