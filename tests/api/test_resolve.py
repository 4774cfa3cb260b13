"""Which mailbox to write to, for many recipients at once."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from starlette.testclient import TestClient

from api.app import create_app
from directory.index.build import build_index
from directory.index.reader import Index
from directory.model import Activity, Address, Coded, Exercise, MailboxSummary, Organization, Practitioner, Record
from directory.settings import Settings
from tests.index.people import PEOPLE
from tests.index.register_of_records import RegisterOfRecords

_RHONE = Coded(code="69", label="Rhône")


def structure(key: str, name: str, city: str, postal_code: str, *mailboxes: MailboxSummary) -> Organization:
    place = Address(city=city, postal_code=postal_code, department=_RHONE)
    return Organization(key=key, name=name, finess=key[1:], address=place, mailboxes=mailboxes)


_HOSPITAL = structure(
    "F699900015",
    "CH DE VALMORIN",
    "LYON",
    "69003",
    MailboxSummary(address="urgences@ch-valmorin.mssante.fr", kind="ORG", service="Urgences", trusted=True),
    MailboxSummary(address="contact@ch-valmorin.mssante.fr", kind="ORG", trusted=True),
)
_CLINIC = structure("F699900016", "CLINIQUE DES TILLEULS", "BRON", "69500")
_BELFORD = structure("F699900017", "CABINET DU PONT", "SAINT-BELFORD", "69501")
_BESIDE = structure("F699900018", "CABINET DU PRE", "LE VIEUX SAINT BELFORD", "69502")
_DISTRICT = structure("F699900019", "CABINET DU PARC", "LYON 3E ARRONDISSEMENT", "69003")


def doctor(
    number: int, family: str, given: str, at: Organization, *mailboxes: MailboxSummary, profession: str = "10"
) -> Practitioner:
    labels = {"10": "Médecin", "40": "Chirurgien-Dentiste"}
    exercise = Exercise(
        profession=Coded(code=profession, label=labels[profession]),
        category=None,
        activities=(Activity(organization=at),),
    )
    identifier = f"1011000{number:04d}"
    return Practitioner(
        national_id="8" + identifier,
        identifier_type="8",
        identifier=identifier,
        family_name=family,
        given_name=given,
        exercises=(exercise,),
        mailboxes=mailboxes,
    )


def own(address: str, organization: str | None = None) -> MailboxSummary:
    return MailboxSummary(address=address, kind="PER", organization=organization, trusted=True)


_PEOPLE: list[Record] = [
    *PEOPLE,
    _HOSPITAL,
    _CLINIC,
    doctor(1, "AUBERTIN", "Zoé", _HOSPITAL, own("zoe.aubertin@medecin.mssante.fr"),
           own("zoe.aubertin@ch-valmorin.mssante.fr", "CH DE VALMORIN")),
    doctor(2, "BERTHIER", "Marc", _HOSPITAL, own("marc.berthier@medecin.mssante.fr")),
    doctor(3, "BERTHIER", "Marc", _CLINIC, MailboxSummary(address="tilleuls@cab.mssante.fr", kind="CAB")),
    doctor(4, "BERTHIER", "Marc-Antoine", _HOSPITAL, own("ma.berthier@medecin.mssante.fr"), profession="40"),
    doctor(5, "COUTURIER", "Anne", _HOSPITAL),
    doctor(6, "MONTAGNIER", "Isabelle", _CLINIC, own("isabelle.montagnier@medecin.mssante.fr")),
    doctor(8, "GRANDVAL", "Odile", _BELFORD, own("odile.grandval@medecin.mssante.fr")),
    doctor(9, "GRANDVAL", "Rémi", _BESIDE, own("remi.grandval@medecin.mssante.fr")),
    doctor(10, "GRANDVAL", "Léa", _DISTRICT, own("lea.grandval@medecin.mssante.fr")),
    doctor(7, "DELATTRE", "Jean-Paul", _CLINIC, own("jp.delattre@medecin.mssante.fr")),
]  # fmt: skip


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("resolve")
    build_index(RegisterOfRecords.of(_PEOPLE), path / "index", map_bytes=2**28, workers=1)
    return path


@pytest.fixture(scope="module")
def index(folder: Path) -> Iterator[Index]:
    opened = Index.open(folder / "index", map_bytes=2**28)
    yield opened
    opened.close()


@pytest.fixture(scope="module")
def client(folder: Path, index: Index) -> Iterator[TestClient]:
    with TestClient(create_app(Settings(data_dir=folder), index), raise_server_exceptions=False) as opened:
        yield opened


def resolved(client: TestClient, **given: str) -> dict[str, Any]:
    answer = client.post("/v1/resolve", json={"recipients": [given]})
    assert answer.status_code == 200, answer.text
    (result,) = answer.json()["results"]
    return dict(result)


def address(result: dict[str, Any]) -> str | None:
    assert result["status"] == "resolved", result
    preferred = result["preferred"]
    return str(preferred["address"]) if preferred else None


@pytest.mark.parametrize("rpps", ["10110000002", "810110000002", "101 100 000 02"])
def test_a_number_resolves_to_the_persons_mailbox(client: TestClient, rpps: str) -> None:
    assert address(resolved(client, rpps=rpps)) == "marc.berthier@medecin.mssante.fr"


def test_an_address_resolves_to_itself_and_names_its_holder(client: TestClient) -> None:
    result = resolved(client, address="Box1@Medecin.MSSante.fr")
    assert address(result) == "box1@medecin.mssante.fr"
    assert result["practitioner"]["family_name"] == "LEFEBVRE"


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({"name": "Isabelle Montagnier"}, "isabelle.montagnier@medecin.mssante.fr"),
        ({"name": "MONTAGNIER isabelle"}, "isabelle.montagnier@medecin.mssante.fr"),
        ({"name": "Dr Montagnier", "place": "Bron"}, "isabelle.montagnier@medecin.mssante.fr"),
        ({"name": "I. Montagnier", "place": "69500"}, "isabelle.montagnier@medecin.mssante.fr"),
        ({"name": "Jean Delattre", "place": "bron"}, "jp.delattre@medecin.mssante.fr"),
        ({"name": "Marc Berthier", "place": "Lyon", "profession": "médecin"}, "marc.berthier@medecin.mssante.fr"),
        ({"name": "Marc Berthier", "structure": "699900016"}, "tilleuls@cab.mssante.fr"),
        ({"name": "Marc Berthier", "structure": "clinique des tilleuls"}, "tilleuls@cab.mssante.fr"),
        ({"name": "Berthier", "place": "Lyon", "profession": "dentiste"}, "ma.berthier@medecin.mssante.fr"),
        ({"name": "Berthier", "place": "Lyon", "profession": "40"}, "ma.berthier@medecin.mssante.fr"),
        ({"name": "Isabelle Montanier", "place": "Bron"}, "isabelle.montagnier@medecin.mssante.fr"),
        ({"name": "Grandval", "place": "St Belford"}, "odile.grandval@medecin.mssante.fr"),
        ({"name": "Grandval", "place": "Vieux Saint-Belford"}, "remi.grandval@medecin.mssante.fr"),
        ({"name": "Grandval", "place": "Lyon"}, "lea.grandval@medecin.mssante.fr"),
    ],
)
def test_a_name_resolves_when_one_person_fits_it_best(client: TestClient, given: dict[str, str], expected: str) -> None:
    assert address(resolved(client, **given)) == expected


def test_who_resolves_without_a_mailbox_of_their_own_is_reached_through_their_structure(client: TestClient) -> None:
    result = resolved(client, name="Anne Couturier", place="Lyon")
    assert address(result) is None
    assert result["why"] == ["name", "place", "no-mailbox"]
    assert [(one["address"], one["why"]) for one in result["alternatives"]] == [
        ("urgences@ch-valmorin.mssante.fr", "service"),
        ("contact@ch-valmorin.mssante.fr", "structure"),
    ]


def test_the_mailbox_at_the_structure_asked_for_comes_first(client: TestClient) -> None:
    assert address(resolved(client, name="Zoé Aubertin")) == "zoe.aubertin@medecin.mssante.fr"
    result = resolved(client, name="Zoé Aubertin", structure="CH de Valmorin")
    assert result["preferred"]["address"] == "zoe.aubertin@ch-valmorin.mssante.fr"
    assert result["preferred"]["why"] == "own-at-structure"
    assert result["alternatives"][0]["address"] == "zoe.aubertin@medecin.mssante.fr"


@pytest.mark.parametrize(
    ("given", "why", "candidates"),
    [
        ({"name": "Marc Berthier"}, ["name"], {"810110000002", "810110000003"}),
        ({"name": "Berthier", "place": "Lyon"}, ["part-of-name", "place"], {"810110000002", "810110000004"}),
        ({"name": "Montagnier"}, ["part-of-name"], {"810110000006"}),
        ({"name": "Isabelle Montagnier", "place": "Lyon"}, ["place-does-not-fit"], {"810110000006"}),
        ({"name": "Isabelle Montagnier", "profession": "dentiste"}, ["profession-does-not-fit"], {"810110000006"}),
        ({"name": "Isabelle Montanier"}, ["like-the-name"], {"810110000006"}),
    ],
)
def test_what_is_not_certain_is_a_choice_of_candidates(
    client: TestClient, given: dict[str, str], why: list[str], candidates: set[str]
) -> None:
    result = resolved(client, **given)
    assert (result["status"], result["why"]) == ("ambiguous", why)
    assert {one["national_id"] for one in result["candidates"]} == candidates


@pytest.mark.parametrize(
    ("given", "why"),
    [
        ({"rpps": "10000000000"}, "unknown-identifier"),
        ({"address": "nobody@medecin.mssante.fr"}, "unknown-address"),
        ({"name": "Xyzzy Qwrtz"}, "nobody-of-this-name"),
        ({"name": "?!"}, "no-name"),
    ],
)
def test_who_is_not_there_is_unresolved_and_why(client: TestClient, given: dict[str, str], why: str) -> None:
    result = resolved(client, **given)
    assert (result["status"], result["why"]) == ("unresolved", [why])


def test_answers_come_in_the_order_of_the_recipients_with_their_ids(client: TestClient) -> None:
    recipients = [{"id": "b", "rpps": "1"}, {"rpps": "10110000002"}, {"id": "a", "name": "Marc Berthier"}]
    body = client.post("/v1/resolve", json={"recipients": recipients}).json()
    assert [result.get("id") for result in body["results"]] == ["b", None, "a"]
    assert body["counts"] == {"resolved": 1, "ambiguous": 1, "unresolved": 1}


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"recipients": []},
        {"recipients": [{"place": "Lyon"}]},
        {"recipients": [{"name": " "}]},
        {"recipients": [{"name": "a", "town": "b"}]},
        {"recipients": [{"name": "x" * 201}]},
        {"recipients": [{"rpps": "1"}] * 1001},
        [],
    ],
)
def test_what_cannot_be_resolved_at_all_is_refused(client: TestClient, body: object) -> None:
    answer = client.post("/v1/resolve", json=body)
    assert (answer.status_code, answer.headers["content-type"]) == (422, "application/problem+json")


def test_many_recipients_ask_for_an_account_in_public(folder: Path, index: Index) -> None:
    settings = Settings(data_dir=folder, profile="public")
    with TestClient(create_app(settings, index)) as client:
        few, many = ({"recipients": [{"rpps": "10110000002"}] * count} for count in (20, 21))
        assert client.post("/v1/resolve", json=few).status_code == 200
        assert client.post("/v1/resolve", json=many).status_code == 401


def test_people_are_told_apart_by_who_bears_the_very_name(client: TestClient) -> None:
    result = resolved(client, name="Sophie Martin")
    assert result["practitioner"]["family_name"] == "MARTIN"
