"""An earlier wave's configuration, and what its files call their columns."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from msgspec import Struct

from qa_reports.config import ReportConfig, load_config
from qa_reports.config.yaml_file import read_content, read_yaml
from qa_reports.errors import UserError
from qa_reports.starting.matching import Sought
from qa_reports.starting.words import question_text
from qa_reports.survey.load import load_survey


class Earlier(Struct, frozen=True, eq=False):
    """An earlier wave."""

    path: Path
    config: ReportConfig
    value: dict[str, Any]
    """The file as it is written."""
    labels: Mapping[str, str]
    """Column -> label without the question's number, as far as the files have them."""
    unread: str | None
    """Why the files' labels are not known."""

    def sought(self, name: str, label: str | None = None, key: str | None = None) -> Sought:
        """A column to be found again, by whatever it was called."""
        known = (question_text(label) if label else None, self.labels.get(name))
        return Sought(name, tuple(dict.fromkeys(text for text in known if text and text != name)), key)

    def path_from(self, written: str, folder: Path) -> str:
        """A path of the earlier configuration as one in another folder writes it."""
        if Path(written).is_absolute():
            return written
        return Path(os.path.relpath((self.path.parent / written).absolute(), folder.absolute())).as_posix()


def read_earlier(path: Path) -> Earlier:
    """Read an earlier configuration; without its data files it does with the labels in the configuration.

    Raises:
        ConfigError: the configuration is missing or has a mistake.
    """
    content = read_content(path)
    config = load_config(path, content)
    value = read_yaml(path, content).value
    assert isinstance(value, dict)  # or load_config would have said so
    labels: dict[str, str] = {}
    unread = None
    try:
        if config.data.file:
            loaded = load_survey(config, path.parent)
            labels = {name: question_text(one.label) for name, one in loaded.labels.items() if one.label}
    except UserError as error:
        unread = str(error)
    return Earlier(path, config, value, labels, unread)
