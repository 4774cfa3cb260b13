"""The benchmarks measure what they say, and fairly."""
