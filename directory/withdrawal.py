"""Withdrawals: records that nobody may be shown, whatever the extracts say of them.

An emergency (a threatened professional, an address published by mistake) cannot wait for the source to be corrected,
and tonight's extract still holds the record. A withdrawal stands beside the register, not in it: imports and reverts
leave it alone, and everything that is read from the register passes through `Withdrawn.shown`.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass, replace

from directory.model import Exercise, Holder, Kind, Mailbox, MailboxSummary, Organization, Practitioner, Record


@dataclass(frozen=True, slots=True, kw_only=True)
class Withdrawal:
    """One decision to show a record no longer, by whom and why; and by whom and why it was lifted, if it was."""

    kind: Kind
    key: str
    reason: str
    author: str
    at: dt.datetime
    lifted_at: dt.datetime | None = None
    lifted_by: str | None = None
    lifted_reason: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Withdrawn:
    """What must not be shown now: keys of records, and the `names` by which mailbox rows quote withdrawn structures.

    `mailboxes` holds addresses in lower case: those withdrawn themselves, and those whose every holder is.
    """

    practitioners: frozenset[str] = frozenset()
    organizations: frozenset[str] = frozenset()
    mailboxes: frozenset[str] = frozenset()
    names: frozenset[str] = frozenset()

    def __bool__(self) -> bool:
        return bool(self.practitioners or self.organizations or self.mailboxes)

    def shown(self, record: Record) -> Record | None:
        """The record without what it quotes of withdrawn ones; None when it is withdrawn itself."""
        match record:
            case Practitioner():
                return self._practitioner(record)
            case Organization():
                return self._organization(record)
            case Mailbox():
                return self._mailbox(record)

    def _practitioner(self, record: Practitioner) -> Practitioner | None:
        if record.national_id in self.practitioners:
            return None
        exercises = tuple(map(self._exercise, record.exercises))
        return replace(record, exercises=exercises, mailboxes=self._summaries(record.mailboxes))

    def _exercise(self, exercise: Exercise) -> Exercise:
        activities = tuple(
            replace(activity, organization=None)
            if activity.organization is not None and activity.organization.key in self.organizations
            else activity
            for activity in exercise.activities
        )
        return replace(exercise, activities=activities)

    def _summaries(self, summaries: tuple[MailboxSummary, ...]) -> tuple[MailboxSummary, ...]:
        return tuple(
            replace(summary, organization=None, service=None, organization_key=None)
            if summary.organization in self.names or summary.organization_key in self.organizations
            else summary
            for summary in summaries
            if summary.address.lower() not in self.mailboxes
        )

    def _organization(self, record: Organization) -> Organization | None:
        if record.key in self.organizations:
            return None
        return replace(record, mailboxes=self._summaries(record.mailboxes))

    def _mailbox(self, record: Mailbox) -> Mailbox | None:
        if record.address.lower() in self.mailboxes:
            return None
        return replace(
            record,
            holders=tuple(shown for holder in record.holders if (shown := self._holder(record.kind, holder))),
            places=tuple(place for place in record.places if place.key not in self.organizations),
        )

    def _holder(self, kind: str, holder: Holder) -> Holder | None:
        if self.hides(kind, holder.national_id, holder.organization_key):
            return None
        if holder.organization_key not in self.organizations:
            return holder
        # A person's mailbox stays; that it is held at the withdrawn structure does not.
        return Holder(
            identifier_type=holder.identifier_type,
            identifier=holder.identifier,
            national_id=holder.national_id,
            family_name=holder.family_name,
            given_name=holder.given_name,
            practice_civility=holder.practice_civility,
            profession=holder.profession,
            expertise=holder.expertise,
        )

    def hides(self, kind: str, national_id: str | None, organization_key: str | None) -> bool:
        """Whether a mailbox of a kind is hidden as far as one of its holders goes."""
        return national_id in self.practitioners or (kind != "PER" and organization_key in self.organizations)
