"""The six steps in order: load, clean, estimate, flag, report, deliver. Read this module first."""

from __future__ import annotations

import datetime
import functools
import importlib.metadata
import os
import platform
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Literal

from msgspec import Struct

from qa_reports import __version__
from qa_reports.config import REVIEWED_FILE, ConfigFile, Format, ReportConfig, load_reviewed, read_content
from qa_reports.delivery.archive import ArchivedRun, list_archive
from qa_reports.delivery.folder import check_writable, write_files
from qa_reports.delivery.history import find_history, other_data_note
from qa_reports.delivery.keep import data_of, find_same, keep_run, refresh_index, run_facts
from qa_reports.delivery.manifest import HashedFile, RunFacts, fingerprint, sha256_of
from qa_reports.delivery.pseudonyms import keep_pseudonyms
from qa_reports.effects.damage import measure_damages
from qa_reports.effects.estimate import ItemEffects, ItemNotModelled, begin_items, set_flagged_aside
from qa_reports.effects.indicator_effects import JudgedIndicators, estimate_indicators, with_more_at_hand
from qa_reports.effects.reviewed import mark_reviewed, unknown_interviewers
from qa_reports.effects.sensitivity import (
    NO_SENSITIVITY,
    Sensitivity,
    examine_sensitivity,
    fit_sensitivity,
    named_items,
)
from qa_reports.effects.vanish import settle_flags
from qa_reports.engine.choose import clean_delivered, load_delivered
from qa_reports.errors import DataError, OutputError, UserError
from qa_reports.indicators.collect import measure_indicators
from qa_reports.progress import Progress
from qa_reports.report.feedback import feedback_sheets
from qa_reports.report.files import FILE_NAMES, report_files
from qa_reports.report.mail import MAIL_FILE, mail_files, teams_without_interviewers
from qa_reports.report.parquet import require_parquet
from qa_reports.report.pdf_layout import LAID_OUT, pdf_obstacle
from qa_reports.report.results import results_document
from qa_reports.report.results_waves import with_waves
from qa_reports.report.summarise import summarise
from qa_reports.report.unprintable import outside_words, unprintable_letters, unprintable_note
from qa_reports.report.wave_results import results_of
from qa_reports.report.waves import Wave, WaveComparison, compare_waves, rename_wave
from qa_reports.second_core import IN_TURN, Later, SecondCore, second_core
from qa_reports.survey.clean import Survey
from qa_reports.survey.pseudonyms import KEY_FILE, choose_pseudonyms, read_key, under_pseudonyms, with_all_respondents

Mailing = Literal["send", "write", "none"]
"""Mail the archived report, write the messages as `.eml` files and send nothing, or neither."""

_SECONDS = 20_000
"""Interviews up to which a report takes seconds."""
_NUMERICAL_LIBRARIES = ("numpy", "scipy", "pandas", "statsmodels")


class ReportMade(Struct, frozen=True):
    """A report that now stands in `folder`, and what it says in a few words."""

    folder: Path
    files: tuple[str, ...]
    """Names of the files in the folder, the one to open first."""
    facts: RunFacts
    """What it says, and what it was made from."""
    all_mailed: bool = True
    """Whether everybody who is to get it by e-mail has it."""

    @property
    def shown(self) -> Path:
        """The file to open."""
        return self.folder / self.files[0]


def make_report(
    file: ConfigFile,
    output: Path | None,
    formats: tuple[Format, ...] | None,
    progress: Progress,
    new_run: bool = False,
    mailing: Mailing = "send",
    alone: bool = True,
    referee: SecondCore | None = None,
    press: SecondCore | None = None,
) -> ReportMade:
    """Make the report of one configuration.

    Args:
        file: the configuration.
        output: folder for the files; where None, the configured archive, or else `<config stem>-report` beside the
            configuration.
        formats: what to make; what the configuration says where None.
        progress: told about every step.
        new_run: archive a run even if one made from the same things is there.
        mailing: what to do about the `email` section.
        alone: use a second core; where other reports are made at the same time, they have it.
        referee: where second opinions are asked for and pictures drawn; on the second core, where None.
        press: where PDFs are laid out; where None, a process is begun for it.

    Raises:
        UserError: something the user can put right; then no file has been written.
    """
    with second_core(wanted=alone) as core, second_core(wanted=alone) as another:
        return _make_report(file, output, formats, progress, new_run, mailing, core, referee or core, press or another)


