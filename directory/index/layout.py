"""What an index file holds: its named databases, how keys, postings and documents are encoded, and its versions.

An index is a folder `build-<n>/` with one LMDB environment, and a link `current` to the one being served: a rebuild is
made beside and swapped in by renaming the link. Ids are dense 32-bit numbers, handed out at a full build in the
documents' static order (mailboxes first: they are reachable). A document keeps its id for as long as it stands where it
stood in that order; a new one, or one that has moved, gets a new id at the end and is listed in `late`, so that "the
first hundred in order" is: the first hundred of the rest in id order, merged by order key with the few late ones.

| Database     | Key                                | Value                                                       |
|--------------|------------------------------------|-------------------------------------------------------------|
| `meta`       | name                               | see `META_*`                                                |
| `entries`    | id of a mailbox                    | its LDAP entry, ready to frame (`encode_entry`)             |
| `values`     | id                                 | what a document is found by, folded (`encode_values`)       |
| `documents`  | id                                 | the REST answer of the record (`compression`)               |
| `ids`        | kind number, record key            | id                                                          |
| `kinds`      | kind number                        | posting: all documents of the kind                          |
| `present`    | field number                       | posting: documents in which the field has a value           |
| `terms`      | field number, folded value         | posting                                                     |
| `grams`      | field number, 1 to 3 letters       | posting: mailboxes with a value that contains them          |
| `grams`      | field number, 0x02, 1 to 5 letters | posting: mailboxes with a value that begins so              |
| `words`      | word class, word                   | posting: documents with that word                           |
| `beginnings` | word class, 1 to 5 letters         | posting: documents with a word that begins so               |
| `beginnings` | surnames, 1 to 5 letters           | posting: documents with a family name that begins so        |
| `beginnings` | given names, 1 or 2 letters        | posting: documents with a word of a given name that does    |
| `lexicon`    | see `lexicon`                      | the distinct words found under it, separated by spaces      |
| `ended`      | see `ended`                        | the activities that have ended lately                       |
"""

from __future__ import annotations

import hashlib
import struct
from collections.abc import Iterable, Mapping, Sequence
from typing import Final

from pyroaring import BitMap

from directory.model import Kind
from directory.query import Field

LAYOUT_VERSION: Final = 7  # also raised when documents get other contents or another order

DATABASES: Final = (
    "meta",
    "entries",
    "values",
    "documents",
    "ids",
    "kinds",
    "present",
    "terms",
    "grams",
    "words",
    "beginnings",
    "lexicon",
    "ended",
)

META_VERSIONS: Final = b"versions"  # "<LAYOUT_VERSION>.<FOLD_VERSION>"
META_STATE: Final = b"state"  # JSON of RegisterState
META_LEFT: Final = b"left"  # JSON: kind, key and moment of the records that have left lately
META_NEXT_ID: Final = b"next_id"  # u32
META_BUILT_PAGES: Final = b"built_pages"  # what the build took, in digits
META_LATE: Final = b"late"  # posting: ids handed out after the build, out of order

KIND_NUMBER: Final[Mapping[Kind, int]] = {Kind.MAILBOX: 1, Kind.PRACTITIONER: 2, Kind.ORGANIZATION: 3}
KIND_OF: Final[Mapping[int, Kind]] = {number: kind for kind, number in KIND_NUMBER.items()}

FIELDS: Final[tuple[Field, ...]] = tuple(Field)
FIELD_NUMBER: Final[Mapping[Field, int]] = {field: number for number, field in enumerate(FIELDS)}

GRAM_FIELDS: Final[frozenset[Field]] = frozenset(
    {
        Field.MAIL,
        Field.CN,
        Field.SN,
        Field.GIVEN_NAME,
        Field.ORGANIZATION,
        Field.SERVICE,
        Field.DESCRIPTION,
        Field.CITY,
    }
)
"""Fields that people search by infix: in mailboxes, which mail clients ask for so, they have grams. A `displayName` is
always among the entry's `cn`, so that the grams of `cn` serve for both. On other fields and in other kinds of document
`Like` scans the field's terms."""
LONGEST_GRAM: Final = 3
LONGEST_ANCHORED: Final = 5  # letters of a beginning that has a posting of its own
_ANCHOR: Final = b"\x02"  # no folded value contains it

