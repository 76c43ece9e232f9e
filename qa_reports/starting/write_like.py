"""A configuration that was made from an earlier one, as a YAML file with remarks."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from qa_reports.config.yaml_text import yaml_text
from qa_reports.starting.earlier import Earlier
from qa_reports.starting.like import Likened
from qa_reports.starting.lines import WIDTH, remark_lines, remarked
from qa_reports.survey.columns import number_text

_MOST_NAMED = 12
_TITLES = {
    "survey": "What the report is about.",
    "data": "The survey file, and the columns that are not questions.",
    "missing_codes": "Answers that are no answers.",
    "interviewers": "What is known about the interviewers.",
    "respondent_covariates": "How respondents differ anyway.",
    "items": "The questions, found again by their labels where nothing else is said. `key` is "
    "the name in the earlier wave, by which waves are compared.",
    "batteries": "Questions that are asked as one grid.",
}


def write_like(made: Likened, config_name: str, earlier: Path, schema: str) -> str:
    """The whole file.

    Args:
        made: what it says.
        config_name: what it will be called.
        earlier: the earlier configuration.
        schema: name of the schema beside it.
    """
    lines = [f"# yaml-language-server: $schema={schema}", "#"]
    lines += remark_lines(
        f"Written by `qa-report init` from {earlier.name}: compare it with the questionnaire, above all what is new. "
        f"Then `qa-report check {config_name}`."
    )
    for title, found in (("Items that are not found", made.lost_items), ("Left out", made.lost)):
        if found:
            lines += ["#", f"# {title}:"]
            for what, why in found:
                lines += remark_lines(f"- {what}: {why}")
    if made.further:
        lines += ["#", *remark_lines(further_words(made.further))]
    for section, content in made.value.items():
        lines.append("")
        if section in _TITLES:
            lines += remark_lines(_TITLES[section])
        lines += _section(section, content, made)
    if "archive" not in made.value:
        lines += ["", *remark_lines("Waves are compared in an archive, which the earlier configuration has none of:")]
        lines.append("# archive: {folder: archive}")
    if made.email is not None:
        lines += ["", *remark_lines('To mail the report as before, take away the "#" once it has been looked at:')]
        lines += [f"# {line}" for line in _key("email", made.email, "")]
    return "\n".join(lines) + "\n"


def likened_words(config: Path, made: Likened, earlier: Earlier) -> Iterator[str]:
    """What was found again and how, and what was not, in a few lines for the terminal."""
    how = {"label": "by their labels", "name": "by their names", "key": "by their keys"}
    found = ", ".join(f"{made.matched[kind]:,} {words}" for kind, words in how.items() if made.matched[kind])
    n_found, n_items = len(made.value["items"]), len(earlier.config.items)
    yield f"{config}: {n_found:,} of {n_items:,} items of {earlier.path} are found again ({found})"
    if made.unread is not None:
        yield f"labels of the earlier files are not known: {made.unread}"
    for title, lost in (("items not found", made.lost_items), ("left out", made.lost)):
        if lost:
            shown = "; ".join(f"{what} ({why})" for what, why in lost[:_MOST_NAMED])
            more = f"; and {len(lost) - _MOST_NAMED:,} more" if len(lost) > _MOST_NAMED else ""
            yield f"{title}: {shown}{more}"
    if "survey.wave" in made.remarks:
        yield f"survey.wave: {made.remarks['survey.wave']}"


def further_words(names: Sequence[str]) -> str:
    """Questions that were not examined in the earlier wave, in a sentence."""
    shown = ", ".join(names[:_MOST_NAMED])
    more = f" and {len(names) - _MOST_NAMED:,} more" if len(names) > _MOST_NAMED else ""
    return f"Further columns look like questions: {shown}{more} (`qa-report init` without --like writes them down)."


def _section(section: str, content: Any, made: Likened) -> Iterator[str]:
    if section in ("survey", "data"):
        yield f"{section}:"
        for key, value in content.items():
            yield from remarked("\n".join(_key(key, value, "  ")), made.remarks.get(f"{section}.{key}", ""))
        if section == "survey" and "wave" not in content:
            yield from remark_lines(f"wave: Wave 2   {made.remarks.get('survey.wave', '')}", "  ")
    elif section == "items":
        yield "items:"
        for entry in content:
            yield from remarked("\n".join(_entry(entry, "  ")), made.remarks.get(f"items.{entry['name']}", ""))
    else:
        yield from _key(section, content, "")


def _key(key: str, value: Any, indent: str) -> Iterator[str]:
    one = f"{indent}{_scalar(key)}: {_flow(value)}"
    listed = isinstance(value, list) and any(isinstance(entry, dict) for entry in value)
    if not isinstance(value, dict | list) or not value or (len(one) <= WIDTH and not listed):
        yield one
        return
    yield f"{indent}{_scalar(key)}:"
    yield from _block(value, f"{indent}  ")


def _block(value: dict[Any, Any] | list[Any], indent: str) -> Iterator[str]:
    if isinstance(value, dict):
        for key, content in value.items():
            yield from _key(key, content, indent)
    else:
        for entry in value:
            yield from _entry(entry, indent)


def _entry(entry: Any, indent: str) -> Iterator[str]:
    one = f"{indent}- {_flow(entry)}"
    if len(one) <= WIDTH or not isinstance(entry, dict | list):
        yield one
        return
    first, *others = _block(entry, f"{indent}  ")
    yield f"{indent}- {first[len(indent) + 2 :]}"
    yield from others


def _flow(value: Any) -> str:
    if isinstance(value, dict):
        return f"{{{', '.join(f'{_scalar(key)}: {_flow(content)}' for key, content in value.items())}}}"
    if isinstance(value, list):
        return f"[{', '.join(_flow(entry) for entry in value)}]"
    return _scalar(value)


def _scalar(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float):
        return number_text(value) if value.is_integer() else repr(value)
    return str(value) if isinstance(value, int) else yaml_text(str(value))
