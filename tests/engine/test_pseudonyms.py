"""`report.pseudonyms` with an engine: the report that memory makes, no real id in it, and a table of who is who."""

from __future__ import annotations

import csv
import io
import json
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from qa_reports.config import read_config
from qa_reports.engine import choose
from qa_reports.pipeline import make_report
from qa_reports.progress import Silent
from qa_reports.report.files import FILE_NAMES
from qa_reports.survey.pseudonyms import KEY_FILE, TABLE_FILE, PseudonymKey
from tests.small_wave import SmallWave, write_small_wave
from tests.test_pseudonyms import names_in, with_telling_ids

pytest.importorskip("duckdb")
pytest.importorskip("ibis")

KEY = PseudonymKey(bytes(range(32)))
CLOSE = 1e-9
"""Sums of the same numbers in another order."""
AT_HAND = 40
"""Of 120 interviews."""


def wave_of(folder: Path, engine: str) -> tuple[SmallWave, list[str]]:
    wave = write_small_wave(folder)
    telling = with_telling_ids(wave)
    wave.replace("interviewer: intnum}", f"interviewer: intnum, team: team, engine: {engine}}}")
    wave.replace(
        "items:\n",
        "interviewers: {file: people.csv, covariates: [experience]}\nindicators: {off: [duplicates]}\n"
        "report: {pseudonyms: true}\nitems:\n",
    )
    (folder / KEY_FILE).write_text(KEY.text)
    return wave, telling


def report_on(wave: SmallWave) -> dict[str, Any]:
    make_report(
        read_config(wave.config), wave.folder / "out", ("html", "json", "xlsx"), Silent(io.StringIO()), alone=False
    )
    results: dict[str, Any] = json.loads((wave.folder / "out" / FILE_NAMES["json"]).read_text(encoding="utf-8"))
    return results


def who_is_who(wave: SmallWave) -> dict[str, str]:
    with (wave.folder / TABLE_FILE).open(encoding="utf-8") as file:
        return {row["pseudonym"]: row["id"] for row in csv.DictReader(file)}


def test_an_engine_reports_on_the_same_people_as_memory(tmp_path: Path) -> None:
    in_memory, _ = wave_of(tmp_path / "memory", "memory")
    in_engine, _ = wave_of(tmp_path / "engine", "duckdb")

    one, other = report_on(in_memory), report_on(in_engine)

    assert [row["interviewer"] for row in one["interviewers"]] == [row["interviewer"] for row in other["interviewers"]]
    for mine, theirs in zip(one["interviewers"], other["interviewers"], strict=True):
        for name in ("team", "n_interviews", "covariates", "severity", "recontact"):
            assert mine[name] == theirs[name]
        assert mine["combined_p"] == pytest.approx(theirs["combined_p"], rel=CLOSE)
    assert any(row["recontact"] for row in one["interviewers"])
    for mine, theirs in zip(one["effects"], other["effects"], strict=True):
        assert [mine[name] for name in ("item", "interviewer", "term")] == [
            theirs[name] for name in ("item", "interviewer", "term")
        ]
        assert [mine["eblup"], mine["z"] or 0.0] == pytest.approx([theirs["eblup"], theirs["z"] or 0.0], abs=CLOSE)
    assert [flag["sentence"] for flag in one["flags"]] == [flag["sentence"] for flag in other["flags"]]
    assert one["cleaning"]["interviewers"] == other["cleaning"]["interviewers"]
    assert who_is_who(in_memory) == who_is_who(in_engine)


def test_interviews_that_are_fetched_later_have_pseudonyms_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(choose, "clean_in_engine", partial(choose.clean_in_engine, sample=AT_HAND))
    wave, telling = wave_of(tmp_path / "engine", "duckdb")

    results = report_on(wave)

    for path in (wave.folder / "out").iterdir():
        assert not names_in(path.read_bytes(), telling), path
    called = who_is_who(wave)
    owner = {row[0]: row[1] for row in csv.reader(wave.survey_file.read_text(encoding="utf-8").splitlines())}
    assert AT_HAND < sum(name.startswith("R-") for name in called) < len(owner) - 1
    again = [(row["interviewer"], respondent) for row in results["interviewers"] for respondent in row["recontact"]]
    assert again
    for interviewer, respondent in again:
        assert owner[called[respondent]] == called[interviewer]
