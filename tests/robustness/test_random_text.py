"""Random configurations, filters, tables and codebooks: read, or refused in clear lines.

`QA_RANDOM_CASES=10000` makes a long run (see CONTRIBUTING.md).
"""

from __future__ import annotations

import os
import sys
import tempfile
from pathlib import Path

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from qa_reports.cli import main
from qa_reports.config import load_config
from qa_reports.config.yaml_file import read_yaml
from qa_reports.config.yaml_text import yaml_quoted, yaml_text
from qa_reports.errors import ConfigError
from qa_reports.survey.where import parse_where
from tests.robustness.kinds import KINDS
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


@pytest.mark.parametrize("place", ["survey", "items"])
def test_half_a_character_is_a_mistake_on_its_line(tmp_path: Path, place: str) -> None:
    path = tmp_path / "wave.yaml"
    names = {"survey": "x", "items": "q", place: r'"a\ud800"'}
    path.write_text(
        f"survey: {{name: {names['survey']}}}\ndata: {{file: a.csv, interviewer: i}}\nitems: [{names['items']}]\n",
        encoding="utf-8",
    )
    with pytest.raises(ConfigError, match=r"wave.yaml:[13]: holds half of a character"):
        load_config(path)


@pytest.mark.skipif(sys.platform != "linux", reason="names of files are bytes on Linux alone")
def test_a_name_that_is_no_text_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = os.fsencode(tmp_path)
    for name in (b"w\xff.yaml", b"v\xff.csv"):
        Path(os.fsdecode(folder + b"/" + name)).write_text("a\n1\n", encoding="utf-8")
    assert main([os.fsdecode(folder + b"/w\xff.yaml")]) == 2
    assert main(["init", os.fsdecode(folder + b"/v\xff.csv")]) == 2
    told = capsys.readouterr().err.splitlines()
    assert [line.count("its name is not UTF-8 text") for line in told] == [1, 1]


@PROFILE
@given(st.text(st.characters(codec="utf-8", exclude_characters="\x00"), max_size=20) | st.sampled_from(HOSTILE))
def test_text_offered_for_pasting_is_read_back(text: str) -> None:
    """As a key and a value of a flow mapping, the form of every line that a report or a message offers."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "line.yaml"
        path.write_text(f"missing_codes: {{{yaml_quoted(text)}: {yaml_text(text)}}}\n", encoding="utf-8")
        assert read_yaml(path).value == {"missing_codes": {text: text}}


ALIASES = "a: &a [x, x, x, x, x, x, x, x, x]\n" + "\n".join(
    f"{name}: &{name} [{', '.join([f'*{before}'] * 9)}]" for before, name in zip("abcdefgh", "bcdefghi", strict=True)
)


@pytest.mark.parametrize("text", [ALIASES, "[" * 100_000, "{a: " * 5_000, "a: &a [*a]", "- " * 3_000])
def test_a_configuration_that_grows_without_end_is_refused_at_once(tmp_path: Path, text: str) -> None:
    path = tmp_path / "wave.yaml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(ConfigError, match=r"wave.yaml:\d+: "):
        load_config(path)