WORD_CLASSES: Final[Mapping[str, int]] = {
    "name": 1,  # family and given names
    "structure": 2,  # structure and service names
    "place": 3,  # town, département, postal code
    "profession": 4,  # profession and specialty labels
    "identifier": 5,  # the parts of addresses; identifiers and addresses themselves are terms of their fields
}
SURNAME: Final = "surname"
"""Whole family names: their beginnings are kept beside those of the words of each class."""
GIVEN: Final = "given"
"""The words of given names, as SURNAME: people abbreviate them."""
_BEGINNING_CLASSES: Final[Mapping[str, int]] = {**WORD_CLASSES, SURNAME: 6, GIVEN: 7}
LONGEST_BEGINNING: Final[Mapping[str, int]] = {**dict.fromkeys(WORD_CLASSES, 3), "name": 5, SURNAME: 5, GIVEN: 2}
"""Letters of a beginning that has a posting of its own: names are searched for while they are being typed."""

_ID: Final = struct.Struct(">I")
_MAX_KEY: Final = 500  # LMDB allows 511 bytes; longer values are cut and told apart by a digest
_CUT: Final = _MAX_KEY - 17  # bytes of a cut key between its first byte and the digest
LONGEST_TEXT: Final = _MAX_KEY - 1  # bytes of a value, word or record key that is never cut

# -- keys --------------------------------------------------------------------------------------------------------------


def id_key(document_id: int) -> bytes:
    return _ID.pack(document_id)


def id_of(key: bytes | memoryview) -> int:
    number: int = _ID.unpack(key)[0]
    return number


def record_key(kind: Kind, key: str) -> bytes:
    return bounded(bytes([KIND_NUMBER[kind]]) + key.encode())


def term_key(field: Field, value: str) -> bytes:
    """The key of a whole folded value."""
    return bounded(bytes([FIELD_NUMBER[field]]) + value.encode())


def value_beginning(field: Field, prefix: str) -> bytes:
    """What the keys in `terms` of all values that begin with `prefix` begin with; for a very long prefix, and for
    values cut by `bounded`, other values' keys may begin so too."""
    return bytes([FIELD_NUMBER[field]]) + prefix.encode()[:_CUT]


def gram_key(field: Field, infix: str) -> bytes:
    """The key of the mailboxes with a value that contains 1 to 3 letters."""
    return bytes([FIELD_NUMBER[field]]) + infix.encode()


def anchored_key(field: Field, prefix: str) -> bytes:
    """The key of the mailboxes with a value that begins with 1 to 5 letters."""
    return bytes([FIELD_NUMBER[field]]) + _ANCHOR + prefix.encode()


def word_key(word_class: str, word: str) -> bytes:
    return bounded(bytes([WORD_CLASSES[word_class]]) + word.encode())


def beginning_key(word_class: str, letters: str) -> bytes:
    """The key of the documents with a word, or a family name, that begins with a few letters (`LONGEST_BEGINNING`)."""
    return bytes([_BEGINNING_CLASSES[word_class]]) + letters.encode()


def is_cut(key: bytes) -> bool:
    """Whether a key may be that of a longer value, of which it tells the beginning only."""
    return len(key) == _MAX_KEY


def bounded(key: bytes) -> bytes:
    """A key LMDB accepts, still unique for long values."""
    if len(key) <= _MAX_KEY:
        return key
    return key[: _CUT + 1] + hashlib.blake2b(key, digest_size=16).digest()


# -- postings ----------------------------------------------------------------------------------------------------------

_WORTH_RUNS: Final = 4096  # ids from which on runs are looked for: large sets are mostly whole ranges


def encode_posting(ids: BitMap) -> bytes:
    """A set of ids: a lone one as its four bytes, others as a serialized Roaring bitmap (always longer)."""
    if len(ids) == 1:
        return id_key(ids[0])
    if len(ids) > _WORTH_RUNS:
        ids.run_optimize()
    serialized: bytes = ids.serialize()
    return serialized


def decode_posting(value: bytes | memoryview | None) -> BitMap:
    if value is None:
        return BitMap()
    if len(value) == 4:
        return BitMap([id_of(value)])
    return BitMap.deserialize(bytes(value))


# -- values ------------------------------------------------------------------------------------------------------------

PART: Final = "\x1e"  # between the parts of a values record; folded values hold no control character
VALUE: Final = "\x1f"  # between the values of a field
VALUES_AT: Final = 2  # the part of the first field: rank and kind number stand before
KEY_AT: Final = VALUES_AT + len(FIELDS)  # the record's key is the last part: it is as received, whatever it holds
_NO_VALUES: Final = [""] * len(FIELDS)


