"""The numerical libraries are loaded without what nobody needs, and are whole afterwards."""

from __future__ import annotations

import json
import platform
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from tests.small_wave import SmallWave

ROOT = Path(__file__).parent.parent
SAME = 1e-9
"""Relative: what is asked of results by an engine."""
PAGES = 4_000
"""Two arrays of 1.6 MB are 800 pages of 4 kB; given back and asked for a hundred times they are tens of thousands."""
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


def test_an_interruption_that_a_library_swallows_counts_once_it_is_loaded() -> None:
    program = "\n".join(
        (
            "import os, signal, sys, time",
            "from importlib.abc import MetaPathFinder",
            "from qa_reports.libraries import load_numerical",
            "from qa_reports.stopping import stop_in_order",
            "class Swallows(MetaPathFinder):",
            "    def find_spec(self, name, path=None, target=None):",
            "        if name == 'pandas':",
            "            try:",
            "                os.kill(os.getpid(), signal.SIGINT)",
            "                time.sleep(1)",
            "            except KeyboardInterrupt:",
            "                print('swallowed')",
            "signal.signal(signal.SIGINT, signal.default_int_handler)",
            "stop_in_order()",
            "sys.meta_path.insert(0, Swallows())",
            "try: load_numerical()",
            "except KeyboardInterrupt: print('stopped')",
        )
    )
    assert printed(program).split("\n") == ["swallowed", "stopped"]


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
        "from qa_reports.effects.referee import load_referee; load_referee();"
        "from scipy import stats; from scipy._lib import doccer;"
        "from scipy._lib._docscrape import FunctionDoc;"
        "doc = FunctionDoc(None, doc='One line.\\n\\nNotes\\n-----\\nOf it.');"
        "print(doc['Notes'], 'Of it.' in str(doc), doccer.docformat('%(one)s', {'one': '1'}), stats.norm.cdf(0))"
    )
    assert printed(program) == "['Of it.'] True 1 0.5"


def test_statsmodels_is_whole_although_it_is_loaded_without_distributions_and_searches() -> None:
    program = "\n".join(
        (
            "import sys",
            "from qa_reports.effects.referee import load_referee",
            "load_referee()",
            "print([name for name in ('scipy.stats', 'scipy.optimize') if name in sys.modules])",
            "from statsmodels.regression import linear_model, mixed_linear_model",
            "print(round(mixed_linear_model.norm.ppf(0.975), 4))",
            "import numpy as np, scipy, scipy.optimize, scipy.stats, statsmodels.api as sm",
            "print(linear_model.stats.norm is scipy.stats.norm, scipy.optimize.minimize.__name__)",
            "x = sm.add_constant(np.arange(12.0) % 5)",
            "y = 1 + 2 * x[:, 1] + np.sin(np.arange(12.0))",
            "print(sm.OLS(y, x).fit().f_pvalue < 1e-6, sm.MixedLM(y, x, np.arange(12) // 3).fit().pvalues[1] < 1e-6)",
        )
    )
    assert printed(program).split("\n") == ["[]", "1.96", "True minimize", "True True"]


def test_what_is_loaded_when_used_is_the_real_thing_once_it_is_used(tmp_path: Path) -> None:
    package = tmp_path / "slow"
    package.mkdir()
    (package / "__init__.py").write_text("import sys\nprint('loaded')\nclass Base: there = 1\n")
    (package / "inner.py").write_text("def double(x): return 2 * x\n")
    (tmp_path / "calls.py").write_text(
        "import slow.inner, slow\nfrom slow.inner import double\nfrom slow import Base, absent\n"
    )
    (tmp_path / "derives.py").write_text("import slow\nclass Derived(slow.Base): pass\n")
    program = "\n".join(
        (
            f"import sys; sys.path.insert(0, {str(tmp_path)!r})",
            "from qa_reports.libraries import loaded_when_used",
            "with loaded_when_used('slow'): import calls",
            "print('slow' in sys.modules, 'slow.inner' in sys.modules)",
            "print(calls.double(4), calls.Base().there, calls.slow.Base.there)",
            "try: calls.absent()",
            "except AttributeError as error: print(error)",
            "import slow; print(slow.Base is calls.slow.Base)",
            "for name in [*sys.modules]:",
            "    if name.startswith('slow'): del sys.modules[name]",
            "with loaded_when_used('slow'): import derives; print(derives.Derived.there)",
            "print(sys.modules['slow'].Base is derives.Derived.__mro__[1], 'Deferred' in str(sys.meta_path))",
        )
    )
    assert printed(program).split("\n") == [
        "False False",
        "loaded",
        "8 1 1",
        "module 'slow' has no attribute 'absent'",
        "True",
        "loaded",
        "1",
        "True False",
    ]


