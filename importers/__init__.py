"""Turn the national extract files into rows for the register."""