def _make_report(
    file: ConfigFile,
    output: Path | None,
    formats: tuple[Format, ...] | None,
    progress: Progress,
    new_run: bool,
    mailing: Mailing,
    core: SecondCore,
    referee: SecondCore,
    press: SecondCore,
) -> ReportMade:
    """`core` does what takes long beside this process, `referee` is asked and draws, `press` lays PDFs out."""
    config_path, config = file.path, file.config
    wanted = formats or config.report.formats
    obstacle = press.start(pdf_obstacle) if LAID_OUT.intersection(wanted) else _none
    if "parquet" in wanted:
        require_parquet()
    reviewed_path = config_path.with_name(REVIEWED_FILE)
    reviewed_file = read_content(reviewed_path) if reviewed_path.is_file() else None
    reviewed = () if reviewed_file is None else load_reviewed(reviewed_path, reviewed_file)
    folder = output or config_path.with_name(f"{config_path.stem}-report")
    archive = None if config.archive is None else config_path.parent / config.archive.folder
    keep = archive is not None and output is None
    if not keep:
        check_writable(folder, tuple(FILE_NAMES[name] for name in wanted))
    printed_date, versions = _printed_date(), _versions()

    progress.begin("load")
    delivered = load_delivered(config, config_path.parent)
    progress.end("load", f"{delivered.n_rows:,} interviews from {config.data.source}")

    # What stands in the way of a PDF is known only after all that draws it is loaded. A run that is kept is recognised
    # by its files, and who asked for a PDF of many interviews wants to know before they are modelled; otherwise there
    # is time until the report.
    asked = formats is not None
    at_once = keep or (asked and delivered.n_rows > _SECONDS)
    makeable = _makeable_formats(wanted, asked, obstacle(), progress) if at_once else wanted
    if keep and "json" not in makeable:
        makeable = (*makeable, "json")  # later waves are compared with it
    names = tuple(FILE_NAMES[name] for name in makeable)
    runs = () if archive is None else list_archive(archive).runs
    history = find_history(runs, config)
    used = HashedFile(config_path.name, sha256_of(file.content))
    inputs = tuple(HashedFile(file.path, file.sha256) for file in delivered.provenance)
    if reviewed_file is not None and reviewed:
        inputs = (*inputs, HashedFile(REVIEWED_FILE, sha256_of(reviewed_file)))
    key = read_key(config_path.with_name(KEY_FILE)) if config.report.pseudonyms else None
    if key is not None:
        inputs = (*inputs, HashedFile(KEY_FILE, sha256_of(key.text.encode())))
    kept = names if config.email is None else (*names, MAIL_FILE)
    mark = fingerprint(used.sha256, inputs, history.runs, versions, kept)
    same = find_same(runs, mark) if keep and not new_run else None
    if archive is not None and same is not None:
        refresh_index(archive, same)
        progress.note(f"already archived as {same.manifest.run}: same data, same configuration, same program")
        return _archived(same, _mail(same.folder, config, config_path, mailing, progress))
    again = other_data_note(runs, config, data_of(config, inputs)) if keep else None
    for note in (*history.notes, *filter(None, [again])):
        progress.note(note)

    progress.begin("clean")
    survey = clean_delivered(delivered, config, config_path.parent, key)
    pseudonyms = None if key is None else choose_pseudonyms(survey, key)
    earlier = history.waves
    if pseudonyms is not None:
        survey = under_pseudonyms(survey, pseudonyms)
        earlier = tuple(rename_wave(wave, pseudonyms.of_interviewer) for wave in earlier)
        reviewed = tuple(
            entry.model_copy(update={"interviewer": pseudonyms.of_interviewer(entry.interviewer)}) for entry in reviewed
        )
    progress.end("clean", _cleaned(survey))

    progress.begin("estimate")
    # An engine cannot be asked from another process.
    beside = core if survey.whole is None else IN_TURN
    judged = functools.cache(beside.start(_judged_indicators, survey, config))
    # What flags do not rest on waits until the models that they do are fitted.
    rest = Later(referee)
    begun = begin_items(survey, config, referee, rest)
    items = begun.items
    _require_a_model(items, config)
    every = survey.n_rows == survey.n_interviews
    fitted = core.start(fit_sensitivity, survey.at_hand, named_items(items), config) if every else _no_sensitivity
    unprinted: Callable[[], str] = str
    if LAID_OUT.intersection(makeable):
        unprinted = referee.start(unprintable_letters, outside_words(survey, config))
    damages = measure_damages(survey, config, referee)
    rest.begin()
    if beside is IN_TURN:
        judged()  # nobody examines them meanwhile
    progress.end("estimate", _estimated(items, progress))

    progress.begin("flag")
    flags = settle_flags(survey, items, damages, config, referee, judged)
    indicators = judged()
    flags = mark_reviewed(flags, reviewed, config.survey.wave)
    for note in unknown_interviewers(reviewed, survey.interviewer_ids):
        progress.note(note)
    worth_a_call = [verdict for verdict in flags.interviewers if verdict.severity != "none"]
    items = set_flagged_aside(survey, items, [verdict.interviewer for verdict in worth_a_call], referee)
    sensitivity = examine_sensitivity(survey, items, flags, config, fitted())
    shown = survey.with_all_of({flag.interviewer for flag in flags.flags})
    if shown is not survey and pseudonyms is not None:
        shown, pseudonyms = with_all_respondents(shown, pseudonyms)
    if shown is not survey:
        survey, indicators = shown, with_more_at_hand(indicators, shown, config)
    progress.end("flag", f"{len(worth_a_call):,} of {len(flags.interviewers):,} interviewers worth a call")

    progress.begin("report")
    if not at_once:
        makeable = _makeable_formats(wanted, asked, obstacle(), progress)
    items = begun.completed(items)

    @functools.cache
    def document() -> dict[str, object]:
        return results_document(survey, items, damages, flags, config, versions, used.sha256, sensitivity, indicators)

    waves = _compared(earlier, document, config, survey)
    summary = summarise(survey, items, damages, flags, config, printed_date, versions, waves, sensitivity, indicators)
    sheets = None
    if "feedback" in makeable:
        sheets = feedback_sheets(survey, flags, indicators, config, summary.heading)
    laid_out = LAID_OUT.intersection(makeable)
    files = report_files(summary, lambda: with_waves(document(), waves), makeable, core, referee, press, sheets)
    if laid_out and (lacking := unprinted()):
        progress.note(unprintable_note(lacking, laid_out))
    if keep and config.email is not None:
        files |= mail_files(summary, flags, tuple(config.email.teams), files, document())
        for note in teams_without_interviewers(flags, tuple(config.email.teams)):
            progress.note(note)
    progress.end("report", ", ".join(f"{name} {_size(content)}" for name, content in files.items()))

    progress.begin("deliver")
    if pseudonyms is not None:
        keep_pseudonyms(pseudonyms, config_path.parent)
    facts = run_facts(config, summary, used, inputs, history.runs, versions, mark)
    if archive is not None and keep:
        run = keep_run(files, file.content, facts, archive, folder)
        progress.end("deliver", f"to {run.folder}")
        return _archived(run, _mail(run.folder, config, config_path, mailing, progress))
    write_files(files, folder)
    progress.end("deliver", f"to {folder}")
    if config.email is not None and mailing != "none":
        progress.note("no mail is sent, because only an archived report is mailed")
    _mention_older_files(folder, files, progress)

    return ReportMade(folder, tuple(files), facts)


