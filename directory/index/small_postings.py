"""Small postings decoded by the thousand, in a few passes over all of them.

Making a bitmap of each takes a microsecond and more, mostly for the object around it. What a posting holds stands in
the portable Roaring format (RoaringBitmap/RoaringFormatSpec): a cookie and the number of containers, for each of these
the upper half of its ids and how many, less one, then where each begins, then the lower halves of the ids.
"""

from __future__ import annotations

from array import array
from typing import Any, Final

import numpy as np
import numpy.typing as npt
from pyroaring import BitMap

from directory.index import layout

Offsets = npt.NDArray[np.int64]
Octets = npt.NDArray[np.uint8]

_COOKIE: Final = 12346  # no container is of runs
_HEAD: Final = 8  # bytes: cookie and number of containers
_LONE: Final = 4  # bytes of a posting of one document
_SMALL: Final = 256  # bytes: all containers are lists of ids, few enough to go through them side by side


def united(postings: bytes, begins: Offsets, ends: Offsets) -> BitMap:
    """The documents in those of many postings, one after the other, that stand from `begins` to `ends`."""
    octets = np.frombuffer(postings, np.uint8)
    sizes = ends - begins
    small = (sizes > _LONE) & (sizes <= _SMALL)
    small[small] = _number(octets, begins[small], "<u4") == _COOKIE
    lone = sizes == _LONE
    ids = np.concatenate([_number(octets, begins[lone], ">u4"), *_listed(octets, begins[small])], dtype=np.uint32)
    ids.sort()  # they are taken up much sooner in order
    others = zip(begins[~(small | lone)].tolist(), ends[~(small | lone)].tolist(), strict=True)
    large = [layout.decode_posting(postings[begin:end]) for begin, end in others]
    return BitMap.union(BitMap(array("I", ids.tobytes())), *large)


def _listed(octets: Octets, begins: Offsets) -> list[npt.NDArray[np.uint32]]:
    """The ids of postings whose containers are lists: the first container of each, then the second of each, …"""
    counts = _number(octets, begins + 4, "<u4").astype(np.int64)
    found = []
    for place in range(int(counts.max(initial=0))):
        begins, counts = begins[counts > place], counts[counts > place]
        described = begins + _HEAD + 4 * place
        upper = _number(octets, described, "<u2").astype(np.uint32) << 16
        held = _number(octets, described + 2, "<u2").astype(np.int64) + 1
        first = begins + _number(octets, begins + _HEAD + 4 * counts + 4 * place, "<u4")
        within = np.arange(held.sum()) - np.repeat(np.cumsum(held) - held, held)
        lower = _number(octets, np.repeat(first, held) + 2 * within, "<u2")
        found.append(np.repeat(upper, held) | lower)
    return found


def _number(octets: Octets, at: Offsets, form: str) -> npt.NDArray[Any]:
    """The numbers of a form that stand at some places."""
    kind = np.dtype(form)
    found: npt.NDArray[Any] = octets[at[:, None] + np.arange(kind.itemsize)].view(kind).ravel()
    return found
