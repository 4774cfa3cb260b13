"""The REST front-end, answering web applications and people from the index."""