def _mail(run: Path, config: ReportConfig, config_path: Path, mailing: Mailing, progress: Progress) -> bool:
    """Mail an archived run; whether everybody has it. What stands in the way is a note: the report is safe already."""
    if config.email is None or mailing == "none":
        return True
    from qa_reports.delivery.mailing import mail_run, write_messages

    try:
        if mailing == "write":
            folder = config_path.with_name(f"{config_path.stem}-mail")
            names = write_messages(run, config.email, folder)
            written = "1 message is" if len(names) == 1 else f"{len(names):,} messages are"
            progress.note(f"{written} written to {folder}, and none is sent")
            return True
        deliveries = mail_run(run, config.email)
    except UserError as error:
        progress.note(f"no more mail is sent: {error}")
        return False
    for delivery in deliveries:
        if not delivery.done:
            progress.note(delivery.words)
    n_sent = sum(delivery.state == "sent" for delivery in deliveries)
    n_earlier = sum(delivery.state == "earlier" for delivery in deliveries)
    progress.note(f"mailed to {n_sent} of {len(deliveries)}" + (f", {n_earlier} had it already" if n_earlier else ""))
    return all(delivery.done for delivery in deliveries)


def _archived(run: ArchivedRun, all_mailed: bool) -> ReportMade:
    """The report that stands in the archive."""
    there = {file.name for file in run.manifest.outputs}
    files = tuple(name for name in FILE_NAMES.values() if name in there)
    return ReportMade(run.folder, files, run.manifest.facts, all_mailed)


