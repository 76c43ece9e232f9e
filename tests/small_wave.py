"""A small wave that every end-to-end test can spoil in its own way."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

CONFIG = """\
survey: {name: Small wave, wave: 1}
data: {file: wave.csv, respondent: idno, interviewer: intnum}
missing_codes: {77: Refusal, 88: Don't know, 99: No answer}
items:
  - {name: trust, label: Trust in others, scale: [0, 10]}
  - {name: help, scale: [0, 10]}
"""


@dataclass(frozen=True, slots=True)
class SmallWave:
    """A configuration and its survey file in a folder of their own."""

    folder: Path

    @property
    def config(self) -> Path:
        return self.folder / "wave.yaml"

    @property
    def survey_file(self) -> Path:
        return self.folder / "wave.csv"

    def replace(self, old: str, new: str) -> None:
        """Change the configuration; what is to be changed must be there."""
        text = self.config.read_text(encoding="utf-8")
        assert old in text
        self.config.write_text(text.replace(old, new), encoding="utf-8")

    def files(self) -> set[str]:
        """Everything in the folder, hidden files included."""
        return {str(path.relative_to(self.folder)) for path in self.folder.rglob("*")}


def write_small_wave(folder: Path) -> SmallWave:
    """Twelve interviewers with ten interviews each, two items, a few missing codes."""
    random = np.random.default_rng(20261122)
    interviewer = np.repeat(np.arange(101, 113), 10)
    level = np.repeat(random.normal(0, 0.6, 12), 10)
    lines = ["idno,intnum,trust,help,comment"]
    for row, (number, shift) in enumerate(zip(interviewer, level, strict=True)):
        trust, help_ = np.clip(np.rint(random.normal([5 + shift, 6], 2)), 0, 10).astype(int)
        lines.append(f"{row + 1},{number},{88 if row % 40 == 7 else trust},{help_},word{row}")
    folder.mkdir()
    (folder / "wave.csv").write_text("\n".join(lines) + "\n", encoding="utf-8")
    (folder / "wave.yaml").write_text(CONFIG, encoding="utf-8")
    return SmallWave(folder)
