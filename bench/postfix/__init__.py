"""Recipients resolved by a real Postfix."""
