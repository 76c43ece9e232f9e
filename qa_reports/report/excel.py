"""Step 5, report: `results.xlsx`, the tables of `results.json` for people who sort and filter in a spreadsheet.

Labels, ids and reasons are untrusted: every text is written as a string cell, never as a formula or a link, and a
text that a spreadsheet could take for a formula when it is copied or saved as CSV starts with a space.
"""

from __future__ import annotations

import datetime
import io
import itertools
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, cast

from qa_reports.report.excel_interviewers import FLAGS, interviewer_columns
from qa_reports.report.excel_models import DOUBTS, FIXED_EFFECTS, MODELS, fixed_effect_rows, model_rows
from qa_reports.report.sheets import MOST_RECORDS, Cell, Column, Record, Sheet, key_value, neutral, within

NUMBER_FORMATS = {
    "text": "@",
    "count": "#,##0",
    "estimate": "0.0000",
    "share": "0.0%",
    "p": "0.0000",
    "code": "General",
}


def results_xlsx(document: Mapping[str, object]) -> bytes:
    """The workbook of a results document: flags, interviewers, items, effects, cleaning, suspects.

    The same document gives the same bytes: the workbook carries no time of its own.
    """
    import xlsxwriter

    target = io.BytesIO()
    options = {"in_memory": True, "strings_to_formulas": False, "strings_to_urls": False, "strings_to_numbers": False}
    workbook = xlsxwriter.Workbook(target, options)
    workbook.set_properties({"title": document["survey"], "created": datetime.datetime(2000, 1, 1)})  # noqa: DTZ001 -- a fixed date, so that bytes repeat
    heading = workbook.add_format({"bold": True, "text_wrap": True, "valign": "top", "bottom": 1})
    looks = {name: workbook.add_format({"num_format": code, "valign": "top"}) for name, code in NUMBER_FORMATS.items()}
    for sheet in _sheets(cast(Mapping[str, Any], document)):
        _write(workbook.add_worksheet(sheet.name), sheet, heading, looks)
    workbook.close()
    return target.getvalue()


def _write(worksheet: Any, sheet: Sheet, heading: object, looks: Mapping[str, object]) -> None:
    for k, column in enumerate(sheet.columns):
        worksheet.set_column(k, k, column.width, looks[column.look])
        worksheet.write_string(0, k, column.heading, heading)
    shown = min(len(sheet.records), MOST_RECORDS)
    for row, record in enumerate(itertools.islice(sheet.records, shown), start=1):
        for k, column in enumerate(sheet.columns):
            _write_cell(worksheet, row, k, column.value(record), looks[column.look])
    left_out = len(sheet.records) - shown
    if left_out:
        rows = "1 more row is" if left_out == 1 else f"{left_out:,} more rows are"
        worksheet.write_string(
            shown + 1, 0, f"{rows} in results.json: a sheet of Excel's has no place for them.", looks["text"]
        )
    worksheet.freeze_panes(1, 1)
    worksheet.autofilter(0, 0, shown, len(sheet.columns) - 1)


def _write_cell(worksheet: Any, row: int, column: int, value: Cell, look: object) -> None:
    if value is None or value == "":
        return  # an empty cell looks like its column
    if isinstance(value, bool):
        worksheet.write_string(row, column, "yes" if value else "no", look)
    elif isinstance(value, str):
        worksheet.write_string(row, column, neutral(value), look)
    else:
        worksheet.write_number(row, column, value, look)


def _sheets(document: Mapping[str, Any]) -> Iterator[Sheet]:
    yield Sheet("flags", FLAGS, document["flags"])
    yield Sheet("interviewers", interviewer_columns(document["interviewers"]), document["interviewers"])
    yield Sheet("items", _ITEMS, document["items"])
    yield Sheet("models", MODELS, list(model_rows(document["items"])))
    yield Sheet("fixed effects", FIXED_EFFECTS, list(fixed_effect_rows(document["items"])))
    yield Sheet("effects", _EFFECTS, document["effects"])
    for name, grouping in (("areas", "area"), ("teams", "team")):
        if document["sensitivity"] and document["sensitivity"][grouping]:
            yield Sheet(name, _GROUPED, document["sensitivity"][grouping]["items"])
    if document["sensitivity"] and document["sensitivity"]["weights"]:
        yield Sheet("weights", _WEIGHTED, document["sensitivity"]["weights"]["items"])
    yield Sheet("indicators", _INDICATORS, document.get("indicators", []))
    yield Sheet("indicators by interviewer", _BY_INDICATOR, list(_indicator_rows(document.get("indicators", []))))
    yield Sheet("similar interviews", _PAIRS, list(_pair_rows(document.get("similar_pairs"))))
    yield Sheet("doubts", DOUBTS, document["doubts"])
    yield Sheet("cleaning", _CLEANING, list(_cleaning_rows(document["cleaning"])))
    yield Sheet("item audit", _ITEM_AUDIT, document["cleaning"]["items"])
    yield Sheet("interviewer audit", _INTERVIEWER_AUDIT, document["cleaning"]["interviewers"])
    yield Sheet("descriptives", _DESCRIPTIVES, document["cleaning"]["descriptives"])
    yield Sheet("suspects", _SUSPECTS, document["code_suspects"])


