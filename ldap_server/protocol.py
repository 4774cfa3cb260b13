"""One client connection on Twisted: bounded reading, operations one after the other, answers in order.

Searches take the short path of `ber`, `messages` and `searching`; everything else goes through ldaptor's codec.
"""

from __future__ import annotations

import logging
import time
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any, Final

from ldaptor.protocols import pureber, pureldap
from twisted.internet.protocol import Factory, Protocol, connectionDone
from twisted.python.failure import Failure

from directory.errors import DirectoryError, QueryTooComplex
from directory.index.reader import Index
from directory.logs import pairs, reference
from directory.query import Has, Predicate, Undefined
from directory.settings import Settings
from ldap_server import dit, messages
from ldap_server.access import AccessLog
from ldap_server.ber import Framer, Malformed, TooLarge
from ldap_server.filters import FilterDecoder, assertion_text, equality
from ldap_server.loads import Loads
from ldap_server.messages import Envelope
from ldap_server.outlet import Outlet
from ldap_server.schema import attribute_type
from ldap_server.searching import Answer, Searcher, result_code, unknown_critical

log = logging.getLogger("annuaire.ldap")

_RESPONSE_OF: Final = {
    messages.BIND_REQUEST: 0x61,
    messages.SEARCH_REQUEST: messages.SEARCH_DONE,
    messages.MODIFY_REQUEST: 0x67,
    messages.ADD_REQUEST: 0x69,
    messages.DELETE_REQUEST: 0x6B,
    messages.MODIFY_DN_REQUEST: 0x6D,
    messages.COMPARE_REQUEST: 0x6F,
    messages.EXTENDED_REQUEST: messages.EXTENDED_RESPONSE,
}
_WRITES: Final = frozenset(
    {messages.MODIFY_REQUEST, messages.ADD_REQUEST, messages.DELETE_REQUEST, messages.MODIFY_DN_REQUEST}
)
_SWEEP_S: Final = 1.0  # how often the limits on time are looked at

Trace = Callable[[str, str, int, int], None]
"""Told of every operation: client address, operation, result code, number of entries."""


def no_trace(_address: str, _operation: str, _code: int, _entries: int) -> None:
    pass


@dataclass(slots=True)
class Service:
    """What all connections of a process share."""

    settings: Settings
    index: Index
    reactor: Any
    loads: Loads | None = None
    trace: Trace = no_trace
    searcher: Searcher = field(init=False)
    access: AccessLog = field(default_factory=AccessLog)
    connections: set[Connection] = field(default_factory=set)
    per_address: dict[str, int] = field(default_factory=dict)
    stopping: bool = False

    def __post_init__(self) -> None:
        self.searcher = Searcher(self.settings, self.index)

    def enter(self, connection: Connection, address: str) -> int:
        """A connection has begun: how many there are now from its address."""
        self.connections.add(connection)
        count = self.per_address[address] = self.per_address.get(address, 0) + 1
        self._note_load()
        return count

    def leave(self, connection: Connection, address: str) -> None:
        """A connection has ended."""
        self.connections.discard(connection)
        left = self.per_address.get(address, 1) - 1
        if left > 0:
            self.per_address[address] = left
        else:
            self.per_address.pop(address, None)
        self._note_load()

    def _note_load(self) -> None:
        if self.loads is not None:
            self.loads.note(len(self.connections))

    def sweep(self) -> None:
        """Once a second: end the connections that have outstayed a limit, write the access log."""
        now = time.monotonic()
        for connection in list(self.connections):
            connection.look_at(now)
        self.access.flush()
        self.reactor.callLater(_SWEEP_S, self.sweep)


class ConnectionFactory(Factory):
    """Makes a connection for each client, up to the limit per address."""

    noisy = False

    def __init__(self, service: Service) -> None:
        self._service = service

    def buildProtocol(self, addr: Any) -> Protocol:  # noqa: N802 - Twisted's name
        return Connection(self._service, str(getattr(addr, "host", "?")))


