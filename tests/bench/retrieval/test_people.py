"""The truth is read from the official files, and from nothing else."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

import bench.retrieval
from bench.retrieval.people import People, read_people, towns_of

PACKAGE = Path(bench.retrieval.__file__).parent
ALLOWED_TO_KNOW_THE_DIRECTORY = {"engines.py"}


def imported(module: Path) -> set[str]:
    found: set[str] = set()
    for node in ast.walk(ast.parse(module.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            found.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{module.name}: relative imports hide where they lead"
            found.add(node.module or "")
    return found


@pytest.mark.parametrize("module", sorted(PACKAGE.glob("*.py")), ids=lambda path: path.name)
def test_only_the_engines_know_what_is_measured(module: Path) -> None:
    ours = {"directory", "importers", "api", "ldap_server", "cli"}
    known = {name for name in imported(module) if name.partition(".")[0] in ours}

    assert module.name in ALLOWED_TO_KNOW_THE_DIRECTORY or not known


@pytest.mark.parametrize("module", ["people.py", "letters.py", "typos.py", "everyday.py", "corrupt.py", "judge.py"])
def test_truth_queries_and_judge_stand_on_the_standard_library_alone(module: str) -> None:
    others = {name for name in imported(PACKAGE / module) if name.startswith("bench")}

    assert others <= {f"bench.retrieval.{name}" for name in ("everyday", "judge", "letters", "people", "typos")} | {
        "bench.retrieval"
    }


def test_everybody_of_the_extract_is_there_with_trade_and_mostly_a_town(people: People) -> None:
    assert len(people.everybody) > 1900
    assert all(person.family and person.labels for person in people.everybody)
    assert sum(bool(person.towns) for person in people.everybody) > 1000
    assert any(person.reached_at for person in people.everybody)


def test_broken_lines_are_no_lines_of_the_register(tmp_path: Path, people: People) -> None:
    header = (
        "Identification nationale PP|Nom d'exercice|Prénom d'exercice|Code profession|Libellé profession"
        "|Code savoir-faire|Libellé savoir-faire|Bureau cedex (coord. structure)|Code postal (coord. structure)"
        "|Libellé commune (coord. structure)"
    )
    lines = [
        header.encode(),
        b"81|DUPONT|MARIE|60|Infirmier|||69399 LYON CEDEX 03|69399|",
        b"81|DUPONT|MARIE|60|Infirmier||||75020|Paris 20e Arrondissement|appended",
        b"82|COURT|ANNE",
        "83|L\xe9on|LUC|60|Infirmier|||||".encode("latin-1"),
        b"|PERSONNE|JEAN|60|Infirmier|||||",
    ]
    (tmp_path / "PS_LibreAcces_Personne_activite_1.txt").write_bytes(b"\r\n".join(lines) + b"\r\n")
    mailboxes = "Identification nationale PP|L6LIGNEACHEMINEMENT structure BAL|Code postal structure BAL\n81|71400 AUTUN|71400\n99|59000 LILLE|59000\n"
    (tmp_path / "Extraction_Correspondance_MSSante_1.txt").write_text("\ufeff" + mailboxes, "utf-8")

    [person] = read_people(tmp_path).everybody

    assert person.towns == ["lyon", "paris", "paris 20"]
    assert person.postal_codes == ["69399", "75020"]
    assert person.reached_at == ["autun", "71400"]
    assert person.trades == ["60"]


@pytest.mark.parametrize(
    ("line", "towns"),
    [
        ("Fort-de-France", ("fort de france",)),
        ("69007 LYON 7E ARRONDISSEMENT", ("lyon", "lyon 7")),
        ("13001 MARSEILLE 1ER ARRONDISSEMENT", ("marseille", "marseille 1")),
        ("69399 LYON CEDEX 03", ("lyon",)),
        ("84310 MORIÈRES-LÈS-AVIGNON", ("morieres les avignon",)),
        ("", ()),
    ],
)
def test_towns_are_read_as_people_say_them(line: str, towns: tuple[str, ...]) -> None:
    assert towns_of(line) == towns
