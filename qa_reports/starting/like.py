"""A new wave's configuration from an earlier one: what still exists in the new file, and what was not found."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from msgspec import Struct, field

from qa_reports.config import REVIEWED_FILE
from qa_reports.errors import UserError
from qa_reports.starting.columns import Column
from qa_reports.starting.draft import choose_interviewer, constants
from qa_reports.starting.earlier import Earlier
from qa_reports.starting.items import guess_items
from qa_reports.starting.like_parts import indicators_like, interviewers_like, renamed
from qa_reports.starting.lines import cut
from qa_reports.starting.matching import Match, match_columns
from qa_reports.starting.opened import Opened, Wishes, open_survey, relative_path
from qa_reports.starting.roles import Guess, guess_roles
from qa_reports.survey.columns import number_text
from qa_reports.survey.pseudonyms import KEY_FILE
from qa_reports.survey.where import parse_where

_KEPT = ("flags", "report")
"""Sections that name no column and no file."""


class Likened(Struct, frozen=True, eq=False):
    """A configuration as it is to be written, and what is to be said of it."""

    value: dict[str, Any]
    remarks: Mapping[str, str]
    """Place ("data.weight", "items.Q53A") -> what is said beside it."""
    matched: Mapping[str, int]
    """How items were matched ("key", "label", "name") -> how many."""
    lost_items: tuple[tuple[str, str], ...]
    """(item of the earlier wave and its label, why it was not found)."""
    lost: tuple[tuple[str, str], ...]
    """(what else the earlier configuration has, why it is left out)."""
    further: tuple[str, ...]
    """Columns that look like questions and are none of the earlier items."""
    email: dict[str, Any] | None
    """The earlier section, offered as a remark: nobody is to be mailed what nobody has looked at."""
    unread: str | None
    """Why the labels of the earlier file are not known."""


class _Notes(Struct):
    """What is found out on the way."""

    remarks: dict[str, str] = field(default_factory=dict)
    lost: list[tuple[str, str]] = field(default_factory=list)


def liken(survey_file: Path, folder: Path, wishes: Wishes, earlier: Earlier) -> Likened:
    """Find an earlier configuration's columns again.

    Args:
        survey_file: the new wave's.
        folder: where the configuration will stand; its paths are relative to it.
        wishes: what the user knows already.
        earlier: the earlier wave.

    Raises:
        DataError: the file cannot be read, no column says who did the interviews, or none of the items is in it.
    """
    opened = _opened(survey_file, wishes, earlier)
    notes = _Notes()
    items = earlier.config.items
    found = match_columns([earlier.sought(item.name, item.label, item.key) for item in items], opened.columns)
    now: dict[str, str] = {}
    lost_items: list[tuple[str, str]] = []
    for item in items:
        match = found[item.name]
        if not isinstance(match, Match):
            label = next(iter(earlier.sought(item.name, item.label).labels), "")
            lost_items.append((f'{item.name} "{cut(label)}"' if label else item.name, match.reason))
        elif _is_text_only(match.column) and item.categories is None:
            lost_items.append((item.name, f"{match.column.name} holds text"))
        else:
            now[item.name] = match.column.name
    if not now:
        first = f"{lost_items[0][0]}: {lost_items[0][1]}"
        raise UserError(f"{survey_file.name}: none of the {len(items)} items of {earlier.path} is in it ({first})")
    entries = [
        _item(raw, now, found, notes)
        for raw in earlier.value["items"]
        if (raw if isinstance(raw, str) else raw["name"]) in now
    ]
    data = _data(earlier, opened, survey_file, folder, wishes, notes)
    value: dict[str, Any] = {
        "survey": _survey(earlier, opened, wishes, notes),
        "data": data,
        "missing_codes": earlier.value.get("missing_codes"),
        "missing_code_groups": _groups(earlier, now),
        "interviewers": interviewers_like(earlier, opened, folder, data["interviewer"], notes.lost),
        "respondent_covariates": _covariates(earlier, opened, notes),
        "items": entries,
        "batteries": _batteries(earlier, now, notes),
        "indicators": indicators_like(earlier, opened, now, notes.lost),
        **{section: earlier.value.get(section) for section in _KEPT},
        "archive": _archive(earlier, folder),
    }
    notes.lost += _beside(earlier, folder)
    counts = {how: sum(isinstance(m, Match) and m.how == how and name in now for name, m in found.items())
              for how in ("key", "label", "name")}  # fmt: skip
    return Likened(
        value={section: content for section, content in value.items() if content not in (None, {}, [])},
        remarks=notes.remarks,
        matched=counts,
        lost_items=tuple(lost_items),
        lost=tuple(notes.lost),
        further=_further(opened, value, now),
        email=earlier.value.get("email"),
        unread=earlier.unread,
    )


def _opened(survey_file: Path, wishes: Wishes, earlier: Earlier) -> Opened:
    """The new file, read as the earlier one where that is possible."""
    read = earlier.config.data.read
    if "read" in earlier.value["data"]:
        try:
            return open_survey(survey_file, wishes, read)
        except UserError:
            pass  # the new file may come in another format: then it is read as it looks
    return open_survey(survey_file, wishes)


def _is_text_only(column: Column) -> bool:
    return column.holds_text and not len(column.distinct) and not column.labels.values


def _item(raw: str | dict[str, Any], now: Mapping[str, str], found: Mapping[str, object], notes: _Notes) -> Any:
    entry = {"name": raw} if isinstance(raw, str) else dict(raw)
    then = entry["name"]
    match = found[then]
    assert isinstance(match, Match)
    name, identity = now[then], entry.get("key", then)
    made: dict[str, Any] = {"name": name}
    if identity != name:
        made["key"] = identity
    made |= {key: content for key, content in entry.items() if key not in ("name", "key", "slopes")}
    if "slopes" in entry:
        slopes = [entry["slopes"]] if isinstance(entry["slopes"], str) else entry["slopes"]
        kept = [now[slope] for slope in slopes if slope in now]
        made |= {"slopes": kept} if kept else {}
        if not kept:
            made.pop("random_intercept", None)
            notes.lost.append((f"slopes of {then}", "their items are not found"))
    said = {"label": "", "key": "called by its key", "name": "found by its name"}[match.how]
    if match.how == "name" and match.column.labels.label:
        said += f', now labelled "{cut(match.column.label)}"'
    notes.remarks[f"items.{name}"] = "; ".join(filter(None, [said, *_beyond(match.column, made)]))
    return made


def _beyond(column: Column, entry: Mapping[str, Any]) -> list[str]:
    """What the new file's labels say of answers outside the scale."""
    if "scale" not in entry:
        return []
    low, high = entry["scale"]
    codes = entry.get("missing_codes", {})
    outside = [
        f'{number_text(value)} "{label}"'
        for value, label in column.answer_labels.items()
        if not low <= value <= high and value not in codes
    ]
    return [f"is the scale still {low:g} to {high:g}? The file has {', '.join(outside[:3])}"] if outside else []


