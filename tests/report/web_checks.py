"""Where the judges of web pages stand: axe-core and the Nu HTML checker, which `scripts/setup test` installs."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

CHROMIUM = Path("/usr/bin/chromium")
_FOLDER = Path(os.environ.get("QA_WEB_CHECKS") or Path(__file__).parents[2] / ".venv" / "web-checks")


def axe_source() -> str:
    """axe-core's script, to be run by `page.evaluate`: the page's policy rightly refuses a script tag."""
    path = _FOLDER / "node_modules" / "axe-core" / "axe.min.js"
    if not path.exists():
        pytest.skip("axe-core is not installed: scripts/setup test")
    return path.read_text(encoding="utf-8")


def nu_command() -> list[str]:
    """The Nu HTML checker's command line."""
    jar = _FOLDER / "node_modules" / "vnu-jar" / "build" / "dist" / "vnu.jar"
    java = shutil.which("java")
    if java is None or not jar.exists():
        pytest.skip("the Nu HTML checker is not installed: scripts/setup test, and java")
    return [java, "-jar", str(jar), "--stdout", "--exit-zero-always", "--format", "json"]
