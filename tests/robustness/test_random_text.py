"""Random configurations, filters and missing codes: read, or refused in clear lines.

`QA_RANDOM_CASES=10000` makes a long run (see CONTRIBUTING.md).
"""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from hypothesis.strategies import DrawFn

from qa_reports.config import load_config
from qa_reports.errors import ConfigError, UserError
from qa_reports.survey.where import parse_where
from tests.robustness.random_surveys import HOSTILE

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
EXAMPLE = (Path(__file__).parents[2] / "configs" / "example.yaml").read_text(encoding="utf-8")

PIECES = (
    *HOSTILE, "&a", "*a", "<<: *a", "[", "]", "{", "}", ": ", "- ", "\n", "\n\n", "  ", "\t", "#", "|", ">", "'", '"',
    "!!python/object/apply:os.system", "!!binary", "!!set", "!!timestamp", "? ", "%YAML 1.1", "---", "...", "~", "null",
    "9" * 400, "1e999", "-.inf", ".nan", "0x" + "f" * 300, "0o777", "true", "[[[[", "\u2028", "\ufeff", "\\u0000",
    "1.5",
    "77..88", "88..77", "..", "-5..", "items", "name", "scale", "missing_codes", "[0, 10]", "{77: x}", "data", "where",
)  # fmt: skip
WORDS = (
    "a", "`a b`", "'x'", '"y"', "1", "-1", "1e400", "9" * 400, "==", "=", "!=", "<", ">=", "in", "not in", "not", "and",
    "or", "(", ")", "[1, 2]", "[", "]", ",", "a()", "a.b", "lambda: 0", "__import__('os')", "is", "None", "True", "\\",
    "'", "`", "\x00", "~", "+", "*", ":=", "1j", "b'x'", "f'{a}'", "_quoted_0_", "_quoted_7_", "...", "if", "else",
)  # fmt: skip


@st.composite
def spoilt_configurations(draw: DrawFn) -> bytes:
    """The example configuration with pieces of it replaced, or text made of nothing but such pieces."""
    if draw(st.integers(0, 3)) == 0:
        return "".join(draw(st.lists(st.sampled_from(PIECES), max_size=30))).encode("utf-8", "surrogatepass")
    text = EXAMPLE
    for _ in range(draw(st.integers(1, 4))):
        start = draw(st.integers(0, len(text)))
        piece = draw(st.sampled_from(PIECES))
        text = text[:start] + piece + text[start + draw(st.integers(0, 12)) :]
    content = text.encode("utf-8", "surrogatepass")
    return draw(st.sampled_from([content, content, content, content[: len(content) // 2], content + b"\xff"]))


@PROFILE
@given(spoilt_configurations())
def test_random_configurations(content: bytes) -> None:
    _read(content)


@PROFILE
@given(st.binary(max_size=200))
def test_random_bytes_as_a_configuration(content: bytes) -> None:
    _read(content)


def _read(content: bytes) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "wave.yaml"
        path.write_bytes(content)
        told = ""
        try:
            load_config(path)
        except ConfigError as error:
            told = str(error)
        assert all(line.startswith(str(path)) for line in told.splitlines()), told


@PROFILE
@given(st.lists(st.sampled_from(WORDS), max_size=12).map(" ".join))
def test_random_filters(text: str) -> None:
    told = "data.where: "
    try:
        parse_where(text)
    except UserError as error:
        told = str(error)
    assert told.startswith("data.where: ")


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
