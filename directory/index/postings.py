"""What a document contributes to the sets of the index: one place, used alike by building, following and verifying."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence

from directory.index import layout
from directory.index.documents import Prepared, gram_values
from directory.index.layout import FIELD_NUMBER, GRAM_FIELDS, KIND_NUMBER
from directory.model import Kind
from directory.query import Field

PostingKey = tuple[str, bytes]  # database, key


def plain_keys(prepared: Prepared) -> Iterator[PostingKey]:
    """Every posting a document is in, grams apart."""
    document = prepared.document
    yield "kinds", bytes([KIND_NUMBER[document.kind]])
    for field, values in document.values.items():
        yield "present", bytes([FIELD_NUMBER[field]])
        for value in values:
            yield "terms", layout.term_key(field, value)
    for word_class, words in prepared.words.items():
        for word in words:
            yield "words", layout.word_key(word_class, word)


def gram_keys(field: Field, values: Iterable[str]) -> Iterator[PostingKey]:
    """The gram postings of a field's values."""
    prefix = bytes([FIELD_NUMBER[field]])
    for gram in gram_values(values):
        yield "grams", prefix + gram.encode()


def all_keys(prepared: Prepared) -> set[PostingKey]:
    keys = set(plain_keys(prepared))
    if prepared.document.kind is Kind.MAILBOX:
        for field, values in prepared.document.values.items():
            if field in GRAM_FIELDS:
                keys.update(gram_keys(field, values))
    return keys


def stored_keys(
    kind: Kind, values: Mapping[Field, Sequence[str]], words: Mapping[str, frozenset[str]]
) -> set[PostingKey]:
    """The same, for a document that is already stored."""
    document = layout.Document(kind=kind, key="", attributes=(), values=values, json=b"")
    return all_keys(Prepared(document=document, order=b"", words=words))
