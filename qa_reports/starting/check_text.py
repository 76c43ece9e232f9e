"""What `qa-report check` prints: plain lines that read without colour and at 80 columns."""

from __future__ import annotations

import textwrap
from collections import Counter
from collections.abc import Iterator
from itertools import groupby
from pathlib import Path

import numpy as np

from qa_reports.errors import one_line
from qa_reports.starting.check import Checked, CheckedItem
from qa_reports.survey.columns import number_text
from qa_reports.survey.suspects import CodeSuspect
from qa_reports.survey.wider_scale import values_words

_WIDTH = 80
_INDENT = 14
_MOST_NAMED = 10
"""Interviewers named one by one."""
_COLUMNS = (("item", 14), ("scale", 9), ("answers", 8), ("codes", 7), ("blank", 7), ("outside", 8))


def check_lines(path: Path, checked: Checked) -> Iterator[str]:
    """The whole answer, line by line; the last one says whether it would run."""
    yield one_line(str(path))
    nobody = checked.nobody_judged
    if nobody is not None:
        yield from _wrapped("look first", f"nobody can be judged: {nobody}")
    elif checked.wrong_column is not None:
        yield from _wrapped("look first", checked.wrong_column)
    for title, text in _facts(checked):
        yield from _wrapped(title, text)
    yield ""
    yield from _table(checked)
    yield from _obstacles(checked.items)
    yield from _scales(tuple(suspect for suspect in checked.survey.suspects if suspect.wider is not None))
    yield from _suspects(tuple(suspect for suspect in checked.survey.suspects if suspect.wider is None))
    if checked.survey.log.said:
        yield ""
        yield "notes"
        for note in checked.survey.log.said:
            yield from _wrapped("", note, indent=2)
    yield ""
    yield verdict(path, checked)


def verdict(path: Path, checked: Checked) -> str:
    """Whether the report would be made, and how much of it."""
    survey = checked.survey
    if checked.n_modelled and checked.unwritable is not None:
        return one_line(f"{path}: would not run: {checked.unwritable}")
    if not checked.would_run:
        return one_line(f"{path}: would not run: no item can be modelled; see why above")
    codes = len({(suspect.item, suspect.value) for suspect in survey.suspects if suspect.wider is None})
    scales = len({suspect.item for suspect in survey.suspects if suspect.wider is not None})
    looks = f"; {_counted(scales, 'scale')} to look at: mistyped?" if scales else ""
    looks += f"; {_counted(codes, 'value')} to look at: missing codes nobody declared?" if codes else ""
    judged = "; nobody can be judged: is data.interviewer the right column?" if checked.nobody_judged else ""
    if survey.log.delivered_twice is not None:
        looks = f"; to be put right: {survey.log.delivered_twice.title}{looks}"
    return one_line(
        f"{path}: would run: {checked.n_modelled:,} of {_counted(len(checked.items), 'item')}, "
        f"{_counted(survey.n_interviews, 'interview')} by {_counted(len(survey.interviewer_ids), 'interviewer')}"
        f"{judged}{looks}"
    )


def _facts(checked: Checked) -> Iterator[tuple[str, str]]:
    config, survey, log = checked.config, checked.survey, checked.survey.log
    yield "survey", " ".join(filter(None, (config.survey.name, config.survey.wave, config.survey.country)))
    yield "files", ", ".join(f"{file.path} ({file.rows:,} rows)" for file in survey.provenance)
    yield "interviews", f"{log.rows_used:,} of {log.rows_in:,} rows are used"
    for dropped in log.dropped:
        yield "", f"{_counted(dropped.n, 'row')} {'is' if dropped.n == 1 else 'are'} not: {dropped.reason}"
    for join in log.joins:
        rows = join.matched + join.unmatched
        yield (
            "",
            (
                f"{join.matched:,} of {rows:,} have a row in {join.file} (by {', '.join(join.on)}); {join.unused:,} "
                f"of its rows {'belongs' if join.unused == 1 else 'belong'} to no interview"
            ),
        )
    low, half, high = np.quantile(checked.workloads, [0, 0.5, 1])
    each = (
        f"{_counted(int(low), 'interview')} each"
        if low == high
        else (f"{low:.0f} to {high:.0f} interviews, half of them with {half:.0f} or more")
    )
    yield (
        "interviewers",
        (f"{len(survey.interviewer_ids):,} ({', '.join(config.data.interviewer)}) with {each}"),
    )
    if checked.too_few:
        few = [f"{name} ({n})" for name, n in checked.too_few]
        more = f" and {len(few) - _MOST_NAMED:,} more" if len(few) > _MOST_NAMED else ""
        yield (
            "",
            (
                f"{len(few):,} with fewer than {config.flags.min_interviews} are not judged: "
                f"{', '.join(few[:_MOST_NAMED])}{more}"
            ),
        )
    for title, covariates in (("respondents", survey.respondent_covariates), ("", survey.interviewer_covariates)):
        if covariates:
            whose = "compared for" if title else "differences between interviewers explained by"
            names = ", ".join(covariate.label for covariate in covariates)
            yield title or "explained", f"{whose} {names}"
    slopes = [f"{item.name} on {', '.join(item.slopes)}" for item in config.items if item.slopes]
    if slopes:
        yield "slopes", "; ".join(slopes)
    for place, (code, reason, n, items) in enumerate(checked.codes):
        shown = number_text(code) if isinstance(code, float) else code
        yield (
            "missing codes" if place == 0 else "",
            f"{shown} {reason}: {_counted(n, 'answer')} to {_counted(items, 'item')}",
        )


