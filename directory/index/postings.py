"""What a document contributes to the sets of the index: one place, used by following; a build and a
verification make the same in bulk (tests compare)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from directory.index import layout
from directory.index.layout import FIELD_NUMBER, GRAM_FIELDS, KIND_NUMBER
from directory.index.values import WORD_CLASS, split, words_of
from directory.model import Kind
from directory.query import Field

PostingKey = tuple[str, bytes]  # database, key
POSTINGS = ("kinds", "present", "terms", "grams", "words", "beginnings")


def all_keys(kind: Kind, values: Mapping[Field, Sequence[str]]) -> set[PostingKey]:
    """Every posting that a document with these folded values is in."""
    keys: set[PostingKey] = {("kinds", bytes([KIND_NUMBER[kind]]))}
    for field, texts in values.items():
        keys.add(("present", bytes([FIELD_NUMBER[field]])))
        keys.update(("terms", layout.term_key(field, value)) for value in texts)
        if field is Field.SN:
            keys.update(("beginnings", key) for value in texts for key in beginning_keys(layout.SURNAME, value))
        if field is Field.GIVEN_NAME:
            given = {word for value in texts for word in split(value)}
            keys.update(("beginnings", key) for word in given for key in beginning_keys(layout.GIVEN, word))
        if kind is Kind.MAILBOX and field in GRAM_FIELDS:
            for value in texts:
                keys.update(("grams", key) for key in gram_keys(field, value))
    for word_class, words in words_of(kind, values).items():
        for word in words:
            keys.add(("words", layout.word_key(word_class, word)))
            keys.update(("beginnings", key) for key in beginning_keys(word_class, word))
    return keys


def changed_keys(
    kind: Kind, before: Mapping[Field, Sequence[str]], after: Mapping[Field, Sequence[str]]
) -> tuple[set[PostingKey], set[PostingKey]]:
    """The postings that a document leaves, and those that it enters, when these become its folded values.

    Only the fields that change are looked at, and those whose words go into the same sets: a structure with thousands
    of addresses has ten thousand keys, of which one service more changes a few.
    """
    changed = {field for field in {*before, *after} if [*before.get(field, ())] != [*after.get(field, ())]}
    if Field.MAILBOX_TYPE not in changed:  # by that it is told what a mailbox's words are
        classes = frozenset[str]().union(*map(_classes, changed))
        looked_at = {Field.MAILBOX_TYPE, *changed, *(field for field in WORD_CLASS if classes & _classes(field))}
        before = {field: texts for field, texts in before.items() if field in looked_at}
        after = {field: texts for field, texts in after.items() if field in looked_at}
    held, wanted = all_keys(kind, before), all_keys(kind, after)
    return held - wanted, wanted - held


def _classes(field: Field) -> frozenset[str]:
    """The word classes that a field's words may go into: those of a structure's label are names as well."""
    if field is Field.ORGANIZATION:
        return frozenset(("name", WORD_CLASS[field]))
    return frozenset((WORD_CLASS[field],) if field in WORD_CLASS else ())


def gram_keys(field: Field, value: str) -> Iterator[bytes]:
    """The infixes of 1 to 3 letters of a folded value, and its beginnings of 1 to 5."""
    for size in range(1, layout.LONGEST_GRAM + 1):
        for at in range(len(value) - size + 1):
            yield layout.gram_key(field, value[at : at + size])
    for size in range(1, min(len(value), layout.LONGEST_ANCHORED) + 1):
        yield layout.anchored_key(field, value[:size])


def beginning_keys(word_class: str, word: str) -> Iterator[bytes]:
    """The beginnings of a word, or of a family name, that have postings."""
    for size in range(1, min(len(word), layout.LONGEST_BEGINNING[word_class]) + 1):
        yield layout.beginning_key(word_class, word[:size])
