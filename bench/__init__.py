"""Speed and volume measurements, each stated against a peer or a limit of the same run."""