def _table(checked: Checked) -> Iterator[str]:
    """One line per item: what is left of it, what is lost to what, and its models."""
    models = {item.name: ", ".join(name for name, _ in item.models) for item in checked.items}
    usual = Counter(models.values()).most_common(1)[0][0]
    yield _row([title for title, _ in _COLUMNS])
    for item in checked.items:
        scale = "any" if item.scale is None else " to ".join(number_text(end) for end in item.scale)
        numbers = (item.n_answers, item.n_coded, item.n_blank, item.n_outside)
        other = "" if models[item.name] == usual else f"  {models[item.name] or 'not modelled'}"
        yield _row([item.name, scale, *(f"{number:,}" for number in numbers)]) + other
    if usual:
        where = "" if all(shown == usual for shown in models.values()) else ", where no others are named"
        yield from _wrapped("", f"models of each item: {usual}{where}", indent=2)


def _row(cells: list[str]) -> str:
    """Cells under each other: the first two from the left, numbers from the right."""
    shown = []
    for place, (cell, (_, width)) in enumerate(zip(cells, _COLUMNS, strict=True)):
        text = one_line(cell)
        text = text if len(text) < width else f"{text[: width - 2]}~"
        shown.append(f"{text:<{width}}" if place < 2 else f"{text:>{width}}")
    return "  " + "".join(shown)


def _obstacles(items: tuple[CheckedItem, ...]) -> Iterator[str]:
    reasons = [(item, model, reason) for item in items for model, reason in item.obstacles]
    if not reasons:
        return
    yield ""
    yield "not modelled"
    for item, model, reason in reasons:
        what = item.name if model == "null" else f"{item.name}, {model} model"
        yield from _wrapped("", f"{what}: {reason}", indent=2)


def _scales(suspects: tuple[CodeSuspect, ...]) -> Iterator[str]:
    """Each item whose scale may be mistyped, with the scale to paste first, and the codes after it."""
    if not suspects:
        return
    yield ""
    yield "scales that may be mistyped"
    for item, group in groupby(suspects, key=lambda suspect: suspect.item):
        own = tuple(group)
        wider = own[0].wider
        if wider is None:
            continue
        people = len({name for suspect in own for name, _ in suspect.interviewers})
        yield from _wrapped(
            "",
            f"{item}: {values_words([suspect.value for suspect in own])} in "
            f"{_counted(sum(suspect.n for suspect in own), 'interview')} of {_counted(people, 'interviewer')} "
            f"({_share(wider.share)} of the answers): {wider.where}; set aside",
            indent=2,
        )
        yield f"    if the scale is {wider.words}, correct it at this item in the configuration:"
        yield f"      {one_line(wider.yaml)}"
        yield f"    only if {'it is no answer' if len(own) == 1 else 'they are no answers'}, add there instead:"
        yield f"      {one_line(own[0].yaml)}"


def _share(share: float) -> str:
    return f"{share:.0%}" if share >= 0.01 else "less than 1%"


def _suspects(suspects: tuple[CodeSuspect, ...]) -> Iterator[str]:
    """Each suspicious value, and under the last one of an item the line to paste."""
    if not suspects:
        return
    yield ""
    yield "values that look like missing codes nobody declared"
    for place, suspect in enumerate(suspects):
        people = _counted(len(suspect.interviewers), "interviewer")
        aside = "set aside" if suspect.set_aside else "counts as an answer so far"
        yield from _wrapped(
            "",
            f"{suspect.item}: {number_text(suspect.value)} in {_counted(suspect.n, 'interview')} of {people}: "
            f"{suspect.reason}; {aside}",
            indent=2,
        )
        following = suspects[place + 1].item if place + 1 < len(suspects) else None
        if following != suspect.item:
            yield "    if it is no answer, add to this item in the configuration:"
            yield f"      {one_line(suspect.yaml)}"


def _wrapped(title: str, text: str, indent: int = _INDENT) -> Iterator[str]:
    """A title and its text beside it, in lines of 80 columns."""
    lines = textwrap.wrap(one_line(text), _WIDTH - indent, break_on_hyphens=False) or [""]
    for place, line in enumerate(lines):
        yield f"{title if place == 0 else '':<{indent}}{'  ' if place and indent < _INDENT else ''}{line}".rstrip()


def _counted(count: int, noun: str) -> str:
    return f"{count:,} {noun}" if count == 1 else f"{count:,} {noun}s"
