"""Fixtures for tests of the whole program."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.small_wave import SmallWave, write_small_wave


@pytest.fixture
def small_wave(tmp_path: Path) -> SmallWave:
    """A configuration and its survey file in a folder of their own."""
    return write_small_wave(tmp_path / "wave")