def encode_values(rank: str, kind: Kind, key: str, values: Mapping[Field, Sequence[str]]) -> bytes:
    """What a document is found by and ordered by: its rank and kind, the folded values of each field, its key."""
    parts = _NO_VALUES.copy()
    for field, texts in values.items():
        parts[FIELD_NUMBER[field]] = texts[0] if len(texts) == 1 else VALUE.join(texts)
    return PART.join((rank, str(KIND_NUMBER[kind]), *parts, key)).encode()


def values_parts(record: bytes) -> list[str]:
    """The parts of a values record: rank, kind number, one part per field from `VALUES_AT` on, key."""
    return record.decode().split(PART, KEY_AT)


def decode_values(record: bytes, wanted: Iterable[Field] | None = None) -> dict[Field, list[str]]:
    """The folded values of the wanted fields that have any (of all of them when None)."""
    parts = values_parts(record)
    found: dict[Field, list[str]] = {}
    for field in FIELDS if wanted is None else wanted:
        part = parts[VALUES_AT + FIELD_NUMBER[field]]
        if part:
            found[field] = part.split(VALUE)
    return found


_ORDER_CUT: Final = 64  # letters of a name that count in the static order; the record's key decides at last


def order_key(rank: str, family: str, given: str, kind: Kind, key: str) -> bytes:
    """The place of a document in the static order: by rank (who can be reached comes first, then persons before
    structures), then by folded name; the record's key breaks ties, so that every node has the same order."""
    names = f"{family[:_ORDER_CUT]}\x00{given[:_ORDER_CUT]}"
    return f"{rank}\x00{names}\x00{KIND_NUMBER[kind]}\x00{key}".encode()


def static_order(record: bytes) -> bytes:
    """The order key of a stored document, by its values record."""
    parts = values_parts(record)
    family = parts[_FAMILY_AT] or parts[_STRUCTURE_AT]
    first, given = (name.partition(VALUE)[0] for name in (family, parts[_GIVEN_AT]))
    return order_key(parts[0], first, given, KIND_OF[int(parts[1])], parts[KEY_AT])


_FAMILY_AT: Final = VALUES_AT + FIELD_NUMBER[Field.SN]
_GIVEN_AT: Final = VALUES_AT + FIELD_NUMBER[Field.GIVEN_NAME]
_STRUCTURE_AT: Final = VALUES_AT + FIELD_NUMBER[Field.ORGANIZATION]

# -- entries -----------------------------------------------------------------------------------------------------------

# What mail clients ask for together stands together, so that it is one slice; operational attributes stand last.
ENTRY_ATTRIBUTES: Final[tuple[Field, ...]] = (
    Field.MAIL,
    Field.CN,
    Field.SN,
    Field.GIVEN_NAME,
    Field.ORGANIZATION,
    Field.CITY,
    Field.DISPLAY_NAME,
    Field.TITLE,
    Field.MAILBOX_TYPE,
    Field.IDENTIFIER,
    Field.IDENTIFIER_TYPE,
    Field.PROFESSION,
    Field.EXPERTISE,
    Field.SPECIALTY,
    Field.SERVICE,
    Field.ORGANIZATION_IDENTIFIER,
    Field.ORGANIZATION_IDENTIFIER_TYPE,
    Field.DESCRIPTION,
    Field.STREET,
    Field.POSTAL_CODE,
    Field.DEPARTMENT,
    Field.TELEPHONE,
    Field.PAPERLESS,
    Field.NATIONAL_ID,
    Field.OBJECT_CLASS,
    Field.ENTRY_UUID,
    Field.CREATED,
    Field.MODIFIED,
)
USER_ATTRIBUTES: Final = ENTRY_ATTRIBUTES.index(Field.ENTRY_UUID)
"""How many of them are user attributes: they come first."""

ENTRY: Final = struct.Struct(f"<{len(ENTRY_ATTRIBUTES) + 1}I")
"""The beginning of an entry: where each attribute begins, and where the last one ends, from the entry's start."""


def encode_entry(rdn: bytes, attributes: Sequence[bytes]) -> bytes:
    """An entry: the offsets (`ENTRY`), its relative name, then the encoded attributes in the order of
    `ENTRY_ATTRIBUTES`, those that are absent empty: any run of them is one slice."""
    at = ENTRY.size + len(rdn)
    offsets = [at]
    for attribute in attributes:
        at += len(attribute)
        offsets.append(at)
    return b"".join((ENTRY.pack(*offsets), rdn, *attributes))