def _indicator_rows(indicators: Sequence[Record]) -> Iterator[Record]:
    for indicator in indicators:
        for row in indicator["interviewers"]:
            yield {"indicator": indicator["indicator"], "unit": indicator["unit"], **row}


def _pair_rows(similar: Record | None) -> Iterator[Record]:
    for pair in similar["pairs"] if similar else ():
        first, second = pair["interviewers"]
        one, other = pair["respondents"]
        yield {"interviewer": first, "respondent": one, "other": second, "other_respondent": other, **pair}


def _cleaning_rows(cleaning: Mapping[str, Any]) -> Iterator[Record]:
    for row in cleaning["dropped"]:
        yield {"what": "row not used", "item": None, "code": None, "interviewers": {}, **row}
    repeated = cleaning["repeated_ids"] or {}
    for kind, words in (
        ("counted_twice", "same answers as an earlier row"),
        ("others", "other answers or interviewer"),
    ):
        row = repeated.get(kind)
        if row and row["n"]:
            yield {"what": "repeated id, used", "item": None, "code": None, "reason": words, **row}
    for row in cleaning["joins"]:
        lost: dict[str, Any] = {"item": None, "code": None, "interviewers": {}}
        for what, reason in (("unmatched", "no row in"), ("unused", "never used rows of")):
            yield {"what": "join", "reason": f"{reason} {row['file']}", "n": row[what], **lost}
    for row in cleaning["recoded"]:
        yield {"what": "missing code", **row}
    for row in cleaning["out_of_range"]:
        yield {"what": "out of range", "code": row["value"], "reason": "outside the declared scale", **row}


def _counts(record: Record) -> Cell:
    return ", ".join(f"{interviewer}: {n}" for interviewer, n in record["interviewers"].items())


def _perhaps_scale(record: Record) -> Cell:
    ends = record["perhaps_scale"]
    return None if ends is None else " to ".join(str(end) for end in ends)


def _limit(name: str, end: int) -> Callable[[Record], Cell]:
    def value(record: Record) -> Cell:
        return None if record.get(name) is None else cast(Cell, record[name][end])

    return value


def _explained(record: Record) -> Cell:
    return cast(Cell, _nested(record, "variance_explained", "null -> adjusted", "intercept", "share"))


def _null_exact_p(record: Record) -> Cell:
    return cast(Cell, _nested(record, "models", "null", "exact_p"))


def _nested(record: Record, *names: str) -> object:
    """What stands under names within names; None where one of them is missing."""
    found: Any = record
    for name in names:
        found = found.get(name) if isinstance(found, Mapping) else None
    return found


def _null_variance(part: str) -> Callable[[Record], Cell]:
    def value(record: Record) -> Cell:
        null = record["models"]["null"]
        return cast(Cell, null["variance_components"][part]) if null else None

    return value


def _null_p(record: Record) -> Cell:
    null = record["models"]["null"]
    return cast(Cell, null["tests"][0]["p"]) if null and null["tests"] else None


def _treatment(name: str, key: str) -> Callable[[Record], Cell]:
    def value(record: Record) -> Cell:
        shown = record["treatments"][name]
        found = None if shown is None else shown[key]
        return ", ".join(found) if isinstance(found, list) else cast(Cell, found)

    return value


def _distribution(record: Record) -> Cell:
    return ", ".join(f"{entry['value']}: {entry['n']}" for entry in record["distribution"])


