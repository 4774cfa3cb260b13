"""A well-behaved client beside hundreds that are not."""
