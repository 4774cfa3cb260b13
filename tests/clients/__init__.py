"""Real LDAP clients, and what others send, against the server."""
