"""Step 6, deliver: `index.html` and `index.json` over the reports that one command has made.

Every link is relative, and nothing in them depends on the time: the same reports give the same bytes.
"""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from pathlib import Path
from urllib.parse import quote

import numpy as np
from msgspec import Struct
from msgspec.structs import asdict

from qa_reports.delivery.archive import write_atomically
from qa_reports.delivery.index import INDEX_NAME
from qa_reports.delivery.manifest import RunFacts
from qa_reports.errors import OutputError
from qa_reports.report.files import FILE_NAMES
from qa_reports.report.render import SURVEYS_GENERATOR, render_surveys_index

SURVEYS_JSON = "index.json"
SCHEMA_VERSION = 1
_WORDS = {"html": "Report", "pdf": "PDF", "xlsx": "Excel", "json": "JSON"}


class SurveyFacts(Struct, frozen=True):
    """What a report says of its survey, as much as the index shows."""

    survey: str
    country: str | None
    wave: str | None
    verdict: str
    n_interviews: int
    n_interviewers: int
    n_items: int
    n_items_modelled: int
    median_icc: float | None
    """Over the modelled items."""
    worst_item: str | None
    """Label of the item with the largest interviewer ICC."""
    worst_icc: float | None
    n_flagged: int
    """Interviewers worth a call."""
    n_critical: int
    expected_flagged: float | None
    """Interviewers that chance alone would flag."""
    n_doubts: int
    """Results that are not to be trusted as they stand."""
    files: dict[str, str]
    """Format -> path from the index's folder."""


class SurveyRow(Struct, frozen=True):
    """A configuration of the command: a report, or what stood in its way."""

    config: str
    """Its path as it was given."""
    report: SurveyFacts | None
    errors: tuple[str, ...]

    @property
    def links(self) -> tuple[tuple[str, str], ...]:
        """(words, relative address), the page for the browser first."""
        files = {} if self.report is None else self.report.files
        return tuple((words, quote(files[name])) for name, words in _WORDS.items() if name in files)


class SurveysIndex(Struct, frozen=True):
    """Everything the index shows."""

    rows: tuple[SurveyRow, ...]
    """In the order of the command."""

    @property
    def reports(self) -> tuple[SurveyFacts, ...]:
        """Of those that are made."""
        return tuple(row.report for row in self.rows if row.report is not None)

    @property
    def failed(self) -> tuple[SurveyRow, ...]:
        """Those that are not."""
        return tuple(row for row in self.rows if row.report is None)

    @property
    def n_flagged(self) -> int:
        """Interviewers worth a call in all surveys."""
        return sum(report.n_flagged for report in self.reports)

    @property
    def n_interviewers(self) -> int:
        """Of all surveys; who works in two of them counts twice."""
        return sum(report.n_interviewers for report in self.reports)

    @property
    def expected_flagged(self) -> float | None:
        """What chance alone would flag in all surveys; None where one of them does not say."""
        each = [report.expected_flagged for report in self.reports]
        return sum(one for one in each if one is not None) if None not in each else None

    @property
    def sentence(self) -> str:
        """What the index says in a few words."""
        n_made, n_all = len(self.reports), len(self.rows)
        people = "interviewer" if self.n_flagged == 1 else "interviewers"
        return f"{n_made:,} of {n_all:,} reports made, {self.n_flagged:,} {people} worth a call"


def facts_of(facts: RunFacts, folder: Path, files: Sequence[str], index_folder: Path) -> SurveyFacts:
    """What the index shows of a report.

    Args:
        facts: what the report says.
        folder: where it is.
        files: names of its files.
        index_folder: where the index will be.
    """
    iccs = {item.label: item.icc for item in facts.items if item.icc is not None}
    worst = max(iccs, key=lambda label: iccs[label], default=None)
    return SurveyFacts(
        survey=facts.survey,
        country=facts.country,
        wave=facts.wave,
        verdict=facts.sentence,
        n_interviews=facts.n_interviews,
        n_interviewers=facts.n_interviewers,
        n_items=len(facts.items),
        n_items_modelled=len(iccs),
        median_icc=float(np.median(list(iccs.values()))) if iccs else None,
        worst_item=worst,
        worst_icc=None if worst is None else iccs[worst],
        n_flagged=facts.n_flagged,
        n_critical=facts.n_critical,
        expected_flagged=facts.expected_flagged,
        n_doubts=facts.n_doubts,
        files={
            form: Path(os.path.relpath(folder.absolute() / name, index_folder.absolute())).as_posix()
            for form, name in FILE_NAMES.items()
            if name in files
        },
    )


def index_folder(configs: Sequence[Path], output: Path | None) -> Path:
    """Where the index of several reports goes: `--output`, or else the folder that all configurations stand in."""
    if output is not None:
        return output
    return Path(os.path.commonpath([config.absolute().parent for config in configs]))


def write_surveys_index(index: SurveysIndex, folder: Path) -> Path:
    """Write both files, each in one step, over an earlier index of several surveys only.

    Raises:
        OutputError: they cannot be written, or another page stands there.
    """
    page = folder / INDEX_NAME
    document = {
        "schema_version": SCHEMA_VERSION,
        "surveys": [{"config": row.config, "errors": row.errors, "report": _asdict(row.report)} for row in index.rows],
    }
    try:
        if page.is_file() and SURVEYS_GENERATOR.encode() not in page.read_bytes()[:2000]:
            raise OutputError(f"{page}: is another page, so there is no index of these reports; give an --output")
        folder.mkdir(parents=True, exist_ok=True)
        text = json.dumps(document, indent=1, ensure_ascii=False, allow_nan=False)
        write_atomically(folder / SURVEYS_JSON, f"{text}\n".encode("utf-8", "surrogatepass"))
        write_atomically(page, render_surveys_index(index).encode("utf-8", "surrogatepass"))
    except OSError as error:
        raise OutputError(f"{page}: the index cannot be written ({error.strerror or error})") from None
    return page


def _asdict(facts: SurveyFacts | None) -> dict[str, object] | None:
    return None if facts is None else asdict(facts)
