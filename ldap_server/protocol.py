"""One client connection on Twisted: bounded reading, operations one after the other, answers in order.

What each operation does stands in a module of its own (`operations`).
"""

from __future__ import annotations

import logging
import socket
import time
from collections import deque
from dataclasses import replace
from typing import Any, Final

from twisted.internet.protocol import Factory, Protocol, connectionDone
from twisted.python.failure import Failure

from directory.callers.caller import Caller
from directory.callers.trace import Done
from directory.errors import QueryTooComplex
from directory.logs import pairs, reference
from ldap_server import messages
from ldap_server.answers import Answer, Course, Waiting, failed, refused
from ldap_server.ber import Framer, Malformed, TooLarge
from ldap_server.channel import Broken, Channel
from ldap_server.extended import starts_tls
from ldap_server.limits import Limits
from ldap_server.messages import Envelope
from ldap_server.operations import OPERATIONS, cancelable, unknown_critical
from ldap_server.outlet import Outlet
from ldap_server.sharing import Service
from ldap_server.turns import Share

log = logging.getLogger("annuaire.ldap")

_OUTSTANDING: Final = refused(messages.OPERATIONS_ERROR, "other operations are outstanding")
_QUICK_ACK: Final[Any] = getattr(socket, "TCP_QUICKACK", None)
_VOUCHED_S: Final = 0.1  # for how long an account that was good is taken to be so
_NO_SUCH_CONTROL: Final = refused(messages.UNAVAILABLE_CRITICAL_EXTENSION, "a critical control is not supported here")


class ConnectionFactory(Factory):
    """Makes a connection for each client, up to the limit per address."""

    noisy = False

    def __init__(self, service: Service, *, tls: bool = False) -> None:
        self._service = service
        self._tls = tls

    def buildProtocol(self, addr: Any) -> Protocol:  # noqa: N802 - Twisted's name
        return Connection(self._service, str(getattr(addr, "host", "?")), tls=self._tls)


