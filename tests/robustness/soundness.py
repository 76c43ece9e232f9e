"""What must hold of every run, whatever was put in."""

from __future__ import annotations

import contextlib
import io
import json
import re
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from qa_reports.cli import main

PROBABILITIES = re.compile(r"(\w+_)?(p|q|icc|reliability)")
"""Keys of results.json whose numbers lie in [0, 1]."""


@dataclass(frozen=True, slots=True)
class Ended:
    """How a run ended."""

    code: int
    told: str
    """What it printed on the error stream."""
    results: dict | None
    """results.json, where the run ended well."""


def run(config: Path, output: Path, *options: str) -> Ended:
    """Run the program in this process; a traceback or a warning is an exception here."""
    told = io.StringIO()
    with contextlib.redirect_stderr(told), contextlib.redirect_stdout(io.StringIO()):
        code = main([str(config), "--output", str(output), *options])
    results = output / "results.json"
    found = json.loads(results.read_bytes(), parse_constant=_refuse) if results.is_file() else None
    return Ended(code, told.getvalue(), found)


def said(*command: str) -> tuple[int, str]:
    """Exit code of a command, and what it printed on either stream."""
    told = io.StringIO()
    with contextlib.redirect_stderr(told), contextlib.redirect_stdout(told):
        code = main(list(command))
    return code, told.getvalue()


def assert_sound(ended: Ended, output: Path, items: list[str], refereed: bool = True) -> None:
    """Exit code 0 with results that add up, or 2 with one line and no file.

    `refereed` says whether the referee has to agree: it has no digits left where a predictor is 1e9 and varies by 1.
    """
    if ended.code == 2:
        assert ended.results is None
        assert not output.exists()
        assert [line for line in ended.told.splitlines() if not re.match(r"\d/6 |      ", line)], "nothing was said"
        return
    assert ended.code == 0, ended.told
    results = ended.results
    assert results is not None
    _every_interview_is_accounted_for(results)
    _every_item_is_modelled_or_explained(results, items)
    for place, value in _numbers(results, ()):
        key = next((part for part in reversed(place) if isinstance(part, str)), "")
        assert not PROBABILITIES.fullmatch(key) or 0 <= value <= 1, (place, value)
    for item in results["items"]:
        for model in (item["models"] or {}).values():
            assert not refereed or not (model or {}).get("referee") or model["referee"]["agrees"], (item["item"], model)
    page = output / "report.html"
    if page.exists():
        assert "<hostile" not in page.read_text(encoding="utf-8")
    _has_no_formulas(output / "results.xlsx")


def _every_interview_is_accounted_for(results: dict) -> None:
    cleaning = results["cleaning"]
    assert cleaning["rows_in"] == cleaning["rows_used"] + sum(dropped["n"] for dropped in cleaning["dropped"])
    assert sum(person["n_interviews"] for person in results["interviewers"]) == cleaning["rows_used"]
    for item in cleaning["items"]:
        parts = ("n_answers", "n_recoded", "n_blank", "n_out_of_range")
        assert sum(item[part] for part in parts) == item["n_interviews"] == cleaning["rows_used"]


def _every_item_is_modelled_or_explained(results: dict, items: list[str]) -> None:
    assert [item["item"] for item in results["items"]] == items
    known = {person["interviewer"] for person in results["interviewers"]}
    assert {effect["interviewer"] for effect in results["effects"]} <= known
    for item in results["items"]:
        if item["status"] == "not_modelled":
            assert item["reason"]
            continue
        assert item["models"]["null"]["loglik"] is not None
        for model in item["models"].values():
            assert model is None or model["status"] != "failed" or model["reason"]
        models = item["models"]
        judging = models["adjusted"] if (models["adjusted"] or {}).get("loglik") is not None else models["null"]
        levels = [
            effect for effect in results["effects"] if (effect["item"], effect["term"]) == (item["item"], "intercept")
        ]
        assert len([e for e in levels if e["model"] != "slope"]) == judging["n_interviewers"]


def _numbers(value: object, place: tuple[str | int, ...]) -> Iterator[tuple[tuple[str | int, ...], float]]:
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from _numbers(inner, (*place, key))
    elif isinstance(value, list):
        for position, inner in enumerate(value):
            yield from _numbers(inner, (*place, position))
    elif isinstance(value, (int, float)) and not isinstance(value, bool):
        yield place, value


def _has_no_formulas(workbook: Path) -> None:
    if workbook.exists():
        with zipfile.ZipFile(workbook) as parts:
            for name in parts.namelist():
                assert not name.startswith("xl/worksheets/sheet") or b"<f>" not in parts.read(name), name


def _refuse(constant: str) -> None:
    raise AssertionError(f"results.json holds {constant}")