def _survey(earlier: Earlier, opened: Opened, wishes: Wishes, notes: _Notes) -> dict[str, Any]:
    then = earlier.config.survey
    wave = wishes.wave or constants(opened.columns)[0]
    made: dict[str, Any] = {"name": wishes.name or then.name}
    if wave is not None and (wishes.wave is not None or wave != then.wave):
        made["wave"] = wave
    else:
        was = "" if then.wave is None else f" (the earlier one is {then.wave})"
        notes.remarks["survey.wave"] = f"write the name of this wave{was}"
    if then.country is not None:
        made["country"] = then.country
    return made


def _data(
    earlier: Earlier, opened: Opened, survey_file: Path, folder: Path, wishes: Wishes, notes: _Notes
) -> dict[str, Any]:
    then, columns = earlier.config.data, opened.columns
    made: dict[str, Any] = {"file": relative_path(survey_file, folder)}
    if "engine" in earlier.value["data"]:
        made["engine"] = then.engine
    if opened.rows is not None:
        made["read"] = opened.rows.read.model_dump(exclude_none=True)
    elif opened.read_as_wished:
        made["read"] = earlier.value["data"]["read"]
    if opened.codebook is not None:
        made["codebook"] = relative_path(opened.codebook, folder)
    if opened.joined is not None:
        join = opened.joined.found(folder)
        made["join"] = [{"file": join.file, "on": list(join.on)}]
        notes.remarks["data.join"] = join.evidence
    elif then.join:
        notes.lost.append(("data.join", "the file to join is named with --join FILE where one is needed"))
    own = [role_column(earlier, columns, name) for name in then.interviewer]
    if wishes.interviewer is None and all(name is not None for name in own):
        interviewer = [str(name) for name in own]
    else:
        guess = choose_interviewer(columns, wishes, survey_file.name)
        interviewer = [guess.column]
        notes.remarks["data.interviewer"] = guess.evidence
    roles = guess_roles(columns, choose_interviewer(columns, Wishes(interviewer=interviewer[0]), survey_file.name))
    if then.respondent is not None:
        _role("respondent", earlier, opened, made, roles.respondent, notes)
    made["interviewer"] = interviewer[0] if len(interviewer) == 1 else interviewer
    for key, guessed in (("weight", roles.weight), ("area", roles.area), ("team", roles.team)):
        if getattr(then, key) is not None:
            _role(key, earlier, opened, made, guessed, notes)
    if then.duration is not None:
        times = {key: role_column(earlier, columns, name) for key, name in then.duration.model_dump().items()
                 if name is not None and key != "date_order"}  # fmt: skip
        if all(times.values()):
            made["duration"] = {**earlier.value["data"]["duration"], **times}
        else:
            notes.lost.append(("data.duration", "its columns are not found"))
    if then.where is not None:
        why = _no_filter(then.where, opened)
        if why is None:
            made["where"] = then.where
        else:
            notes.lost.append((f"data.where ({then.where})", why))
    return made