class Connection(Protocol):
    """The conversation with one client.

    Operations are carried out one at a time, in order, in turns with those of all other connections (`turns`), so that
    a client that sends many at once, or a costly one, does not keep the others waiting.
    """

    def __init__(self, service: Service, address: str, *, tls: bool = False) -> None:
        self._service = service
        self._settings = service.settings
        self._caller = service.caller(address)
        self.network = self._caller.network
        self.share = Share()
        self.waiting = False
        self.unproven_since: float | None = None
        """Since when a first completed bind or search has been waited for."""
        self._framer = Framer(self._limits.message_bytes)
        self._queue: deque[Envelope] = deque()
        self._course: tuple[Envelope, Course] | None = None  # an operation that takes several turns
        self._thread_works = False  # for the operation under way: it is waited for
        self._channel: Channel | None = service.tls.channel() if tls and service.tls is not None else None
        self._vouched_at = 0.0  # when the account was last seen to be good
        self._outlet: Outlet | None = None
        self._begun_at = 0.0  # when the operation under way began
        self._queued_bytes = 0
        self._reading_paused = False
        self._answered = 0  # the id of the operation that was answered last
        self._doom: tuple[int, str] | None = None  # why the connection ends when what waits is done
        self._closing_since: float | None = None
        self._heard_at = 0.0  # when bytes last came
        self._message_since: float | None = None  # since when a complete message has been waited for
        self._heard_in_the_clear = False  # before TLS was asked for

    # -- Twisted -----------------------------------------------------------------------------------------------------

    def connectionMade(self) -> None:  # noqa: N802
        count = self._service.enter(self)
        self._message_since = self.unproven_since = time.monotonic()
        self._transport.setTcpNoDelay(True)
        self._outlet = Outlet(self._transport, self._wants_turn)
        if count > self._settings.ldap_connections_per_address:
            self._disconnect(messages.BUSY, "too many connections from this address")
        elif self._service.full and not self._service.make_room():
            self._disconnect(messages.BUSY, "too many connections")

    def dataReceived(self, data: bytes) -> None:  # noqa: N802
        if self._closing_since is not None or self._doom is not None:
            return
        self._heard_at = time.monotonic()
        if self._channel is not None:
            data = self._unsealed(self._channel, data)
            if not data:
                return
        self._take(data)
        if self._busy:
            self._wants_turn()

    def connectionLost(self, reason: Failure = connectionDone) -> None:  # noqa: N802, ARG002
        self._closing_since = self._closing_since or time.monotonic()
        self._drop_all()
        self._service.leave(self)

    @property
    def _limits(self) -> Limits:
        return self._service.limits[self._caller.caller_class]

    # -- TLS ---------------------------------------------------------------------------------------------------------

    def _unsealed(self, channel: Channel, data: bytes) -> bytes:
        """What came, in the clear; what the session itself has to say leaves at once."""
        fresh = not channel.established
        try:
            found = channel.receive(data)
        except Broken as error:
            log.debug("no TLS session %s", pairs(client=self._caller.address, reason=error))
            self._emit(channel.pending())
            self._close()
            return b""
        pending = channel.pending()
        self._emit(pending)
        if fresh and channel.established:
            if not pending:
                self._acknowledge()
            self._caller = replace(self._caller, encrypted=True, certificate=channel.certificate)
            if self._heard_in_the_clear:
                self._message_since = None
        if channel.ended and self._closing_since is None:
            self._close()
        return found if self._closing_since is None else b""

    def _acknowledge(self) -> None:
        """A TLS 1.2 handshake that resumes a session ends with the client's word. Its request follows in a segment of
        its own, which its system may hold back until that word is acknowledged: 40 ms where nothing is sent back."""
        if _QUICK_ACK is not None:
            self._transport.getHandle().setsockopt(socket.IPPROTO_TCP, _QUICK_ACK, 1)

    def _secure(self, envelope: Envelope, answer: Answer) -> None:
        """Go on in TLS. What the client has sent already was sent in the clear, by whomever: it must not pass for what
        the session protects (CVE-2011-0411 and its kind)."""
        assert self._service.tls is not None
        if self._queue or self._framer.partial or self._framer.more or self._doom is not None:
            self._disconnect(messages.PROTOCOL_ERROR, "nothing may be sent between StartTLS and its answer")
            return
        self._answer(envelope, answer)
        self._channel = self._service.tls.channel()
        self._heard_in_the_clear = True
        self._message_since = time.monotonic()

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
        elif self.unproven_since is not None and not self._busy:
            if now - self.unproven_since > settings.ldap_first_operation_s:
                self._disconnect(messages.UNAVAILABLE, "a first bind or search was too long in coming")
        elif now - self._heard_at > settings.ldap_idle_s and not self._busy:
            self._disconnect(messages.UNAVAILABLE, "idle for too long")
        else:
            self._vouched(now)

    @property
    def _busy(self) -> bool:
        return bool(self._queue) or self._course is not None

    # -- the queue ---------------------------------------------------------------------------------------------------

    def _take(self, data: bytes = b"") -> None:
        """Queue what is complete with these bytes, as far as there is room."""
        complete: list[bytes] = []
        try:
            complete = self._framer.feed(data, self._settings.ldap_pending - len(self._queue))
            for message in complete:
                if self._closing_since is not None:
                    return  # what follows an unbind is not for anybody
                self._accept(messages.open_envelope(message, self._settings.ldap_controls))
            if self._framer.fault is not None:
                raise self._framer.fault
        except TooLarge as excess:
            self._end_with(messages.ADMIN_LIMIT, str(excess))
        except Malformed as error:
            self._end_with(messages.PROTOCOL_ERROR, str(error))
        if complete or self._message_since is None:
            self._message_since = self._heard_at if self._framer.partial else None
        self._regulate()

    def _regulate(self) -> None:
        """A client that asks faster than it is answered is not read for a while: its bytes wait at its side."""
        full = len(self._queue) >= self._settings.ldap_pending or self._queued_bytes > self._limits.message_bytes
        pause = full or self._framer.more or self._doom is not None
        if pause != self._reading_paused and self._closing_since is None:
            self._reading_paused = pause
            if pause:
                self._transport.pauseProducing()
            else:
                self._transport.resumeProducing()

    def _accept(self, envelope: Envelope) -> None:
        """Queue an operation; abandon, cancel and unbind take effect at once, on what waits or is under way.

        Raises:
            Malformed: no client may send this.
        """
        if envelope.operation == messages.ABANDON_REQUEST:
            self._abandon(int.from_bytes(envelope.data[envelope.start : envelope.end], "big", signed=True))
            return
        if envelope.operation == messages.UNBIND_REQUEST:
            self._close()
            return
        if envelope.message_id == 0 or envelope.operation not in OPERATIONS:
            raise Malformed("not a request")
        if envelope.operation == messages.EXTENDED_REQUEST and self._busy and starts_tls(envelope):
            self._answer(envelope, _OUTSTANDING)  # RFC 4511 section 4.14.1
            return
        if envelope.operation == messages.BIND_REQUEST:
            self._abandon_all()
        if envelope.operation == messages.EXTENDED_REQUEST:
            request = messages.decode_extended(envelope)
            if request.name == messages.CANCEL:
                self._cancel(envelope, request.value)
                return
        self._queue.append(envelope)
        self._queued_bytes += len(envelope.data)

    def _outstanding(self, message_id: int) -> Envelope | None:
        """The operation of this id that waits or is under way."""
        waiting = [*([self._course[0]] if self._course is not None else []), *self._queue]
        return next((envelope for envelope in waiting if envelope.message_id == message_id), None)

    def _abandon(self, message_id: int) -> None:
        """Give an operation up, where its kind allows it (RFC 4511 section 4.11)."""
        outstanding = self._outstanding(message_id)
        if outstanding is not None and cancelable(outstanding):
            self._withdraw(outstanding)

    def _withdraw(self, outstanding: Envelope) -> None:
        if self._course is not None and self._course[0] is outstanding:
            self._course = None
        else:
            self._queue.remove(outstanding)
            self._queued_bytes -= len(outstanding.data)

    def _cancel(self, envelope: Envelope, value: bytes | None) -> None:
        """Give an operation up and say how that went, for both (RFC 3909)."""
        if unknown_critical(envelope, OPERATIONS[envelope.operation]):
            self._answer(envelope, _NO_SUCH_CONTROL)
            return
        try:
            message_id = messages.decode_cancel(value)
        except Malformed as error:
            self._answer(envelope, refused(messages.PROTOCOL_ERROR, str(error)))
            return
        outstanding = self._outstanding(message_id)
        if outstanding is None:
            leaving = self._outlet is not None and self._outlet.backlog_since is not None
            late = leaving and message_id == self._answered
            self._answer(envelope, refused(messages.TOO_LATE if late else messages.NO_SUCH_OPERATION))
        elif not cancelable(outstanding):
            self._answer(envelope, refused(messages.CANNOT_CANCEL))
        else:
            self._withdraw(outstanding)
            self._answer(outstanding, refused(messages.CANCELED))
            self._answer(envelope, Answer())

    def _abandon_all(self) -> None:
        """A bind abandons what is outstanding (RFC 4511 section 4.2.1), other binds excepted."""
        if self._course is not None and cancelable(self._course[0]):
            self._course = None
        self._queue = deque(envelope for envelope in self._queue if not cancelable(envelope))
        self._queued_bytes = sum(len(envelope.data) for envelope in self._queue)

    def _drop_all(self) -> None:
        self._queue.clear()
        self._queued_bytes = 0
        self._course = None
        self._thread_works = False

    @property
    def begins(self) -> bool:
        """Whether its next turn is the first one of an operation."""
        return self._course is None

    def _wants_turn(self) -> None:
        self._service.turns.wanted(self)

    def work(self) -> bool:
        """One turn: go on with the operation under way, or begin the next one."""
        if self._blocked():
            return False
        if self._course is not None:
            self._guarded(*self._course)
        elif self._queue:
            envelope = self._queue.popleft()
            self._queued_bytes -= len(envelope.data)
            self._guarded(envelope)
            self._go_on_reading()
        if self._busy:
            return not self._blocked()
        if self._doom is not None:
            self._disconnect(*self._doom)
        elif self._service.stopping:
            self._close()
        return False

    def _go_on_reading(self) -> None:
        """There is room again: for messages that are here already, then for others."""
        if self._framer.more and self._closing_since is None and self._doom is None:
            self._take()
        elif self._reading_paused:
            self._regulate()

    def _blocked(self) -> bool:
        """Whether nothing more may be answered: the conversation ends, the client does not read, or a bind is being
        looked into."""
        if self._closing_since is not None or self._thread_works:
            return True
        return self._outlet is None or self._outlet.backlog_since is not None

    def _guarded(self, envelope: Envelope, course: Course | None = None) -> None:
        try:
            self._go_on(envelope, self._begun(envelope) if course is None else course)
        except Malformed as error:
            self._disconnect(messages.PROTOCOL_ERROR, str(error))
        except QueryTooComplex as excess:
            self._finish(envelope, failed(excess))
        except Exception:
            ticket = reference()
            log.exception("internal error %s", pairs(reference=ticket))
            self._finish(envelope, refused(messages.OTHER, f"internal error, reference {ticket}"))

    def _begun(self, envelope: Envelope) -> Course:
        self._begun_at = time.monotonic()
        operation = OPERATIONS[envelope.operation]
        if self._caller.proof is not None and not self._vouched(self._begun_at):
            return iter(())
        if envelope.controls and unknown_critical(envelope, operation):
            return iter((_NO_SUCH_CONTROL,))
        return operation.carry_out(self._service, self._caller, envelope)

    def _go_on(self, envelope: Envelope, course: Course) -> None:
        """One turn of an operation."""
        answer = next(course, None)
        if self._closing_since is not None:
            return
        if isinstance(answer, Answer):
            self._finish(envelope, answer)
            return
        self._course = envelope, course
        if isinstance(answer, Waiting):
            self._thread_works = True
            answer.work.add_done_callback(lambda _: self._service.reactor.callFromThread(self._woken, course))

    def _woken(self, course: Course) -> None:
        """A thread has ended that an operation waits for, unless that has been given up meanwhile."""
        if self._course is not None and self._course[1] is course:
            self._thread_works = False
            self._wants_turn()

    def _vouched(self, now: float) -> bool:
        """Whether the account that is bound, if any, is still good; ends the conversation when it is not (RFC 4511
        section 4.4.1: a security association has failed)."""
        if self._caller.proof is None or now - self._vouched_at < _VOUCHED_S:
            return True
        caller = self._service.vouched(self._caller)
        if caller is None:
            self._caller = self._caller.anonymous()
            self._disconnect(messages.STRONGER_AUTH_REQUIRED, "the account bound here is not valid any more")
            return False
        self._know(caller)
        self._vouched_at = now
        return True

    def _know(self, caller: Caller) -> None:
        """Somebody asks from now on, within the limits of their class."""
        self._caller = caller
        self._framer.limit = self._limits.message_bytes

    # -- answers -----------------------------------------------------------------------------------------------------

    def _finish(self, envelope: Envelope, answer: Answer) -> None:
        """Answer the operation whose turn it was."""
        self._course = None
        self._answered = envelope.message_id
        if envelope.operation == messages.BIND_REQUEST:
            # A bind that came to nothing at all makes the client anonymous like any other that fails.
            answer = answer._replace(caller=answer.caller or self._caller.anonymous())
            self._vouched_at = time.monotonic()
        if answer.secures:
            self._secure(envelope, answer)
        else:
            self._answer(envelope, answer)

    def _answer(self, envelope: Envelope, answer: Answer) -> None:
        operation = OPERATIONS[envelope.operation]
        if self.unproven_since is not None and _proves(envelope.operation, answer.code):
            self.unproven_since = None
        if answer.caller is not None:
            self._know(answer.caller)
        self._send(b"".join((*answer.entries, _result(envelope.message_id, operation.response, answer))))
        self._note(operation.name, answer)

    def _send(self, data: bytes) -> None:
        if self._channel is None:
            self._emit(data)
        elif self._channel.established:
            self._emit(self._channel.seal(data))

    def _emit(self, data: bytes) -> None:
        """What leaves for the client as it is."""
        if data and self._outlet is not None:
            self._outlet.send(data)

    def _note(self, operation: str, answer: Answer) -> None:
        seconds = time.monotonic() - self._begun_at if self._begun_at else 0.0
        self._begun_at = 0.0
        self._service.note(Done(self._caller, operation, answer.code, answer.results, seconds, answer.asked))

    def _end_with(self, code: int, message: str) -> None:
        """What follows cannot be made out: end the connection when what came before is answered."""
        if self._busy:
            self._doom = code, message
        else:
            self._disconnect(code, message)

    def _disconnect(self, code: int, message: str) -> None:
        """Say why, and close (RFC 4511 section 4.4.1). A client that does not read may not keep the connection by
        that: `look_at` sees to it."""
        if self._closing_since is None:
            self._send(messages.notice_of_disconnection(code, message))
            self._close()

    def _close(self) -> None:
        self._closing_since = time.monotonic()
        self._drop_all()
        if self._channel is not None:
            self._emit(self._channel.close())
        self._transport.loseConnection()

    def _abort(self) -> None:
        self._transport.abortConnection()

    def give_up(self) -> None:
        """Make room for others, at once."""
        self._disconnect(messages.BUSY, "too many connections")
        self._abort()

    def drain(self) -> None:
        """Finish what waits, then close."""
        if not self._busy:
            self._close()


def _proves(operation: int, code: int) -> bool:
    """Whether an answered operation shows that a connection is there for a purpose."""
    return operation == messages.SEARCH_REQUEST or (operation == messages.BIND_REQUEST and code == messages.SUCCESS)


def _result(message_id: int, response: int, answer: Answer) -> bytes:
    if response == messages.SEARCH_DONE and answer.code in messages.BARE_DONE and not answer.controls:
        return messages.search_done(messages.integer(message_id), answer.code)
    return messages.result(
        message_id,
        response,
        answer.code,
        answer.message,
        matched=answer.matched,
        controls=answer.controls,
        extra=answer.extra,
    )
