"""One client connection on Twisted: bounded reading, operations one after the other, answers in order.

Searches take the short path of `ber`, `messages` and `searching`; everything else goes through ldaptor's codec.
"""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Final

from ldaptor.protocols import pureber, pureldap
from twisted.internet import interfaces
from twisted.internet.protocol import Factory, Protocol, connectionDone
from twisted.python.failure import Failure
from zope.interface import implementer

from directory.errors import DirectoryError, QueryTooComplex
from directory.index.reader import Index
from directory.logs import pairs, reference
from directory.query import Has, Predicate, Undefined
from directory.settings import Settings
from ldap_server import dit, messages
from ldap_server.ber import Framer, Malformed, TooLarge
from ldap_server.filters import FilterDecoder, assertion_text, equality
from ldap_server.messages import Envelope
from ldap_server.schema import attribute_type
from ldap_server.searching import Answer, Searcher, result_code, unknown_critical

log = logging.getLogger("annuaire.ldap")
access = logging.getLogger("annuaire.ldap.access")

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
    trace: Trace = no_trace
    searcher: Searcher = field(init=False)
    connections: set[Connection] = field(default_factory=set)
    per_address: dict[str, int] = field(default_factory=dict)
    stopping: bool = False

    def __post_init__(self) -> None:
        self.searcher = Searcher(self.settings, self.index)


class ConnectionFactory(Factory):
    """Makes a connection for each client, up to the limit per address."""

    noisy = False

    def __init__(self, service: Service) -> None:
        self._service = service

    def buildProtocol(self, addr: Any) -> Protocol:  # noqa: N802 - Twisted's name
        return Connection(self._service, str(getattr(addr, "host", "?")))


