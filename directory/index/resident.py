"""Brings a build into the machine's memory when a node starts, before lookups need it page by page from the disk.

Nothing is kept here: the kernel has the pages, and gives them up as soon as something else needs the room.
"""

from __future__ import annotations

import logging
import os
import threading
import time
from pathlib import Path
from typing import Final

import psutil

log = logging.getLogger("annuaire.index")

_STRETCH: Final = 4 << 20
_SPARE: Final = 0.1  # of the machine's memory, which is left alone


def read_through(file: Path, stop: threading.Event) -> int:
    """Read a file that others map, if there is memory for all of it; the bytes that were read."""
    began, read = time.monotonic(), 0
    buffer = bytearray(_STRETCH)
    with file.open("rb", buffering=0) as opened:
        memory = psutil.virtual_memory()
        if memory.available - os.fstat(opened.fileno()).st_size < _SPARE * memory.total:
            log.info("the index does not fit into the memory that is free: it is read from the disk when it is needed")
            return 0
        while not stop.is_set():
            start = time.monotonic()
            some = opened.readinto(buffer)
            if not some:
                log.info("the index is in memory: %d MB in %.1f s", read // 1_000_000, time.monotonic() - began)
                break
            read += some
            stop.wait(time.monotonic() - start)  # half of the time the disk is there for lookups
    return read