_ITEMS = (
    Column("item", "text", 14, key_value("item")),
    Column("label", "text", 40, key_value("label")),
    Column("status", "text", 15, key_value("status")),
    Column("interviews", "count", 11, key_value("n_interviews")),
    Column("interviewers", "count", 12, key_value("n_interviewers")),
    Column("ICC", "share", 8, key_value("icc")),
    Column("ICC from", "share", 9, _limit("icc_interval", 0)),
    Column("ICC to", "share", 9, _limit("icc_interval", 1)),
    Column("kind", "text", 10, key_value("kind")),
    Column("latent ICC (own scale)", "share", 20, within("categorical", "latent_icc")),
    Column("design effect", "estimate", 13, key_value("design_effect")),
    Column("effective interviews", "count", 19, key_value("effective_n")),
    Column("intercept variance", "estimate", 17, _null_variance("intercept")),
    Column("residual variance", "estimate", 17, _null_variance("residual")),
    Column("p of the intercept variance", "p", 25, _null_p),
    Column("exact p", "p", 10, _null_exact_p),
    Column("variance explained by respondents", "share", 30, _explained),
    Column("spread between interviewers (tau)", "estimate", 30, within("spread", "tau")),
    Column("p of the spread", "p", 15, within("spread", "p")),
    Column("ICC without flagged", "share", 19, within("without_flagged", "icc")),
    Column("log-likelihood minus referee's", "code", 28, within("referee", "loglik_difference")),
    Column("referee agrees", "text", 15, within("referee", "agrees")),
    Column("reason", "text", 60, key_value("reason")),
)
_EFFECTS = (
    Column("item", "text", 14, key_value("item")),
    Column("model", "text", 11, key_value("model")),
    Column("interviewer", "text", 14, key_value("interviewer")),
    Column("term", "text", 18, key_value("term")),
    Column("interviews", "count", 11, key_value("n_interviews")),
    Column("EBLUP", "estimate", 10, key_value("eblup")),
    Column("conditional sd", "estimate", 15, key_value("conditional_sd")),
    Column("diagnostic se", "estimate", 14, key_value("diagnostic_se")),
    Column("deviation", "estimate", 11, key_value("deviation")),
    Column("deviation se", "estimate", 13, key_value("deviation_se")),
    Column("z", "estimate", 10, key_value("z")),
    Column("p", "p", 10, key_value("p")),
    Column("reliability", "share", 11, key_value("reliability")),
    Column("expected rank", "estimate", 13, key_value("expected_rank")),
    Column("detectable shift", "estimate", 16, key_value("detectable")),
    Column("variance without them, as a ratio", "estimate", 30, key_value("variance_ratio")),
    Column("Cook's distance", "estimate", 15, key_value("cooks_distance")),
    Column("covariance ratio", "estimate", 15, key_value("covariance_ratio")),
)
_GROUPED = (
    Column("item", "text", 14, key_value("item")),
    Column("label", "text", 40, key_value("label")),
    Column("status", "text", 15, key_value("status")),
    Column("interviews", "count", 11, key_value("n_interviews")),
    Column("interviewers", "count", 12, key_value("n_interviewers")),
    Column("areas or teams", "count", 14, key_value("n_groups")),
    Column("ICC of interviewers alone", "share", 24, key_value("icc_alone")),
    Column("ICC of interviewers", "share", 19, key_value("icc")),
    Column("p of interviewers", "p", 17, key_value("p")),
    Column("ICC of areas or teams", "share", 21, key_value("group_icc")),
    Column("p of areas or teams", "p", 19, key_value("group_p")),
    Column("interviewer variance", "estimate", 20, key_value("intercept")),
    Column("area or team variance", "estimate", 21, key_value("group")),
    Column("residual variance", "estimate", 17, key_value("residual")),
    Column("reason", "text", 60, key_value("reason")),
)
_WEIGHTED = (
    Column("item", "text", 14, key_value("item")),
    Column("label", "text", 40, key_value("label")),
    Column("status", "text", 15, within("null", "status")),
    Column("interviews", "count", 11, within("null", "n_interviews")),
    Column("effective interviews", "count", 19, key_value("effective_n")),
    Column("ICC", "share", 8, within("null", "unweighted_icc")),
    Column("ICC with weights, effective scaling", "share", 32, within("null", "icc_effective")),
    Column("ICC with weights, usual scaling", "share", 29, within("null", "icc")),
    Column("standard error", "share", 14, within("null", "icc_se")),
    Column("ICC with weights, adjusted", "share", 25, within("adjusted", "icc")),
    Column("mean", "estimate", 10, key_value("mean")),
    Column("weighted mean", "estimate", 14, key_value("weighted_mean")),
    Column("standard error of the mean", "estimate", 25, key_value("weighted_mean_se")),
    Column("reason", "text", 60, within("null", "reason")),
)
_INDICATORS = (
    Column("indicator", "text", 26, key_value("indicator")),
    Column("kind", "text", 16, key_value("kind")),
    Column("label", "text", 40, key_value("label")),
    Column("not applicable because", "text", 50, key_value("reason")),
    Column("interviews", "count", 11, key_value("n_interviews")),
    Column("mean", "estimate", 10, key_value("mean")),
    Column("unit", "text", 24, key_value("unit")),
    Column("judged by", "text", 16, key_value("judged_by")),
    Column("ICC", "share", 8, within("model", "icc")),
    Column("variance", "estimate", 11, within("model", "variance")),
    Column("p of the variance", "p", 16, within("model", "p")),
    Column("threshold", "text", 70, key_value("threshold")),
)
_BY_INDICATOR = (
    Column("indicator", "text", 26, key_value("indicator")),
    Column("interviewer", "text", 14, key_value("interviewer")),
    Column("interviews", "count", 11, key_value("n_interviews")),
    Column("mean", "estimate", 10, key_value("mean")),
    Column("mean elsewhere", "estimate", 14, key_value("mean_elsewhere")),
    Column("unit", "text", 24, key_value("unit")),
    Column("affected interviews", "count", 18, key_value("affected")),
    Column("share elsewhere", "share", 14, key_value("share_elsewhere")),
    Column("EBLUP", "estimate", 10, key_value("eblup")),
    Column("conditional sd", "estimate", 15, key_value("conditional_sd")),
    Column("diagnostic se", "estimate", 14, key_value("diagnostic_se")),
    Column("z", "estimate", 10, key_value("z")),
    Column("p, one-sided", "p", 12, key_value("p")),
)
_PAIRS = (
    Column("interviewer", "text", 14, key_value("interviewer")),
    Column("respondent", "text", 16, key_value("respondent")),
    Column("other interviewer", "text", 16, key_value("other")),
    Column("other respondent", "text", 16, key_value("other_respondent")),
    Column("identical answers", "share", 16, key_value("share")),
    Column("of answers both gave", "count", 18, key_value("shared")),
    Column("pairs expected by chance", "estimate", 20, key_value("expected")),
)
_CLEANING = (
    Column("what", "text", 14, key_value("what")),
    Column("item", "text", 14, key_value("item")),
    Column("code", "code", 9, key_value("code")),
    Column("reason", "text", 34, key_value("reason")),
    Column("answers or rows", "count", 16, key_value("n")),
    Column("interviewers", "text", 70, _counts),
)
_AUDIT = (
    Column("interviews", "count", 11, key_value("n_interviews")),
    Column("valid answers", "count", 13, key_value("n_answers")),
    Column("set to missing", "count", 14, key_value("n_recoded")),
    Column("blank", "count", 8, key_value("n_blank")),
    Column("out of range", "count", 12, key_value("n_out_of_range")),
)
_ITEM_AUDIT = (Column("item", "text", 14, key_value("item")), *_AUDIT)
_INTERVIEWER_AUDIT = (Column("interviewer", "text", 14, key_value("interviewer")), *_AUDIT)
_DESCRIPTIVES = (
    Column("item", "text", 14, key_value("item")),
    Column("cleaning", "text", 10, key_value("stage")),
    Column("n", "count", 9, key_value("n")),
    Column("mean", "estimate", 10, key_value("mean")),
    Column("sd", "estimate", 10, key_value("sd")),
    Column("minimum", "code", 9, key_value("minimum")),
    Column("lower quartile", "code", 13, key_value("lower_quartile")),
    Column("median", "code", 9, key_value("median")),
    Column("upper quartile", "code", 13, key_value("upper_quartile")),
    Column("maximum", "code", 9, key_value("maximum")),
    Column("weighted n", "count", 11, within("weighted", "n")),
    Column("weighted mean", "estimate", 14, within("weighted", "mean")),
    Column("weighted sd", "estimate", 12, within("weighted", "sd")),
    Column("weighted lower quartile", "code", 21, within("weighted", "lower_quartile")),
    Column("weighted median", "code", 15, within("weighted", "median")),
    Column("weighted upper quartile", "code", 21, within("weighted", "upper_quartile")),
    Column("distribution", "text", 60, _distribution),
)
_SUSPECTS = (
    Column("item", "text", 14, key_value("item")),
    Column("value", "code", 9, key_value("value")),
    Column("answers", "count", 9, key_value("n")),
    Column("interviewers", "text", 40, _counts),
    Column("reason", "text", 30, key_value("reason")),
    Column("kind", "text", 13, key_value("kind")),
    Column("perhaps scale", "text", 13, _perhaps_scale),
    Column("set aside", "text", 10, key_value("set_aside")),
    *(
        Column(f"{heading} {words}", look, 12, _treatment(name, key))
        for name, words in (
            ("without", "without"),
            ("with_value", "with"),
            ("with_all_of_item", "with all of the item"),
        )
        for heading, look, key in (
            ("mean", "estimate", "mean"),
            ("ICC", "share", "icc"),
            ("standing out", "text", "standing_out"),
        )
    ),
    Column("line for the configuration", "text", 60, key_value("yaml")),
)