@implementer(interfaces.IPushProducer)
class Connection(Protocol):
    """The conversation with one client."""

    def __init__(self, service: Service, address: str) -> None:
        self._service = service
        self._settings = service.settings
        self._address = address
        self._framer = Framer(service.settings.ldap_message_bytes)
        self._queue: deque[bytes] = deque()
        self._working = False  # the next operation is scheduled
        self._reading_paused = False
        self._sending_paused = False
        self._closing = False
        self._timer: Any = None
        self._stall: Any = None
        self._heard = False  # a complete message has arrived

    # -- Twisted -----------------------------------------------------------------------------------------------------

    def connectionMade(self) -> None:  # noqa: N802
        service = self._service
        count = service.per_address.get(self._address, 0) + 1
        service.per_address[self._address] = count
        service.connections.add(self)
        self._transport.setTcpNoDelay(True)
        if count > self._settings.ldap_connections_per_address:
            self._disconnect(messages.BUSY, "too many connections from this address")
            return
        self._transport.registerProducer(self, True)
        self._wait(self._settings.ldap_first_message_s)

    def dataReceived(self, data: bytes) -> None:  # noqa: N802
        if self._closing:
            return
        try:
            for message in self._framer.feed(data):
                self._heard = True
                self._accept(message)
        except TooLarge as error:
            self._disconnect(messages.ADMIN_LIMIT, str(error))
            return
        except Malformed as error:
            self._disconnect(messages.PROTOCOL_ERROR, str(error))
            return
        if self._heard:
            self._wait(self._settings.ldap_first_message_s if self._framer.partial else self._settings.ldap_idle_s)
        self._work_soon()

    def connectionLost(self, reason: Failure = connectionDone) -> None:  # noqa: N802, ARG002
        self._closing = True
        self._queue.clear()
        for timer in (self._timer, self._stall):
            if timer is not None and timer.active():
                timer.cancel()
        self._service.connections.discard(self)
        left = self._service.per_address.get(self._address, 1) - 1
        if left > 0:
            self._service.per_address[self._address] = left
        else:
            self._service.per_address.pop(self._address, None)

    def pauseProducing(self) -> None:  # noqa: N802
        """The client does not read: stop answering, and give it only so long."""
        self._sending_paused = True
        self._stall = self._service.reactor.callLater(self._settings.ldap_write_stall_s, self._abort)

    def resumeProducing(self) -> None:  # noqa: N802
        self._sending_paused = False
        if self._stall is not None and self._stall.active():
            self._stall.cancel()
        self._work_soon()

    def stopProducing(self) -> None:  # noqa: N802
        self._queue.clear()

    @property
    def _transport(self) -> Any:
        return self.transport

    # -- the queue ---------------------------------------------------------------------------------------------------

    def _accept(self, message: bytes) -> None:
        """Queue a message; abandon takes effect at once, on what waits."""
        envelope = messages.open_envelope(message, self._settings.ldap_controls)
        if envelope.operation == messages.ABANDON_REQUEST:
            self._abandon(int.from_bytes(message[envelope.start : envelope.end], "big", signed=True))
        elif envelope.operation == messages.UNBIND_REQUEST:
            self._closing = True
            self._queue.clear()
            self._transport.loseConnection()
        else:
            if envelope.operation == messages.BIND_REQUEST:
                self._queue.clear()  # a bind abandons what is outstanding (RFC 4511 section 4.2.1)
            self._queue.append(message)
            if len(self._queue) >= self._settings.ldap_pending and not self._reading_paused:
                self._reading_paused = True
                self._transport.pauseProducing()

    def _abandon(self, message_id: int) -> None:
        kept = [
            message
            for message in self._queue
            if messages.open_envelope(message, self._settings.ldap_controls).message_id != message_id
        ]
        self._queue = deque(kept)

    def _work_soon(self) -> None:
        if not self._working and self._queue and not self._sending_paused and not self._closing:
            self._working = True
            # Through the reactor: other connections get their turn between two operations of this one.
            self._service.reactor.callLater(0, self._work)

    def _work(self) -> None:
        self._working = False
        if self._closing or self._sending_paused or not self._queue:
            return
        message = self._queue.popleft()
        if self._reading_paused and len(self._queue) < self._settings.ldap_pending:
            self._reading_paused = False
            self._transport.resumeProducing()
        self._operate(message)
        if self._service.stopping and not self._queue:
            self._transport.loseConnection()
        self._work_soon()

    def _operate(self, message: bytes) -> None:
        envelope = messages.open_envelope(message, self._settings.ldap_controls)
        try:
            self._dispatch(envelope)
        except Malformed as error:
            self._disconnect(messages.PROTOCOL_ERROR, str(error))
        except QueryTooComplex as error:
            self._reply(envelope, result_code(error), error.message)
        except Exception:
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
        decoder = FilterDecoder(self._settings.ldap_filter_depth, self._settings.ldap_filter_terms)
        search = messages.decode_search(envelope, decoder, self._settings.ldap_attributes)
        answer: Answer = self._service.searcher.search(envelope.message_id, search, envelope.controls)
        done = messages.result(
            envelope.message_id,
            messages.SEARCH_DONE,
            answer.code,
            answer.message,
            matched=answer.matched,
            controls=answer.controls,
        )
        self._transport.write(b"".join([*answer.entries, done]))
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
        self._transport.write(messages.result(envelope.message_id, response, code, message, extra=extra))
        self._note(_NAMES.get(envelope.operation, "write"), code, 0)

    def _note(self, operation: str, code: int, entries: int) -> None:
        self._service.trace(self._address, operation, code, entries)
        if access.isEnabledFor(logging.INFO):
            access.info("%s %s", operation, pairs(client=self._address, code=code, entries=entries))

    def _wait(self, seconds: float) -> None:
        if self._timer is not None and self._timer.active():
            self._timer.reset(seconds)
        else:
            self._timer = self._service.reactor.callLater(seconds, self._timed_out)

    def _timed_out(self) -> None:
        self._disconnect(messages.UNAVAILABLE if self._heard else messages.PROTOCOL_ERROR, "idle for too long")

    def _disconnect(self, code: int, message: str) -> None:
        """Say why, and close (RFC 4511 section 4.4.1)."""
        if self._closing:
            return
        self._closing = True
        self._queue.clear()
        self._transport.write(messages.notice_of_disconnection(code, message))
        self._transport.loseConnection()
        # A client that does not read may not keep the connection by that.
        self._stall = self._service.reactor.callLater(self._settings.ldap_write_stall_s, self._abort)

    def _abort(self) -> None:
        self._closing = True
        self._transport.abortConnection()

    def drain(self) -> None:
        """Finish what waits, then close."""
        if not self._queue:
            self._transport.loseConnection()


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
