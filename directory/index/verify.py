"""Compares an index with the register it should mirror, record by record, and names every difference."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from directory.index import layout
from directory.index.documents import prepare
from directory.index.postings import all_keys
from directory.index.reader import Index
from directory.model import Kind
from directory.source import Register


@dataclass(frozen=True, slots=True)
class Difference:
    kind: str
    key: str
    what: str

    def __str__(self) -> str:
        return f"{self.kind} {self.key}: {self.what}"


def verify(register: Register, path: Path, *, map_bytes: int) -> list[Difference]:
    """Every difference between index and register; empty when the index is right.

    Checked: the revision, that each record has its document with the very bytes it would get today, that each document
    is in all of its postings, and that no document is left of records that are gone.
    """
    differences: list[Difference] = []
    index = Index.open(path, map_bytes=map_bytes)
    with register.open() as source, index.read() as snapshot:
        if (snapshot.state.epoch, snapshot.state.revision) != (source.state.epoch, source.state.revision):
            what = f"index at {snapshot.state.revision}, register at {source.state.revision}"
            differences.append(Difference("revision", str(snapshot.state.revision), what))
        for kind in Kind:
            seen = 0
            for record in source.read_range(kind, "", None):
                prepared = prepare(record)
                key = prepared.document.key
                seen += 1
                found = snapshot.value("ids", layout.record_key(kind, key))
                if found is None:
                    differences.append(Difference(kind, key, "not in the index"))
                    continue
                number = layout.id_of(found)
                if snapshot.value("documents", found) != layout.encode_document(prepared.document):
                    differences.append(Difference(kind, key, "another document in the index"))
                elif snapshot.order(number) != prepared.order:
                    differences.append(Difference(kind, key, "another place in the static order"))
                differences += [
                    Difference(kind, key, f"missing in {database} {posting!r}")
                    for database, posting in sorted(all_keys(prepared))
                    if number not in snapshot.posting(database, posting)
                ]
            held = snapshot.counts()[kind]
            if held != seen:
                differences.append(
                    Difference(kind, "", f"{held} documents in the index, {seen} records in the register")
                )
    return differences
