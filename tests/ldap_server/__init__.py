"""Behaviour of ldap_server, in sentences."""
