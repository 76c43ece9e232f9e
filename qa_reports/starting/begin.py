"""Write a first configuration beside a survey file, with the schema for editors."""

from __future__ import annotations

import json
import os
from pathlib import Path

from msgspec import Struct

from qa_reports.config import config_schema
from qa_reports.delivery.folder import write_files
from qa_reports.errors import OutputError
from qa_reports.starting.draft import Draft, draft_config
from qa_reports.starting.earlier import read_earlier
from qa_reports.starting.like import liken
from qa_reports.starting.opened import Wishes
from qa_reports.starting.write import SCHEMA_FILE, write_config
from qa_reports.starting.write_like import likened_words, write_like
from qa_reports.survey.interviewers import counted


class Begun(Struct, frozen=True):
    """A first configuration that now stands in a file."""

    config: Path
    words: tuple[str, ...]
    """What was found, in a few lines."""


def begin_config(
    survey_file: Path, output: Path | None, wishes: Wishes, overwrite: bool, like: Path | None = None
) -> Begun:
    """Write a configuration for a survey file, `<survey file>.yaml` beside it where no other is named.

    Args:
        survey_file: one row per interview.
        output: the configuration to write.
        wishes: what the user knows already.
        overwrite: whether it may exist.
        like: an earlier wave's configuration, of which all is kept that the file still has.

    Raises:
        OutputError: the configuration exists already, or cannot be written.
        ConfigError: the earlier configuration has a mistake.
        DataError: the survey file cannot be read, or does not hold what a configuration needs.
    """
    config = output or survey_file.with_name(f"{survey_file.name.split('.')[0]}.yaml")
    if os.path.lexists(config) and not overwrite:
        raise OutputError(f"{config}: exists already; name another file with --output, or overwrite it with --force")
    words: tuple[str, ...]
    if like is None:
        draft = draft_config(survey_file, config.parent, wishes)
        text, words = write_config(draft, config.name), (_drafted(config, draft),)
    else:
        earlier = read_earlier(like)
        made = liken(survey_file, config.parent, wishes, earlier)
        text, words = write_like(made, config.name, like, SCHEMA_FILE), tuple(likened_words(config, made, earlier))
    write_files({config.name: text.encode("utf-8"), SCHEMA_FILE: schema_text().encode("utf-8")}, config.parent)
    return Begun(config, words)


def _drafted(config: Path, draft: Draft) -> str:
    """What was found, in a line."""
    interviewer = draft.roles.interviewer
    questions = counted(len(draft.items), "question")
    grids = counted(len(draft.batteries), "grid")
    codes = counted(len(draft.default_codes), "missing code")
    if not draft.default_codes and draft.n_declared:
        codes = f"missing codes as {'the codebook' if draft.codebook else 'the file'} declares them"
    return (
        f"{config}: {len(draft.chosen):,} of {questions}, {grids}, {codes}; {interviewer.column}: "
        f"{interviewer.evidence}"
    )


def schema_text() -> str:
    """The JSON Schema of a configuration as a file."""
    return json.dumps(config_schema(), indent=2, ensure_ascii=False) + "\n"
