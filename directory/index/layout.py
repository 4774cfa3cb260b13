"""What an index file holds: its named databases, how keys, postings and documents are encoded, and its versions.

An index is a folder `build-<n>/` with one LMDB environment, and a link `current` to the one being served: a rebuild is
made beside and swapped in by renaming the link. Ids are dense 32-bit numbers, handed out at a full build in the
documents' static order; a changed document gets a new id at the end and is listed in `late`, so that "the first
hundred in order" is: the first hundred of the rest in id order, merged by order key with the few late ones.

| Database    | Key                                | Value                                                        |
|-------------|------------------------------------|--------------------------------------------------------------|
| `meta`      | name                               | see `META_*`                                                 |
| `documents` | id                                 | a document body (`encode_document`)                          |
| `ids`       | kind number, record key            | id                                                           |
| `orders`    | id                                 | the document's static order key                              |
| `kinds`     | kind number                        | posting: all documents of the kind                           |
| `present`   | field number                       | posting: documents in which the field has a value            |
| `terms`     | field number, folded value         | posting                                                      |
| `grams`     | field number, 1 to 3 folded letters | posting: mailboxes with a value that contains the gram      |
| `words`     | word class, word                   | posting: documents with that word                            |
| `sounds`    | word class, phonetic key           | the words that sound so, separated by spaces                 |
"""

from __future__ import annotations

import hashlib
import struct
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from pyroaring import BitMap

from directory.model import Kind
from directory.query import Field

LAYOUT_VERSION: Final = 2  # also raised when documents get other contents or another order

DATABASES: Final = ("meta", "documents", "ids", "orders", "kinds", "present", "terms", "grams", "words", "sounds")

META_VERSIONS: Final = b"versions"  # "<LAYOUT_VERSION>.<FOLD_VERSION>"
META_STATE: Final = b"state"  # JSON of RegisterState
META_NEXT_ID: Final = b"next_id"  # u32
META_LATE: Final = b"late"  # posting: ids handed out after the build, out of order

KIND_NUMBER: Final[Mapping[Kind, int]] = {Kind.MAILBOX: 1, Kind.PRACTITIONER: 2, Kind.ORGANIZATION: 3}
KIND_OF: Final[Mapping[int, Kind]] = {number: kind for kind, number in KIND_NUMBER.items()}

FIELDS: Final[tuple[Field, ...]] = tuple(Field)
FIELD_NUMBER: Final[Mapping[Field, int]] = {field: number for number, field in enumerate(FIELDS)}

GRAM_FIELDS: Final[frozenset[Field]] = frozenset(
    {
        Field.MAIL,
        Field.CN,
        Field.DISPLAY_NAME,
        Field.SN,
        Field.GIVEN_NAME,
        Field.TITLE,
        Field.SPECIALTY,
        Field.ORGANIZATION,
        Field.SERVICE,
        Field.DESCRIPTION,
        Field.CITY,
    }
)
"""Fields that people search by infix: in mailboxes, which mail clients ask for so, they have grams; on other fields and
in other kinds of document `Like` scans the field's terms."""

WORD_CLASSES: Final[Mapping[str, int]] = {
    "name": 1,  # family and given names
    "structure": 2,  # structure and service names
    "place": 3,  # town, département, postal code
    "profession": 4,  # profession and specialty labels
    "identifier": 5,  # the parts of addresses; identifiers and addresses themselves are terms of their fields
}

_ID: Final = struct.Struct(">I")
_MAX_KEY: Final = 500  # LMDB allows 511 bytes; longer values are cut and told apart by a digest
_CUT: Final = _MAX_KEY - 17  # bytes of a cut key between its first byte and the digest


def id_key(document_id: int) -> bytes:
    return _ID.pack(document_id)


def id_of(key: bytes | memoryview) -> int:
    number: int = _ID.unpack(key)[0]
    return number


def record_key(kind: Kind, key: str) -> bytes:
    return bounded(bytes([KIND_NUMBER[kind]]) + key.encode())


def term_key(field: Field, value: str) -> bytes:
    """The key in `terms` (whole folded value) or `grams` (1 to 3 letters) of a field."""
    return bounded(bytes([FIELD_NUMBER[field]]) + value.encode())


def beginning_key(field: Field, prefix: str) -> bytes:
    """What the keys in `terms` of all values that begin with `prefix` begin with; for a very long prefix, and for
    values cut by `bounded`, other values' keys may begin so too."""
    return bytes([FIELD_NUMBER[field]]) + prefix.encode()[:_CUT]


def is_cut(key: bytes) -> bool:
    """Whether a key may be that of a longer value, of which it tells the beginning only."""
    return len(key) == _MAX_KEY


def word_key(word_class: str, word: str) -> bytes:
    return bounded(bytes([WORD_CLASSES[word_class]]) + word.encode())


