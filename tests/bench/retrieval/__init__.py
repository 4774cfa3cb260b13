"""The retrieval benchmark measures what it says, and fairly."""
