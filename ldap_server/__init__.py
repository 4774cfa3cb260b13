"""The LDAP front-end, answering mail clients and gateways from the index."""
