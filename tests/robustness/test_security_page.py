"""What docs/security.md names: tests that exist, and limits that are the program's."""

from __future__ import annotations

import re
from pathlib import Path

from qa_reports.config import yaml_file
from qa_reports.survey.readers import unpack

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "security.md").read_text(encoding="utf-8")


def test_the_tests_it_names_exist() -> None:
    named = set(re.findall(r"`(tests/[^`]+)`", PAGE))
    assert len(named) > 10
    assert [name for name in named if not (ROOT / name).exists()] == []


def test_the_limits_it_names_are_in_force() -> None:
    assert f"{yaml_file.MAX_BYTES // 10**6} MB, {yaml_file.MAX_DEPTH} levels, {yaml_file.MAX_VALUES:,} values" in PAGE
    assert f"{unpack.MOST_UNPACKED // 1024**3} GiB unpacked, {unpack.MOST_RATIO} times" in PAGE
    assert f"beyond {unpack.FREE_OF_RATIO // 1024**2} MiB" in PAGE