class Connection(Protocol):
    """The conversation with one client.

    Operations are carried out one at a time, in order, and one per turn of the reactor, so that a client that sends
    many at once, or a costly one, does not keep the others waiting.
    """

    def __init__(self, service: Service, address: str) -> None:
        self._service = service
        self._settings = service.settings
        self._address = address
        self._framer = Framer(service.settings.ldap_message_bytes)
        self._queue: deque[Envelope] = deque()
        self._course: tuple[Envelope, Iterator[Answer | None]] | None = None  # a search that takes several turns
        self._outlet: Outlet | None = None
        self._scheduled = False  # the next turn is
        self._reading_paused = False
        self._closing_since: float | None = None
        self._heard_at = 0.0  # when bytes last came
        self._message_since: float | None = None  # since when a complete message has been waited for

    # -- Twisted -----------------------------------------------------------------------------------------------------

    def connectionMade(self) -> None:  # noqa: N802
        count = self._service.enter(self, self._address)
        self._message_since = time.monotonic()
        self._transport.setTcpNoDelay(True)
        self._outlet = Outlet(self._transport, self._work_soon)
        if count > self._settings.ldap_connections_per_address:
            self._disconnect(messages.BUSY, "too many connections from this address")

    def dataReceived(self, data: bytes) -> None:  # noqa: N802
        if self._closing_since is not None:
            return
        self._heard_at = time.monotonic()
        try:
            complete = self._framer.feed(data)
            for message in complete:
                self._accept(messages.open_envelope(message, self._settings.ldap_controls))
        except TooLarge as error:
            self._disconnect(messages.ADMIN_LIMIT, str(error))
            return
        except Malformed as error:
            self._disconnect(messages.PROTOCOL_ERROR, str(error))
            return
        if complete:
            self._message_since = None
        if self._message_since is None and self._framer.partial:
            self._message_since = self._heard_at
        if not self._scheduled:
            self._work()

    def connectionLost(self, reason: Failure = connectionDone) -> None:  # noqa: N802, ARG002
        self._closing_since = self._closing_since or time.monotonic()
        self._drop_all()
        self._service.leave(self, self._address)

    @property
    def _transport(self) -> Any:
        return self.transport

    # -- limits on time ----------------------------------------------------------------------------------------------

    def look_at(self, now: float) -> None:
        """End the conversation when the client takes too long to speak or to read."""
        settings, outlet = self._settings, self._outlet
        backlog_since = outlet.backlog_since if outlet is not None else None
        stalled_since = self._closing_since if self._closing_since is not None else backlog_since
        if stalled_since is not None:
            if now - stalled_since > settings.ldap_write_stall_s:
                self._abort()
        elif self._message_since is not None:
            if now - self._message_since > settings.ldap_first_message_s:
                self._disconnect(messages.PROTOCOL_ERROR, "a request was too long in coming")
        elif now - self._heard_at > settings.ldap_idle_s and not self._busy:
            self._disconnect(messages.UNAVAILABLE, "idle for too long")

    @property
    def _busy(self) -> bool:
        return bool(self._queue) or self._course is not None

    # -- the queue ---------------------------------------------------------------------------------------------------

    def _accept(self, envelope: Envelope) -> None:
        """Queue an operation; abandon and unbind take effect at once, on what waits or is under way."""
        if envelope.operation == messages.ABANDON_REQUEST:
            self._abandon(int.from_bytes(envelope.data[envelope.start : envelope.end], "big", signed=True))
            return
        if envelope.operation == messages.UNBIND_REQUEST:
            self._close()
            return
        if envelope.operation == messages.BIND_REQUEST:
            self._drop_all()  # a bind abandons what is outstanding (RFC 4511 section 4.2.1)
        self._queue.append(envelope)
        if len(self._queue) >= self._settings.ldap_pending and not self._reading_paused:
            self._reading_paused = True
            self._transport.pauseProducing()

    def _abandon(self, message_id: int) -> None:
        if self._course is not None and self._course[0].message_id == message_id:
            self._course = None
        self._queue = deque(envelope for envelope in self._queue if envelope.message_id != message_id)

    def _drop_all(self) -> None:
        self._queue.clear()
        self._course = None

    def _work_soon(self) -> None:
        if not self._scheduled and self._busy:
            self._scheduled = True
            # Through the reactor: other connections get their turn between two operations of this one.
            self._service.reactor.callLater(0, self._next_turn)

    def _next_turn(self) -> None:
        self._scheduled = False
        self._work()

    def _work(self) -> None:
        """One turn: go on with the search under way, or carry out the next operation."""
        if self._closing_since is not None or self._outlet is None or self._outlet.backlog_since is not None:
            return
        if self._course is not None:
            self._guarded(*self._course)
        elif self._queue:
            envelope = self._queue.popleft()
            if self._reading_paused and len(self._queue) < self._settings.ldap_pending:
                self._reading_paused = False
                self._transport.resumeProducing()
            self._guarded(envelope)
        if self._busy:
            self._work_soon()
        elif self._service.stopping:
            self._close()

    def _guarded(self, envelope: Envelope, course: Iterator[Answer | None] | None = None) -> None:
        try:
            if course is not None:
                self._go_on(envelope, course)
            else:
                self._dispatch(envelope)
        except Malformed as error:
            self._disconnect(messages.PROTOCOL_ERROR, str(error))
        except QueryTooComplex as error:
            self._reply(envelope, result_code(error), error.message)
        except Exception:
            self._course = None
            ticket = reference()
            log.exception("internal error %s", pairs(reference=ticket))
            self._reply(envelope, messages.OTHER, f"internal error, reference {ticket}")

    # -- operations --------------------------------------------------------------------------------------------------

    def _dispatch(self, envelope: Envelope) -> None:
        if envelope.message_id == 0 or envelope.operation not in _RESPONSE_OF:
            raise Malformed("not a request")
        critical = unknown_critical(envelope.controls)
        if critical is not None:
            self._reply(envelope, messages.UNAVAILABLE_CRITICAL_EXTENSION, "a critical control is not supported here")
        elif envelope.operation == messages.SEARCH_REQUEST:
            self._search(envelope)
        elif envelope.operation in _WRITES:
            self._reply(envelope, messages.UNWILLING, "this directory is read-only")
        else:
            operations = {
                messages.BIND_REQUEST: self._bind,
                messages.COMPARE_REQUEST: self._compare,
                messages.EXTENDED_REQUEST: self._extended,
            }
            operations[envelope.operation](envelope, _decoded(envelope))

    def _search(self, envelope: Envelope) -> None:
        settings = self._settings
        decoder = FilterDecoder(settings.ldap_filter_depth, settings.ldap_filter_terms)
        search = messages.decode_search(envelope, decoder, settings.ldap_attributes)
        message_id = messages.integer(envelope.message_id)
        self._go_on(envelope, self._service.searcher.search(message_id, search, envelope.controls))

    def _go_on(self, envelope: Envelope, course: Iterator[Answer | None]) -> None:
        """One turn of a search."""
        answer = next(course)
        if answer is None:
            self._course = envelope, course
            return
        self._course = None
        self._send(b"".join((*answer.entries, _done(envelope.message_id, answer))))
        self._note("search", answer.code, len(answer.entries))

    def _bind(self, envelope: Envelope, request: Any) -> None:
        if request.version not in (2, 3):
            self._reply(envelope, messages.PROTOCOL_ERROR, "LDAP version 2 or 3 is spoken here")
        elif request.sasl:
            self._reply(envelope, messages.AUTH_METHOD_NOT_SUPPORTED, "SASL is not supported")
        elif request.auth and not isinstance(request.auth, bytes):
            self._reply(envelope, messages.AUTH_METHOD_NOT_SUPPORTED, "this authentication is not supported")
        elif not request.auth and request.dn:
            # A name without a password must not pass for that name (RFC 4513 section 5.1.2).
            self._reply(envelope, messages.UNWILLING, "a name without a password is not accepted")
        elif request.auth:
            self._reply(envelope, messages.INVALID_CREDENTIALS)
        else:
            self._reply(envelope, messages.SUCCESS)

    def _compare(self, envelope: Envelope, request: Any) -> None:
        try:
            name = dit.parse(_text(request.entry))
        except dit.BadName as error:
            self._reply(envelope, messages.INVALID_DN, str(error))
            return
        attribute = attribute_type(_text(request.ava.attributeDesc.value))
        if attribute is None:
            self._reply(envelope, messages.UNDEFINED_ATTRIBUTE_TYPE)
            return
        value = request.ava.assertionValue.value
        asked = equality(attribute, assertion_text(value if isinstance(value, bytes) else value.encode()))
        present: Predicate = Has(attribute.field) if attribute.field is not None else Undefined()
        try:
            self._reply(envelope, self._service.searcher.compare(name, asked, present))
        except DirectoryError as error:
            self._reply(envelope, result_code(error), error.message)

    def _extended(self, envelope: Envelope, request: Any) -> None:
        if _text(request.requestName) == messages.WHO_AM_I:
            # Anonymous is the empty authorization identity (RFC 4532).
            self._reply(envelope, messages.SUCCESS, extra=messages.tlv(0x8B, b""))
        else:
            self._reply(envelope, messages.PROTOCOL_ERROR, "this extended operation is not supported")

    # -- answers -----------------------------------------------------------------------------------------------------

    def _reply(self, envelope: Envelope, code: int, message: str = "", *, extra: bytes = b"") -> None:
        response = _RESPONSE_OF[envelope.operation]
        self._send(messages.result(envelope.message_id, response, code, message, extra=extra))
        self._note(_NAMES.get(envelope.operation, "write"), code, 0)

    def _send(self, data: bytes) -> None:
        if self._outlet is not None:
            self._outlet.send(data)

    def _note(self, operation: str, code: int, entries: int) -> None:
        self._service.trace(self._address, operation, code, entries)
        self._service.access.note(operation, self._address, code, entries)

    def _disconnect(self, code: int, message: str) -> None:
        """Say why, and close (RFC 4511 section 4.4.1). A client that does not read may not keep the connection by
        that: `look_at` sees to it."""
        if self._closing_since is None:
            self._send(messages.notice_of_disconnection(code, message))
            self._close()

    def _close(self) -> None:
        self._closing_since = time.monotonic()
        self._drop_all()
        self._transport.loseConnection()

    def _abort(self) -> None:
        self._transport.abortConnection()

    def drain(self) -> None:
        """Finish what waits, then close."""
        if not self._busy:
            self._close()