def test_matplotlib_lists_properties_again_afterwards() -> None:
    program = (
        "import gc; from qa_reports.report.pdf_layout import load_drawing; load_drawing();"
        "from matplotlib.artist import kwdoc; from matplotlib.lines import Line2D;"
        "print('linewidth' in kwdoc(Line2D), gc.isenabled())"
    )
    assert printed(program) == "True True"


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="a setting of glibc")
def test_memory_that_arrays_leave_is_kept_for_the_next() -> None:
    program = (
        "import resource; from qa_reports.libraries import load_numerical; load_numerical(); import numpy as np;"
        "pages = lambda: resource.getrusage(resource.RUSAGE_SELF).ru_minflt; before = pages();"
        "sum(len((np.ones(200_000), np.ones(200_000))) for _ in range(100)); print(pages() - before)"
    )
    assert int(printed(program)) < PAGES


def test_the_library_of_formulas_that_is_not_needed_can_still_be_loaded() -> None:
    pytest.importorskip("formulaic")
    program = (
        "import sys; from qa_reports.effects.referee import load_referee; load_referee();"
        "before = 'formulaic' in sys.modules; import formulaic; print(before, formulaic.__name__)"
    )
    assert printed(program) == "False formulaic"


def test_pandas_does_without_pyarrow_and_reads_parquet_all_the_same(tmp_path: Path) -> None:
    pytest.importorskip("pyarrow")
    path = str(tmp_path / "text.parquet")
    program = (
        "import sys; from qa_reports.libraries import load_numerical; load_numerical();"
        "before = 'pyarrow' in sys.modules; import pandas as pd;"
        f"pd.DataFrame({{'a': ['x', None], 'b': [1.5, None]}}).to_parquet({path!r});"
        f"print(before, pd.read_parquet({path!r}).fillna(0).to_numpy().tolist())"
    )
    assert printed(program) == "False [['x', 1.5], [0, 0.0]]"


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere libraries are found without other programs")
def test_no_other_program_runs_to_find_what_draws_the_pdf() -> None:
    program = (
        "import ctypes.util, sys; from qa_reports.report.pdf_layout import pdf_obstacle; ran = [];"
        "sys.addaudithook(lambda event, _: ran.append(event) if event in ('subprocess.Popen', 'os.fork') else None);"
        "print(pdf_obstacle(), ran); ctypes.util.find_library('z'); print(len(ran) > 0)"
    )
    assert printed(program).split("\n") == ["None []", "True"]


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere libraries are looked for at once")
def test_libraries_in_no_usual_place_are_looked_for() -> None:
    """As where their files are found by no name, only by the system's own search."""
    program = "\n".join(
        (
            "import cffi, ctypes.util",
            "from qa_reports.report.pdf_layout import pdf_obstacle",
            "load = cffi.FFI.dlopen",
            "def dlopen(ffi, name, flags=0):",
            "    found = ctypes.util.find_library(name)",
            "    if found is None:",
            "        raise OSError(name)",
            "    return load(ffi, found, flags)",
            "cffi.FFI.dlopen = dlopen",
            "print(pdf_obstacle())",
        )
    )
    assert printed(program) == "None"


@pytest.mark.slow
@pytest.mark.parametrize("engine", ["memory", "duckdb"])
def test_the_command_finds_the_same_in_parquet_as_in_text(small_wave: SmallWave, engine: str) -> None:
    for library in ("pyarrow", "duckdb"):
        pytest.importorskip(library)
    command = [sys.executable, "-c", "from qa_reports.cli import program; program()", str(small_wave.config)]
    table = pd.read_csv(small_wave.survey_file)
    table.to_parquet(small_wave.folder / "wave.parquet")
    found = []
    for data in ("file: wave.csv,", f"file: wave.parquet, engine: {engine},"):
        small_wave.replace("file: wave.csv,", data)
        subprocess.run([*command, "--formats", "json"], check=True, capture_output=True, cwd=ROOT)
        found.append(json.loads((small_wave.folder / "wave-report" / "results.json").read_bytes()))
    text, parquet = found
    assert [item["n_interviews"] for item in parquet["items"]] == [item["n_interviews"] for item in text["items"]]
    assert parquet["cleaning"]["recoded"] == text["cleaning"]["recoded"]
    for one, other in zip(text["items"], parquet["items"], strict=True):
        assert one["models"]["null"]["loglik"] == pytest.approx(other["models"]["null"]["loglik"], rel=SAME)


def printed(program: str) -> str:
    return subprocess.run(
        [sys.executable, "-c", program], check=True, capture_output=True, text=True, cwd=ROOT
    ).stdout.strip()
