"""Postings decoded by the thousand are what they are one by one."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from pyroaring import BitMap

from directory.index import layout
from directory.index.small_postings import united

_IDS = st.integers(0, 3_300_000)
_RUNS = st.tuples(_IDS, st.integers(2, 6000)).map(lambda run: set(range(run[0], run[0] + run[1])))
_SETS = st.one_of(st.sets(_IDS, min_size=1, max_size=90), _RUNS)


@given(st.lists(_SETS, max_size=12), st.data())
def test_those_asked_for_give_their_ids_whatever_their_size(sets: list[set[int]], data: st.DataObject) -> None:
    encoded = [layout.encode_posting(BitMap(ids)) for ids in sets]
    bounds = np.cumsum([0, *map(len, encoded)], dtype=np.int64)
    asked = data.draw(st.lists(st.sampled_from(range(len(sets))), unique=True) if sets else st.just([]))
    at = np.array(sorted(asked), dtype=np.int64)

    found = united(b"".join(encoded), bounds[at], bounds[at + 1])

    assert set(found) == set().union(*(sets[place] for place in asked))
