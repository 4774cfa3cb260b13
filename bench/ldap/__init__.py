"""LDAP speed against OpenLDAP's slapd: the same entries, the same requests, the same run."""
