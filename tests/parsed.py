"""The program's modules as syntax trees, for tests of what must stand nowhere in them."""

from __future__ import annotations

import ast
import functools
from pathlib import Path

PACKAGE = Path(__file__).parents[1] / "qa_reports"


@functools.cache
def parsed_modules() -> tuple[tuple[str, ast.Module], ...]:
    """(path in the package, its tree) of every module."""
    paths = sorted(PACKAGE.rglob("*.py"))
    return tuple((path.relative_to(PACKAGE).as_posix(), ast.parse(path.read_text(encoding="utf-8"))) for path in paths)