def bounded(key: bytes) -> bytes:
    """A key LMDB accepts, still unique for long values."""
    if len(key) <= _MAX_KEY:
        return key
    return key[: _CUT + 1] + hashlib.blake2b(key, digest_size=16).digest()


def encode_posting(ids: BitMap) -> bytes:
    """A set of ids: a lone one as its four bytes, others as a serialized Roaring bitmap (always longer)."""
    return id_key(ids[0]) if len(ids) == 1 else ids.serialize()


def decode_posting(value: bytes | memoryview | None) -> BitMap:
    if value is None:
        return BitMap()
    if len(value) == 4:
        return BitMap([id_of(value)])
    return BitMap.deserialize(bytes(value))


@dataclass(frozen=True, slots=True, kw_only=True)
class Document:
    """A prepared answer.

    `attributes` are the LDAP attributes in the order they are sent: name as the schema spells it, and the encoded
    PartialAttribute (RFC 4511 section 4.1.7, `SEQUENCE { type, SET OF value }`); empty for non-mailboxes.
    `values` are the folded values per field, on which filters are verified. `json` is the REST answer of the record.
    """

    kind: Kind
    key: str
    attributes: tuple[tuple[str, bytes], ...]
    values: Mapping[Field, Sequence[str]]
    json: bytes


_HEADER: Final = struct.Struct(">BHHIII")  # kind, key bytes, attribute count, attribute table+data, values, json bytes
_SLICE: Final = struct.Struct(">BI")  # attribute name length, encoded length


def encode_document(document: Document) -> bytes:
    key = document.key.encode()
    names = b"".join(_SLICE.pack(len(name), len(encoded)) + name.encode() for name, encoded in document.attributes)
    attributes = names + b"".join(encoded for _, encoded in document.attributes)
    values = _encode_values(document.values)
    header = _HEADER.pack(
        KIND_NUMBER[document.kind], len(key), len(document.attributes), len(attributes), len(values), len(document.json)
    )
    return b"".join((header, key, attributes, values, document.json))


def _encode_values(values: Mapping[Field, Sequence[str]]) -> bytes:
    parts: list[bytes] = []
    for field, texts in values.items():
        number = FIELD_NUMBER[field] << 24
        for text in texts:
            encoded = text.encode()
            parts += ((number | len(encoded)).to_bytes(4, "big"), encoded)
    return b"".join(parts)


class StoredDocument:
    """A document read in place: each part is sliced out of the memory map only when asked for.

    Valid while its read transaction is open; parts that are returned as bytes are copies.
    """

    __slots__ = ("_attribute_bytes", "_attribute_count", "_body", "_json_bytes", "_key_bytes", "_value_bytes", "kind")

    def __init__(self, body: bytes | memoryview) -> None:
        self._body = body
        kind, self._key_bytes, self._attribute_count, self._attribute_bytes, self._value_bytes, self._json_bytes = (
            _HEADER.unpack_from(body)
        )
        self.kind = KIND_OF[kind]

    @property
    def key(self) -> str:
        return bytes(self._body[_HEADER.size : _HEADER.size + self._key_bytes]).decode()

    @property
    def json(self) -> bytes:
        start = _HEADER.size + self._key_bytes + self._attribute_bytes + self._value_bytes
        return bytes(self._body[start : start + self._json_bytes])

    def attributes(self) -> list[tuple[str, bytes]]:
        """The LDAP attributes in order: (name, encoded PartialAttribute)."""
        table = _HEADER.size + self._key_bytes
        found: list[tuple[str, int]] = []
        for _ in range(self._attribute_count):
            name_bytes, encoded_bytes = _SLICE.unpack_from(self._body, table)
            table += _SLICE.size
            found.append((bytes(self._body[table : table + name_bytes]).decode(), encoded_bytes))
            table += name_bytes
        sliced: list[tuple[str, bytes]] = []
        for name, encoded_bytes in found:
            sliced.append((name, bytes(self._body[table : table + encoded_bytes])))
            table += encoded_bytes
        return sliced

    def attribute_data(self) -> bytes:
        """All encoded attributes, one after the other: what "all user attributes" sends."""
        table = _HEADER.size + self._key_bytes
        end = table + self._attribute_bytes
        for _ in range(self._attribute_count):
            table += _SLICE.size + _SLICE.unpack_from(self._body, table)[0]
        return bytes(self._body[table:end])

    def values(self, wanted: Iterable[Field] | None = None) -> dict[Field, list[str]]:
        """The folded values of the wanted fields (all of them when None)."""
        numbers = None if wanted is None else {FIELD_NUMBER[field] for field in wanted}
        found: dict[Field, list[str]] = {}
        body, at = self._body, _HEADER.size + self._key_bytes + self._attribute_bytes
        end = at + self._value_bytes
        while at < end:
            number, size = body[at], int.from_bytes(body[at + 1 : at + 4], "big")
            at += 4
            if numbers is None or number in numbers:
                found.setdefault(FIELDS[number], []).append(bytes(body[at : at + size]).decode())
            at += size
        return found
