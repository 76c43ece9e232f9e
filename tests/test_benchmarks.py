"""The benchmarks: what they measure with is right; the figures themselves are nobody's test."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import benchmarks.__main__ as command
from benchmarks import growth, profiles, several, whole
from benchmarks.waves import DONT_KNOW, REFUSAL, WavePlan, wave_blocks, write_wave
from qa_reports.config import load_config
from qa_reports.survey.clean import clean_survey
from qa_reports.survey.load import load_survey


def test_a_simulated_wave_is_what_was_planned(tmp_path: Path) -> None:
    plan = WavePlan(interviews=3_000, interviewers=120, items=12, country="Belgium")
    config_path = write_wave(tmp_path, plan)
    config = load_config(config_path)
    survey = clean_survey(load_survey(config, tmp_path), config)
    assert (survey.n_interviews, len(survey.interviewer_ids), len(survey.items)) == (3_000, 120, 12)
    assert {recode.code for recode in survey.log.recoded} == {REFUSAL, DONT_KNOW}
    assert survey.log.out_of_range == ()
    again = write_wave(tmp_path / "again", plan)
    assert (tmp_path / "again" / "wave.csv").read_bytes() == (tmp_path / "wave.csv").read_bytes()
    assert again.read_text(encoding="utf-8") == config_path.read_text(encoding="utf-8")


def test_blocks_make_up_the_wave(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr("benchmarks.waves.BLOCK", 400)
    plan = WavePlan(interviews=1_000, interviewers=30, items=3)
    blocks = list(wave_blocks(plan))
    assert [len(block) for block in blocks] == [400, 400, 200]
    config = write_wave(tmp_path, plan, form="parquet")
    written = pd.read_parquet(config.with_suffix(".parquet"))
    pd.testing.assert_frame_equal(written, pd.concat(blocks, ignore_index=True))


def test_the_exponent_is_the_slope_of_the_larger_sizes() -> None:
    sizes = [10, 100, 1_000, 10_000]
    assert growth.exponent(sizes, [5.0, 1.0, 10.0, 100.0]) == pytest.approx(1)
    assert growth.exponent(sizes, [1.0, 1.0, 4.0, 400.0]) == pytest.approx(2)


def test_many_surveys_are_the_example_under_other_names(tmp_path: Path) -> None:
    paths = several.write_surveys(tmp_path, 3)
    configs = [load_config(Path(path)) for path in paths]
    assert [config.survey.country for config in configs] == ["Country 1", "Country 2", "Country 3"]
    assert all((tmp_path / config.data.source).is_file() for config in configs)


def test_a_part_of_the_page_is_measured_anew() -> None:
    page = "# P\n\n## One\n\nold\n\n## Two\n\n- kept\n\n## Three\n\n- last\n"
    assert command.with_section(page, "One", "## One\n\nnew") == page.replace("old", "new")
    assert command.with_section(page, "Three", "## Three\n\nnew") == page.replace("- last", "new")


def test_growth_is_shown_as_a_table_and_a_plot(tmp_path: Path) -> None:
    axis = growth.AXES[0]
    rows = [
        dict.fromkeys(growth.STEPS, plan.interviews / 1e4)
        | {"peak_mb": 300.0, "html_mb": 1.0, "json_mb": 3.0, "engine": float(plan.interviews > 100_000)}
        for plan in axis.plans
    ]
    lines = growth.table(axis, list(axis.plans), rows)
    assert len({line.count("|") for line in lines}) == 1
    assert [line.split("|")[2].strip() for line in lines[2:]] == ["memory"] * 5 + ["DuckDB"] * 2 + ["memory", "DuckDB"]
    for line in lines[-2:]:
        assert line.split("|")[3:9] == [" 1.00 "] * 6
    for name in ("one.svg", "two.svg"):
        growth.draw([(axis, list(axis.plans), rows)] * 2, tmp_path / name)
    assert (tmp_path / "one.svg").read_bytes() == (tmp_path / "two.svg").read_bytes()


def test_profiles_say_whose_time_it_is() -> None:
    own = {
        ("/x/qa_reports/effects/fit.py", 47, "begin_models"): 3.0,
        ("/y/site-packages/scipy/sparse/_base.py", 9, "dot"): 1.5,
        ("/y/site-packages/scipy/special/__init__.py", 1, "<module>"): 0.5,
        ("/usr/lib/python3.11/json/decoder.py", 3, "decode"): 1.0,
    }
    parts = profiles.summed(own, profiles.part_of)
    assert parts == {"qa_reports/effects": 3.0, "scipy": 1.5, "importing": 0.5, "Python's library": 1.0}
    assert profiles.name_of(next(iter(own))) == "effects/fit.py: begin_models"
    lines = profiles.table("part", [parts, {"scipy": 2.0}], ["qa_reports/effects", "scipy"])
    assert lines[2:5] == [
        "| qa_reports/effects | 3.00 s, 50% | 0.00 s, 0% |",
        "| scipy | 1.50 s, 25% | 2.00 s, 100% |",
        "| all | 6.0 s | 2.0 s |",
    ]


def test_a_command_is_timed_and_its_failure_told() -> None:
    run = whole.timed_command(["python3", "-c", "sum(range(10**6))"])
    assert run.wall > 0
    assert run.processor > 0
    assert run.peak_mb > 1
    with pytest.raises(RuntimeError, match="ended with 3"):
        whole.timed_command(["python3", "-c", "raise SystemExit(3)"])
    assert whole.spread([3.0, 1.0, 2.0]) == "2.0 (1.0-3.0)"


def test_a_benchmark_that_fails_or_is_missing_takes_no_other_with_it(capsys: pytest.CaptureFixture[str]) -> None:
    def fails() -> list[str]:
        raise np.linalg.LinAlgError("singular")

    assert command.section("Kernel", fails) == ["## Kernel", "", "Left out: LinAlgError: singular.", ""]
    assert "Traceback" in capsys.readouterr().err
    assert command.by_script("nothing.py") == ["Left out: there is no benchmarks/nothing.py."]


def test_the_readme_gets_the_table_in_its_place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    readme = tmp_path / "README.md"
    readme.write_text((command.ROOT / "README.md").read_text(encoding="utf-8"), encoding="utf-8")
    monkeypatch.setattr(command, "README", readme)
    for words in ("first", "second"):
        command._put_into_readme([words])
    text = readme.read_text(encoding="utf-8")
    assert f"{command.BEGIN}\nsecond\n{command.END}\n" in text
    assert "first\n" + command.END not in text