def _judged_indicators(survey: Survey, config: ReportConfig) -> JudgedIndicators:
    return estimate_indicators(survey, measure_indicators(survey, config))


def _no_sensitivity() -> Sensitivity:
    """Weights and areas are not compared on a sample of the interviews."""
    return NO_SENSITIVITY


def _none() -> None:
    """Nothing stands in the way of what is not asked for."""


def _makeable_formats(
    wanted: tuple[Format, ...], asked: bool, obstacle: str | None, progress: Progress
) -> tuple[Format, ...]:
    """What can be made here: without WeasyPrint's libraries a PDF is left out, unless the user asked for just that."""
    if obstacle is None:
        return wanted
    left_out = " and ".join(FILE_NAMES[name] for name in wanted if name in LAID_OUT)
    others = tuple(name for name in wanted if name not in LAID_OUT)
    if asked or not others:
        raise OutputError(f"{left_out}: {obstacle}")
    progress.note(f"{left_out} {'are' if ' and ' in left_out else 'is'} left out: {obstacle}")
    return others


def _require_a_model(items: tuple[ItemEffects | ItemNotModelled, ...], config: ReportConfig) -> None:
    """A report without a single model says nothing: the data or the configuration must be mistaken."""
    reasons = [f"{item.item}: {item.reason}" for item in items if isinstance(item, ItemNotModelled)]
    if len(reasons) == len(items):
        count = "the only item" if len(items) == 1 else f"none of the {len(items)} items"
        verb = "cannot be modelled" if len(items) == 1 else "can be modelled"
        remedy = "check data.interviewer, missing_codes and the scales"
        raise DataError(f"{config.data.source}: {count} {verb} ({reasons[0].rstrip('.')}); {remedy}")


def _cleaned(survey: Survey) -> str:
    recoded = sum(recode.n for recode in survey.log.recoded)
    set_aside = sum(values.n for values in survey.log.out_of_range)
    people = f"{survey.n_interviews:,} interviews by {len(survey.interviewer_ids):,} interviewers"
    return f"{people}, {recoded:,} answers missing by their code, {set_aside:,} out of range"


def _estimated(items: tuple[ItemEffects | ItemNotModelled, ...], progress: Progress) -> str:
    modelled = [item for item in items if isinstance(item, ItemEffects)]
    for item in items:
        if isinstance(item, ItemNotModelled):
            progress.detail(f"{item.item} is not modelled: {item.reason}")
        else:
            progress.detail(f"{item.item}: {item.null.status}, {item.n_interviews:,} interviews")
    return f"{len(modelled):,} of {len(items):,} items modelled"


def _mention_older_files(folder: Path, files: dict[str, bytes], progress: Progress) -> None:
    for name in FILE_NAMES.values():
        if name not in files and (folder / name).exists():
            progress.note(f"{folder / name} is from an earlier run and was left as it was")


def _size(content: bytes) -> str:
    return f"{len(content) / 1e6:.1f} MB" if len(content) >= 1e6 else f"{max(1, round(len(content) / 1e3))} kB"


def _compared(
    earlier: Sequence[Wave], document: Callable[[], Mapping[str, object]], config: ReportConfig, survey: Survey
) -> WaveComparison | None:
    """This wave beside earlier ones; without these nothing is read from the document, which may be very long."""
    if not earlier:
        return None
    present = Wave(config.survey.wave or "this wave", None, results_of(document()))
    same_interviewers = None if config.archive is None else config.archive.same_interviewers
    keyed = frozenset(item.name for item in config.items if item.key is not None)
    labels = {covariate.name: covariate.label for covariate in survey.interviewer_covariates}
    return compare_waves(earlier, present, config.flags.false_discovery_rate, same_interviewers, keyed, labels)


def _printed_date() -> datetime.date:
    """The day printed on the report: SOURCE_DATE_EPOCH (seconds since 1970, UTC) where set, so that bytes repeat."""
    epoch = os.environ.get("SOURCE_DATE_EPOCH")
    if epoch is None:
        return datetime.datetime.now().astimezone().date()
    try:
        return datetime.datetime.fromtimestamp(int(epoch), datetime.UTC).date()
    except (ValueError, OverflowError, OSError):
        raise UserError(f"SOURCE_DATE_EPOCH: is '{epoch}'; it should be a number of seconds since 1970") from None


def _versions() -> dict[str, str]:
    """The programs whose versions can change a number."""
    libraries = {name: importlib.metadata.version(name) for name in _NUMERICAL_LIBRARIES}
    return {"qa-report": __version__, "python": platform.python_version(), **libraries}
