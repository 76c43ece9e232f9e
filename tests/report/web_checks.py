"""Where axe-core, the Nu HTML checker and PDFBox's Preflight stand, which `scripts/setup test` installs."""

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


def preflight_command() -> list[str]:
    """The command line of Apache PDFBox's Preflight, from Debian's packages."""
    names = (
        "preflight",
        "pdfbox2",
        "fontbox2",
        "xmpbox",
        "commons-logging",
        "commons-io",
        "javax.activation",
        "jaxb-api",
    )
    jars = [Path("/usr/share/java") / f"{name}.jar" for name in names]
    java = shutil.which("java")
    if java is None or not all(jar.exists() for jar in jars):
        pytest.skip("PDFBox's Preflight is not installed: scripts/setup test, and java")
    return [java, "-cp", ":".join(map(str, jars)), "org.apache.pdfbox.preflight.Validator_A1b"]
