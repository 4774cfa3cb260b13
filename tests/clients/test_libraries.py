"""Programs and libraries that others are built on: ldap-utils, python-ldap, ldap3."""

from __future__ import annotations

import subprocess
from typing import Any

import ldap3
import pytest

from tests.clients.conversation import BASE
from tests.clients.people import DUPONT, LEFEVRE, PEOPLE
from tests.ldap_server.conftest import Server

ENTRY = f"mail={DUPONT},{BASE}"


def run(server: Server, program: str, *arguments: str) -> tuple[int, str]:
    command = [program, "-x", "-H", server.url, *arguments]
    done = subprocess.run(command, capture_output=True, text=True, timeout=30, check=False)
    return done.returncode, done.stdout + done.stderr


@pytest.mark.usefixtures("ldap_utils")
@pytest.mark.parametrize("version", ["2", "3"])
def test_ldapsearch_prints_an_entry(directory: Server, version: str) -> None:
    code, said = run(directory, "ldapsearch", "-P", version, "-LLL", "-b", BASE, f"(mail={DUPONT})", "mail", "sn")
    assert code == 0
    assert {f"dn: {ENTRY}", f"mail: {DUPONT}", "sn: DUPONT"} <= set(said.splitlines())


@pytest.mark.usefixtures("ldap_utils")
def test_ldapsearch_says_that_there_are_more(directory: Server) -> None:
    code, said = run(directory, "ldapsearch", "-LLL", "-b", BASE, "-z", "5", "(sn=martin)", "1.1")
    assert code == 4
    assert "Size limit exceeded" in said
    assert said.count("dn: ") == 5


@pytest.mark.usefixtures("ldap_utils")
def test_ldapsearch_walks_in_pages_to_the_limit(directory: Server) -> None:
    code, said = run(directory, "ldapsearch", "-LLL", "-E", "pr=30/noprompt", "-b", BASE, "(mail=*)", "1.1")
    assert said.count("dn: ") == 100
    assert code == 4


@pytest.mark.usefixtures("ldap_utils")
def test_ldapsearch_sorts_on_demand(directory: Server) -> None:
    code, said = run(directory, "ldapsearch", "-LLL", "-E", "!sss=sn", "-b", BASE, "(l=lyon)", "sn")
    names = [line.removeprefix("sn: ") for line in said.splitlines() if line.startswith("sn: ")]
    assert (code, names) == (0, ["7*MERVEILLES (D')", "DUPONT", "O'KELLERAN"])


@pytest.mark.usefixtures("ldap_utils")
@pytest.mark.parametrize(
    ("assertion", "code"), [(f"mail:{DUPONT}", 6), ("sn:dupont", 6), ("sn:durand", 5), ("mobile:1", 16)]
)
def test_ldapcompare_says_true_false_or_no_such_attribute(directory: Server, assertion: str, code: int) -> None:
    assert run(directory, "ldapcompare", ENTRY, assertion)[0] == code


@pytest.mark.usefixtures("ldap_utils")
def test_ldapwhoami_is_anonymous(directory: Server) -> None:
    assert run(directory, "ldapwhoami") == (0, "anonymous\n")


@pytest.mark.usefixtures("ldap_utils")
def test_ldapdelete_is_told_that_nothing_is_written_here(directory: Server) -> None:
    assert run(directory, "ldapdelete", ENTRY)[0] == 53


@pytest.fixture
def libldap(directory: Server) -> Any:
    ldap = pytest.importorskip("ldap", reason="python-ldap is not installed")
    connection = ldap.initialize(directory.url)
    connection.set_option(ldap.OPT_NETWORK_TIMEOUT, 10)
    return connection


def test_python_ldap_finds_a_name_written_without_its_accent(libldap: Any) -> None:
    import ldap

    libldap.simple_bind_s("", "")
    ((name, attributes),) = libldap.search_s(BASE, ldap.SCOPE_SUBTREE, "(sn=lefevre)", ["sn", "mail"])
    assert name == f"mail={LEFEVRE},{BASE}"
    assert attributes["sn"] == ["LEFÈVRE".encode()]


def test_python_ldap_reads_the_published_schema(libldap: Any) -> None:
    from ldap.schema import AttributeType, ObjectClass, SubSchema

    entry = libldap.read_subschemasubentry_s(libldap.search_subschemasubentry_s())
    schema = SubSchema(entry)
    assert schema.get_obj(ObjectClass, "mssanteMailbox").sup == ("inetOrgPerson",)
    assert schema.get_obj(AttributeType, "TypeBAL").single_value


def test_python_ldap_is_refused_a_wrong_password_and_may_go_on(libldap: Any) -> None:
    import ldap

    with pytest.raises(ldap.INVALID_CREDENTIALS):
        libldap.simple_bind_s(ENTRY, "wrong")
    assert libldap.whoami_s() == ""
    assert libldap.compare_s(ENTRY, "sn", b"Dupont") is True


def test_ldap3_checks_names_against_the_schema_and_finds_an_entry(directory: Server) -> None:
    where = ldap3.Server(directory.host, directory.port, get_info=ldap3.ALL)
    with ldap3.Connection(where, auto_bind=True, receive_timeout=10, check_names=True) as client:
        client.search(BASE, f"(mail={DUPONT})", attributes=["cn", "TypeBAL", "IdentifiantPP", "entryUUID"])
        (entry,) = client.entries
    assert entry.TypeBAL.value == "PER"
    assert entry.cn.values == ["Jean DUPONT", "DUPONT Jean"]


def test_ldap3_asks_many_things_at_once_and_each_is_answered(directory: Server) -> None:
    where = ldap3.Server(directory.host, directory.port, get_info=ldap3.NONE)
    client = ldap3.Connection(where, client_strategy=ldap3.ASYNC, auto_bind=True)
    addresses = [person.address for person in PEOPLE[:40]]
    numbers = [client.search(BASE, f"(mail={address})", attributes=["mail"]) for address in addresses]
    answers = [client.get_response(number, timeout=10)[0] for number in numbers]
    client.unbind()
    assert [answer[0]["attributes"]["mail"] for answer in answers] == [[address] for address in addresses]
