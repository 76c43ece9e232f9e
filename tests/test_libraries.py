"""The numerical libraries are loaded without what nobody needs, and are whole afterwards."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

ROOT = Path(__file__).parent.parent
UNNEEDED = "[name for name in ('numpy.f2py', 'numpy.testing', 'unittest') if name in sys.modules]"


@pytest.mark.skipif(np.__version__ < "2", reason="the SciPy of those days loads unittest by itself")
@pytest.mark.parametrize("then", ["import qa_reports.pipeline", "load_referee()"])
def test_what_nobody_needs_is_not_loaded(then: str) -> None:
    program = (
        "import sys; from qa_reports.libraries import load_numerical;"
        "from qa_reports.effects.referee import load_referee;"
        f"load_numerical(); {then}; print({UNNEEDED})"
    )
    assert printed(program) == "[]"


def test_numpy_is_whole_afterwards() -> None:
    program = (
        "import numpy as np; names, listed = set(np.__all__), set(dir(np));"
        "from qa_reports.libraries import load_numerical; load_numerical();"
        "print(set(np.__all__) == names, listed <= set(dir(np)), callable(np.testing.assert_equal))"
    )
    assert printed(program) == "True True True"


def test_scipy_reads_documentation_again_afterwards() -> None:
    pytest.importorskip("scipy._lib._docscrape")
    program = (
        "from qa_reports.libraries import load_numerical; load_numerical();"
        "from scipy._lib._docscrape import FunctionDoc;"
        "print(FunctionDoc(None, doc='One line.\\n\\nNotes\\n-----\\nOf it.')['Notes'])"
    )
    assert printed(program) == "['Of it.']"


def test_the_library_of_formulas_that_is_not_needed_can_still_be_loaded() -> None:
    pytest.importorskip("formulaic")
    program = (
        "import sys; from qa_reports.effects.referee import load_referee; load_referee();"
        "before = 'formulaic' in sys.modules; import formulaic; print(before, formulaic.__name__)"
    )
    assert printed(program) == "False formulaic"


def printed(program: str) -> str:
    return subprocess.run(
        [sys.executable, "-c", program], check=True, capture_output=True, text=True, cwd=ROOT
    ).stdout.strip()
