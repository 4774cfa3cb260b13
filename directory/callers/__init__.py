"""What LDAP and REST share about who asks: the caller, its network, its budget, and the counters of the node."""
