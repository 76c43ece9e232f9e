"""The parts of an earlier configuration that name columns here and there: interviewers and indicators."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from qa_reports.errors import UserError
from qa_reports.starting.columns import Column, columns_of
from qa_reports.starting.earlier import Earlier
from qa_reports.starting.matching import Match, match_columns
from qa_reports.starting.opened import Opened
from qa_reports.survey.readers import read_data_file

_Lost = list[tuple[str, str]]


def interviewers_like(
    earlier: Earlier, opened: Opened, folder: Path, interviewer: str | list[str], lost: _Lost
) -> dict[str, Any]:
    """What is known about the interviewers, with the earlier wave's file where there is one.

    Args:
        earlier: the earlier wave.
        opened: the new file.
        folder: where the new configuration will stand.
        interviewer: data.interviewer there.
        lost: what is left out, and why; more is added.
    """
    raw = earlier.value.get("interviewers")
    if raw is None:
        return {}
    then, made = earlier.config.interviewers, dict(raw)
    columns: tuple[Column, ...] = opened.columns
    if then.file is not None:
        try:
            beside = read_data_file(earlier.path.parent, then.file, then.read)
            columns = (*columns_of(beside.table, beside.labels), *columns)
            made["file"] = earlier.path_from(then.file, folder)
            if then.on is None and interviewer != earlier.value["data"]["interviewer"]:
                made["on"] = earlier.value["data"]["interviewer"]
        except UserError as error:
            lost.append(("interviewers.file", str(error)))
            for key in ("file", "on", "read"):
                made.pop(key, None)
    made["covariates"] = []
    for entry, covariate in zip(raw.get("covariates", []), then.covariates, strict=True):
        match = match_columns([earlier.sought(covariate.name, covariate.label)], columns)[covariate.name]
        if isinstance(match, Match):
            made["covariates"].append(renamed(entry, match.column.name))
        else:
            lost.append((f"interviewer covariate {covariate.name}", match.reason))
    return {key: content for key, content in made.items() if content != [] or key == "missing_codes"}


def indicators_like(earlier: Earlier, opened: Opened, now: Mapping[str, str], lost: _Lost) -> dict[str, Any]:
    """The options of indicators; `now` has the new names of items."""
    then, made = earlier.config.indicators, dict(earlier.value.get("indicators", {}))
    names = {column.name for column in opened.columns}
    if then.back_check is not None:
        made.pop("back_check")
        lost.append(("indicators.back_check", "the re-interviews are another file in every wave"))
    if then.agree is not None:
        kept = [now[name] for name in then.agree.items if name in now]
        if kept:
            made["agree"] = {**made["agree"], "items": kept}
        else:
            made.pop("agree")
            lost.append(("indicators.agree", "its items are not found"))
    if then.timings is not None:
        kept = [
            column
            for column in then.timings.columns
            if column in names or any(column.replace("{item}", item) in names for item in now.values())
        ]
        if kept:
            made["timings"] = {**made["timings"], "columns": kept}
        else:
            made.pop("timings")
            lost.append(("indicators.timings", "its columns are not found"))
    for key in ("gates", "numeric"):
        entries = []
        for entry, column in zip(made.get(key, []), getattr(then, key), strict=True):
            match = match_columns([earlier.sought(column.name, column.label)], opened.columns)[column.name]
            if isinstance(match, Match):
                entries.append(renamed(entry, match.column.name))
            else:
                lost.append((f"indicators.{key} {column.name}", match.reason))
        made.pop(key, None)
        made |= {key: entries} if entries else {}
    return made


def renamed(entry: Any, name: str) -> Any:
    """An entry of a list of columns under another name."""
    return name if isinstance(entry, str) else {**entry, "name": name}