def _done(message_id: int, answer: Answer) -> bytes:
    if answer.code in (messages.SUCCESS, messages.SIZE_LIMIT) and not answer.controls:
        return messages.search_done(messages.integer(message_id), answer.code)
    return messages.result(
        message_id,
        messages.SEARCH_DONE,
        answer.code,
        answer.message,
        matched=answer.matched,
        controls=answer.controls,
    )


_NAMES: Final = {
    messages.BIND_REQUEST: "bind",
    messages.SEARCH_REQUEST: "search",
    messages.COMPARE_REQUEST: "compare",
    messages.EXTENDED_REQUEST: "extended",
}


def _decoded(envelope: Envelope) -> Any:
    """The operation as ldaptor's codec sees it.

    Raises:
        Malformed: ldaptor cannot make sense of it.
    """
    context = pureldap.LDAPBERDecoderContext_TopLevel(
        inherit=pureldap.LDAPBERDecoderContext_LDAPMessage(
            fallback=pureldap.LDAPBERDecoderContext(fallback=pureber.BERDecoderContext()),
            inherit=pureldap.LDAPBERDecoderContext(fallback=pureber.BERDecoderContext()),
        )
    )
    try:
        decoded, _ = pureber.berDecodeObject(context, envelope.data)
        return decoded.value
    except Exception as error:  # its decoder raises whatever the bytes led it to
        raise Malformed("the operation cannot be decoded") from error


def _text(value: Any) -> str:
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value)
