"""Step 5, report: a `ReportSummary` becomes text. The only module that knows Jinja."""

from __future__ import annotations

import base64
import contextlib
import hashlib
import importlib.metadata
import importlib.resources
import os
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path

import jinja2
import numpy as np
from jinja2.bccache import Bucket
from markupsafe import Markup
from msgspec.structs import replace

from qa_reports import __version__
from qa_reports.effects.intervals import Interval
from qa_reports.effects.patterns import PATTERN_NAMES, Pattern
from qa_reports.report.bidi import isolated
from qa_reports.report.explanation import lower_first
from qa_reports.report.figures import Figure
from qa_reports.report.fingerprint import FingerprintRow, fingerprint_rows
from qa_reports.report.formats import template_filters
from qa_reports.report.limits import MOST_LISTED, MOST_NAMED, MOST_ROWS
from qa_reports.report.page_data import anchor, page_data
from qa_reports.report.summarise import ReportSummary
from qa_reports.report.svg import Counts, answers_before_after, draw_svg, drawn_order, icc_bar
from qa_reports.report.trends import icc_trend, sparkline
from qa_reports.report.wave_changes import InterviewerChange
from qa_reports.report.wave_sentences import not_compared_sentence, roster_sentence, since_sentence
from qa_reports.report.wave_words import wave_in_words
from qa_reports.report.waves import ItemOverWaves
from qa_reports.survey.audit import InterviewerAudit

SCRIPTS = ("tables", "glossary", "figures", "fingerprint", "profiles", "folds", "report")
"""The page's script in parts, in the order in which they use each other."""

_PLACE = "<!-- item pages -->"
"""Where these belong. Words from outside are escaped, so it stands there once."""

SURVEYS_SCRIPTS = ("tables", "glossary", "surveys")
SURVEYS_GENERATOR = "qa-report, index of several surveys"
"""What the index of several surveys is known by."""


def templates_folder() -> Path:
    """Where the templates stand: inside the installed package, or beside it in a checkout."""
    package = Path(str(importlib.resources.files("qa_reports")))
    installed = package / "templates"
    return installed if installed.is_dir() else package.parent / "templates"


def template_environment() -> jinja2.Environment:
    """A Jinja environment that escapes every value and refuses a name it does not know.

    Escaping is on whatever the file's suffix: nothing here is ever text that may pass unescaped.
    """
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(templates_folder(), encoding="utf-8"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        bytecode_cache=_compiled(),
        trim_blocks=True,
        lstrip_blocks=True,
        finalize=_isolated,
    )
    environment.filters.update(template_filters())
    environment.filters["anchor"] = anchor
    environment.filters["since"] = since_sentence
    environment.filters["roster"] = roster_sentence
    environment.filters["not_compared"] = not_compared_sentence
    environment.filters["wave_in_words"] = wave_in_words
    environment.filters["pattern_name"] = _pattern_name
    return environment


def _isolated(value: object) -> object:
    """What is put into a page: other people's text keeps its direction to itself; what is marked up is finished."""
    return isolated(value) if isinstance(value, str) and not isinstance(value, Markup) else value


class _CompiledBeside(jinja2.FileSystemBytecodeCache):
    """Compiled templates in a folder beside them; one that cannot be read or written only costs its time."""

    def load_bytecode(self, bucket: Bucket) -> None:
        """Read what was compiled of one template."""
        try:
            super().load_bytecode(bucket)
        except Exception:  # a damaged file may fail in any way
            bucket.reset()

    def dump_bytecode(self, bucket: Bucket) -> None:
        """Keep what was compiled of one template."""
        with contextlib.suppress(OSError):
            super().dump_bytecode(bucket)


def _compiled() -> jinja2.BytecodeCache | None:
    """Compiled templates, kept as Python keeps its modules: beside them, where that folder can be written to.

    Compiling costs half of what a page costs. Who can write beside the templates could as well change them.
    """
    folder = templates_folder() / "__pycache__"
    with contextlib.suppress(OSError):
        folder.mkdir(exist_ok=True)
    if not os.access(folder, os.W_OK):
        return None
    return _CompiledBeside(str(folder), f"%s.{__version__}-isolated-jinja-{importlib.metadata.version('jinja2')}.cache")


def render_html(summary: ReportSummary) -> str:
    """The dashboard: one self-contained page with its style and script inside, allowed to load nothing else."""
    return with_item_pages(render_page(summary), render_item_pages(summary))


def render_page(summary: ReportSummary) -> str:
    """The dashboard but for the pages of items."""
    style = _asset("styles/report.css")
    script = Markup("").join(_asset(f"scripts/{name}.js") for name in SCRIPTS)
    return (
        _page_environment(summary)
        .get_template("report.html.j2")
        .render(
            **_shared(summary),
            item_pages=Markup(_PLACE),  # noqa: S704 -- a comment of ours
            labels=_column_labels(summary),
            cleaned=_cleaned(summary.cleaning.interviewers),
            most_rows=MOST_ROWS,
            most_listed=MOST_LISTED,
            rows=_fingerprint(summary),
            page_data="" if summary.everyone is None else Markup(page_data(summary.everyone, _reasons(summary))),  # noqa: S704 -- no "<" in it
            style=style,
            script=script,
            content_security_policy=_content_security_policy(style, script),
        )
    )


def render_item_pages(summary: ReportSummary) -> str:
    """The pages of items, half of what the dashboard costs: they can be made beside the rest."""
    return _page_environment(summary).get_template("item_pages.html.j2").render(**_shared(summary))


def with_item_pages(page: str, item_pages: str) -> str:
    """What `render_page` and `render_item_pages` make up together."""
    return page.replace(_PLACE, item_pages)


