"""Child processes that never outlive their parent, and file locks that end with their holder."""

from __future__ import annotations

import contextlib
import ctypes
import fcntl
import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final

from directory.errors import Unavailable

_PR_SET_PDEATHSIG: Final = 1
_LAST_GRACE_S: Final = 1.5


def end_with_parent(lifeline: int, stop: Callable[[], None]) -> None:
    """Call `stop` when the parent is gone, and leave for good 1.5 s later whatever happens.

    `lifeline` is the reading end of a pipe whose writing end only the parent holds: it reads end-of-file when the
    parent has died, by kill -9 too, on every system. On Linux the kernel's own signal comes first.
    """
    if sys.platform == "linux":
        ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)

    def watch() -> None:
        with contextlib.suppress(OSError):
            while os.read(lifeline, 1):
                pass
        stop()
        time.sleep(_LAST_GRACE_S)
        os._exit(1)

    threading.Thread(target=watch, name="lifeline", daemon=True).start()


@contextlib.contextmanager
def sole_holder(path: Path, *, patience_s: float, refusal: str) -> Iterator[None]:
    """Hold an exclusive lock on a file that names this process; the kernel drops it when the process ends.

    `refusal` is the sentence for those who find it taken; `{pid}` in it becomes the holder's process id.

    Raises:
        Unavailable: still held by another process after `patience_s` seconds.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a+", encoding="ascii") as file:
        deadline = time.monotonic() + patience_s
        while True:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                if time.monotonic() > deadline:
                    file.seek(0)
                    raise Unavailable(refusal.format(pid=file.read().strip() or "?")) from None
                time.sleep(0.1)
        file.truncate(0)
        file.write(str(os.getpid()))
        file.flush()
        yield
        file.truncate(0)
