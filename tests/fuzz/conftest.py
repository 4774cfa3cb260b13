"""The server that is attacked: that of the invented people."""

from tests.ldap_server.conftest import indexed, server

__all__ = ["indexed", "server"]