def _shared(summary: ReportSummary) -> dict[str, object]:
    """What every part of the page knows."""
    people = () if summary.everyone is None else summary.everyone.people
    profiled = frozenset((*(one.interviewer for one in summary.profiles), *(one.interviewer for one in people)))
    return {"report": summary, "profiled": profiled, "most_named": MOST_NAMED}


def _page_environment(summary: ReportSummary) -> jinja2.Environment:
    environment = template_environment()
    roster = () if summary.everyone is None else summary.everyone.people
    environment.filters["svg"] = partial(_svg, {person.interviewer: row for row, person in enumerate(roster)})
    environment.filters["icc_bar"] = _icc_bar
    environment.filters["answers_before_after"] = _answers_before_after
    environment.filters["icc_trend"] = _icc_trend
    environment.filters["trajectory"] = _trajectory
    return environment


def render_archive_index(index: object) -> str:
    """The index of an archive (`delivery.index.ArchiveIndex`): one self-contained page, without a script."""
    environment = template_environment()
    environment.filters["sparkline"] = _sparkline
    style = Markup("\n").join((_asset("styles/report.css"), _asset("styles/index.css")))
    return environment.get_template("index.html.j2").render(
        index=index, style=style, content_security_policy=_content_security_policy(style, None)
    )


def render_surveys_index(index: object) -> str:
    """The index of several surveys (`delivery.surveys.SurveysIndex`): one self-contained page."""
    style = Markup("\n").join((_asset("styles/report.css"), _asset("styles/surveys.css")))
    script = Markup("").join(_asset(f"scripts/{name}.js") for name in SURVEYS_SCRIPTS)
    return (
        template_environment()
        .get_template("surveys.html.j2")
        .render(
            index=index,
            style=style,
            script=script,
            generator=SURVEYS_GENERATOR,
            content_security_policy=_content_security_policy(style, script),
        )
    )


def render_feedback(sheets: object) -> str:
    """The pages for interviewers (`report.feedback.FeedbackSheets`), each with a bookmark, as they are laid out.

    Light enough for a thousand of them: a PDF of its own.
    """
    return template_environment().get_template("feedback.html.j2").render(feedback=sheets)


def _asset(path: str) -> Markup:
    """Our own style or script, the only text that is put into the page as it is."""
    return Markup((templates_folder() / path).read_text(encoding="utf-8"))  # noqa: S704 -- a file of this package


def _content_security_policy(style: str, script: str | None) -> str:
    """Nothing may be loaded, and only this very style and script may run."""
    scripts = "" if script is None else f"script-src '{_digest(script)}'; "
    return f"default-src 'none'; style-src '{_digest(style)}'; {scripts}base-uri 'none'; form-action 'none'"


def _digest(text: str) -> str:
    return f"sha256-{base64.b64encode(hashlib.sha256(text.encode('utf-8')).digest()).decode('ascii')}"


def _column_labels(summary: ReportSummary) -> dict[str, str]:
    """What the columns of the fingerprint are called: items, then indicators."""
    indicators = () if summary.indicators is None else summary.indicators.rows
    return {item.item: item.label for item in summary.items} | {row.name: row.label for row in indicators}


def _reasons(summary: ReportSummary) -> dict[str, tuple[str, ...]]:
    """Interviewer -> why they are worth a call, of those without a profile of their own."""
    there = {profile.interviewer for profile in summary.profiles}
    return {
        call.interviewer: tuple(reason.sentence for reason in call.explanation.reasons)
        for call in summary.calls
        if call.interviewer not in there
    }


def _cleaned(audits: Sequence[InterviewerAudit]) -> Sequence[InterviewerAudit]:
    """The interviewers whose cleaning is shown, in their order: of very many those with the most answers set aside."""
    if len(audits) <= MOST_ROWS:
        return audits
    lost = np.array([one.n_recoded + one.n_blank + one.n_out_of_range for one in audits])
    return [audits[k] for k in np.sort(np.argsort(-lost, kind="stable")[:MOST_ROWS])]


def _fingerprint(summary: ReportSummary) -> tuple[FingerprintRow, ...]:
    rows = fingerprint_rows(summary)
    return tuple(replace(row, cells=Markup(row.cells)) for row in rows)  # noqa: S704 -- tags of ours and numbers only


def _svg(roster: Mapping[str, int], shown: Figure) -> Markup:
    """A figure, told which of the roster's interviewers its marks are, so that the script can point at them."""
    drawn = draw_svg(shown)
    who = " ".join(str(roster.get(name, "")) or "-" for name in drawn_order(shown))
    if roster and who:
        drawn = drawn.replace("<svg ", f'<svg data-who="{who}" ', 1)
    return Markup(drawn)  # noqa: S704 -- svg.py escapes every word


def _pattern_name(pattern: Pattern) -> str:
    return lower_first(PATTERN_NAMES[pattern])


def _sparkline(values: Sequence[float | None], title: str) -> Markup:
    return Markup(sparkline(values, title))  # noqa: S704 -- trends.py escapes every word


def _icc_trend(item: ItemOverWaves, names: Sequence[str], highest: float) -> Markup:
    return Markup(icc_trend(item, names, highest))  # noqa: S704 -- trends.py escapes every word


def _trajectory(change: InterviewerChange) -> Markup:
    values = [None if point is None else point.mean_absolute_z for point in change.trajectory]
    return _sparkline(values, f"Mean |z| of interviewer {change.interviewer}, wave by wave")


def _icc_bar(drawn: tuple[float, float, Interval | None]) -> Markup:
    return Markup(icc_bar(*drawn))  # noqa: S704 -- numbers only


def _answers_before_after(drawn: tuple[Counts, Counts]) -> Markup:
    return Markup(answers_before_after(*drawn))  # noqa: S704 -- numbers only