def role_column(earlier: Earlier, columns: Sequence[Column], name: str) -> str | None:
    """The column with a role: called the same, or labelled the same."""
    if any(column.name == name for column in columns):
        return name
    match = match_columns([earlier.sought(name)], columns)[name]
    return match.column.name if isinstance(match, Match) else None


def _role(
    key: str, earlier: Earlier, opened: Opened, made: dict[str, Any], guessed: Guess | None, notes: _Notes
) -> None:
    then = getattr(earlier.config.data, key)
    name = role_column(earlier, opened.columns, then)
    if name is not None:
        made[key] = name
        if name != then:
            notes.remarks[f"data.{key}"] = f"the label of {then}"
    elif guessed is not None:
        made[key] = guessed.column
        notes.remarks[f"data.{key}"] = f"a guess: {then} is not found"
    else:
        notes.lost.append((f"data.{key}", f"{then} is not found"))


def _no_filter(where: str, opened: Opened) -> str | None:
    """Why a row filter cannot be kept."""
    row_filter = parse_where(where)
    absent = [name for name in row_filter.columns if name not in opened.table.columns]
    if absent:
        return f"{', '.join(absent)} is not found"
    return None if row_filter.matching(opened.table, "").any() else "no row of the file fulfils it"


def _groups(earlier: Earlier, now: Mapping[str, str]) -> list[dict[str, Any]]:
    made = []
    for raw in earlier.value.get("missing_code_groups", []):
        names = [raw["items"]] if isinstance(raw["items"], str) else raw["items"]
        kept = [now[name] for name in names if name in now]
        made += [{**raw, "items": kept}] if kept else []
    return made


def _covariates(earlier: Earlier, opened: Opened, notes: _Notes) -> list[Any]:
    made = []
    for raw, covariate in zip(
        earlier.value.get("respondent_covariates", []), earlier.config.respondent_covariates, strict=True
    ):
        match = match_columns([earlier.sought(covariate.name, covariate.label)], opened.columns)[covariate.name]
        if isinstance(match, Match):
            made.append(renamed(raw, match.column.name))
        else:
            notes.lost.append((f"respondent covariate {covariate.name}", match.reason))
    return made


def _batteries(earlier: Earlier, now: Mapping[str, str], notes: _Notes) -> list[dict[str, Any]]:
    made = []
    for battery in earlier.config.batteries:
        kept = [now[name] for name in battery.items if name in now]
        if len(kept) > 1:
            made.append({"name": battery.name, "items": kept})
        else:
            notes.lost.append((f"battery {battery.name}", f"{len(kept)} of its {len(battery.items)} items found again"))
    return made


def _archive(earlier: Earlier, folder: Path) -> dict[str, Any] | None:
    archive = earlier.config.archive
    if archive is None:
        return None
    made = {**earlier.value["archive"], "folder": earlier.path_from(archive.folder, folder)}
    if archive.earlier_waves and earlier.config.survey.wave is not None:
        made["earlier_waves"] = [*archive.earlier_waves, earlier.config.survey.wave]
    return made


def _beside(earlier: Earlier, folder: Path) -> list[tuple[str, str]]:
    """Files beside the earlier configuration that a new one in another folder would lack."""
    there = earlier.path.parent
    if there.absolute() == folder.absolute():
        return []
    files = (REVIEWED_FILE, *((KEY_FILE,) if earlier.config.report.pseudonyms else ()))
    return [(name, f"stands in {there}: copy it") for name in files if (there / name).is_file()]


def _further(opened: Opened, value: Mapping[str, Any], now: Mapping[str, str]) -> tuple[str, ...]:
    covariates = (*value["respondent_covariates"], *(value["interviewers"] or {}).get("covariates", ()))
    names = {one if isinstance(one, str) else one["name"] for one in covariates}
    roles = {name for name in value["data"].values() if isinstance(name, str)}
    questions = guess_items(opened.columns, frozenset({*now.values(), *names, *roles}), len(opened.table))
    return tuple(item.name for item in questions.items)
