"""Random configurations, filters, tables and codebooks: read, or refused in clear lines.

`QA_RANDOM_CASES=10000` makes a long run (see CONTRIBUTING.md).
"""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import HealthCheck, Phase, given, settings

from qa_reports.config import load_config
from qa_reports.errors import ConfigError
from qa_reports.survey.where import parse_where
from tests.robustness.kinds import KINDS

ASKED = int(os.environ.get("QA_RANDOM_CASES", "0"))
settings.register_profile(
    "text",
    max_examples=ASKED or 150,
    deadline=None,
    database=None,
    derandomize=not ASKED,
    print_blob=True,
    phases=(Phase.explicit, Phase.generate, *((Phase.shrink,) if ASKED else ())),
    suppress_health_check=[HealthCheck.too_slow],
)
PROFILE = settings.get_profile("text")


@pytest.mark.parametrize("name", ["configurations", "bytes", "filters", "tables", "codebooks", "damaged text"])
def test_random_text_is_read_or_refused(name: str) -> None:
    kind = KINDS[name]

    @PROFILE
    @given(kind.cases)
    def every(case: object) -> None:
        kind.attempt(case)

    every()


@pytest.mark.parametrize(
    "text", [f"a == {'9' * 400}", f"a in [{'9' * 400}]", f"a == -{'9' * 400}", "a == " + "(" * 500]
)
def test_filters_with_numbers_that_are_too_large(text: str) -> None:
    with pytest.raises(ConfigError, match="allowed are columns"):
        parse_where(text)


@pytest.mark.parametrize("place", ["missing_codes: {%s: x}", "missing_codes: [%s]", "flags: {min_interviews: %s}"])
def test_a_number_too_large_for_a_code_is_a_mistake_on_its_line(tmp_path: Path, place: str) -> None:
    path = tmp_path / "wave.yaml"
    text = f"survey: {{name: x}}\ndata: {{file: a.csv, interviewer: i}}\nitems: [q]\n{place % ('9' * 400)}\n"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(ConfigError, match=r"wave.yaml:4: "):
        load_config(path)


ALIASES = "a: &a [x, x, x, x, x, x, x, x, x]\n" + "\n".join(
    f"{name}: &{name} [{', '.join([f'*{before}'] * 9)}]" for before, name in zip("abcdefgh", "bcdefghi", strict=True)
)


@pytest.mark.parametrize("text", [ALIASES, "[" * 100_000, "{a: " * 5_000, "a: &a [*a]", "- " * 3_000])
def test_a_configuration_that_grows_without_end_is_refused_at_once(tmp_path: Path, text: str) -> None:
    path = tmp_path / "wave.yaml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(ConfigError, match=r"wave.yaml:\d+: "):
        load_config(path)
