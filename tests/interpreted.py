"""Tests that put something of their own in the place of what `make compiled` builds in."""

from __future__ import annotations

import pytest

from directory.compiled import is_compiled

interpreted = pytest.mark.skipif(is_compiled(), reason="lookups are compiled here")
