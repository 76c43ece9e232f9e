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
from qa_reports.starting.opened import Wishes
from qa_reports.starting.write import SCHEMA_FILE, write_config
from qa_reports.survey.interviewers import counted


class Begun(Struct, frozen=True):
    """A first configuration that now stands in a file."""

    config: Path
    draft: Draft

    @property
    def words(self) -> str:
        """What was found, in a line."""
        draft = self.draft
        interviewer = draft.roles.interviewer
        questions = counted(len(draft.items), "question")
        grids = counted(len(draft.batteries), "grid")
        codes = counted(len(draft.default_codes), "missing code")
        if not draft.default_codes and draft.n_declared:
            codes = f"missing codes as {'the codebook' if draft.codebook else 'the file'} declares them"
        return (
            f"{self.config}: {len(draft.chosen):,} of {questions}, {grids}, {codes}; {interviewer.column}: "
            f"{interviewer.evidence}"
        )


def begin_config(survey_file: Path, output: Path | None, wishes: Wishes, overwrite: bool) -> Begun:
    """Write a configuration for a survey file, `<survey file>.yaml` beside it where no other is named.

    Raises:
        OutputError: the configuration exists already, or cannot be written.
        DataError: the survey file cannot be read, or does not hold what a configuration needs.
    """
    config = output or survey_file.with_name(f"{survey_file.name.split('.')[0]}.yaml")
    if os.path.lexists(config) and not overwrite:
        raise OutputError(f"{config}: exists already; name another file with --output, or overwrite it with --force")
    draft = draft_config(survey_file, config.parent, wishes)
    written = {
        config.name: write_config(draft, config.name).encode("utf-8"),
        SCHEMA_FILE: schema_text().encode("utf-8"),
    }
    write_files(written, config.parent)
    return Begun(config, draft)


def schema_text() -> str:
    """The JSON Schema of a configuration as a file."""
    return json.dumps(config_schema(), indent=2, ensure_ascii=False) + "\n"
