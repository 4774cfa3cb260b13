"""What the published contracts promise, asked of a served node: the OpenAPI, and every example of the guides."""
