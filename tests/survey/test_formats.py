"""What is read from which format, held against a file of each, and the table of docs/formats.md against that."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from qa_reports.config import DurationConfig
from qa_reports.survey.codes import codes_of_file, find_codes
from qa_reports.survey.columns import as_text
from qa_reports.survey.readers import DataFile, VariableLabels, read_data_file
from qa_reports.survey.timing import interview_times
from qa_reports.survey.where import parse_where
from tests.survey.wave_files import LABEL, SUFFIXES, write_wave

COLUMNS = (
    "variable labels", "value labels", "user-missing values", "user-missing ranges", "`.a` to `.z`", "dates",
    "date-times", "times of day", "accents",
)  # fmt: skip
EXPECTED = {
    ".csv": "no no no no no yes yes yes yes",
    ".tsv": "no no no no no yes yes yes yes",
    ".sav": "yes yes yes yes no yes yes yes yes",
    ".zsav": "yes yes yes yes no yes yes yes yes",
    ".por": "yes yes empty empty no yes yes yes no",
    ".dta": "yes yes no no yes yes yes yes yes",
    ".sas7bdat": "yes no no no yes yes yes yes yes",
    ".xpt": "yes no no no no yes yes yes yes",
    ".xlsx": "no no no no no yes yes yes yes",
    ".xls": "no no no no no yes yes yes yes",
    ".ods": "no no no no no yes yes yes yes",
    ".parquet": "no no no no no yes yes yes yes",
}
"""Format -> what is read of each of `COLUMNS`; `empty`: such answers arrive as empty cells, without their code."""


def what_is_read(delivered: DataFile) -> list[str]:
    """Of each of `COLUMNS`, whether it came through."""
    table = delivered.table.rename(columns=str.lower)
    labels = {name.lower(): found for name, found in delivered.labels.items()}.get("q", VariableLabels())
    missing = find_codes(table["q"], codes_of_file(labels))
    gone = table["q"].isna()

    def shown(found: bool, lost: bool) -> str:
        return "yes" if found else "empty" if lost else "no"

    times = DurationConfig(start="start", end="end")
    clock = DurationConfig(start="clock", end="clock")
    minutes = interview_times(table, times, "wave").minutes
    same_day = parse_where("day == '2023-05-01' and day < '2023-05-02'").matching(table, "wave")
    found = [
        shown(labels.label == LABEL, False),
        shown((1, "Not at all") in labels.values, False),
        shown(8.0 in labels.user_missing and bool(missing.any_code[2]), bool(gone[2])),
        shown(labels.user_missing_ranges == ((97.0, 99.0),) and bool(missing.any_code[1]), bool(gone[1])),
        shown(bool(labels.extended_missing) and bool(missing.any_code[1]), False),
        shown(same_day.tolist() == [True, False, False], False),
        shown(minutes is not None and minutes[:2].tolist() == [45, 20] and bool(np.isnan(minutes[2])), False),
        shown(as_text(table["clock"]).tolist() == ["10:30:00", "09:00:30", ""], False),
        shown(table["name"].tolist() == ["Zoë", "Bär", "x"], False),
    ]
    assert interview_times(table, clock, "wave").minutes is not None
    return found


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_what_is_read_from_a_format(tmp_path: Path, suffix: str) -> None:
    delivered = read_data_file(tmp_path, write_wave(tmp_path, suffix).name)
    assert what_is_read(delivered) == EXPECTED[suffix].split()
    assert as_text(delivered.table.iloc[:, 0]).tolist() == ["1", "2", "3"]


@pytest.mark.parametrize("suffix", [".csv.gz", ".csv.zip", ".tsv.gz", ".sav.zip"])
def test_packed_files_are_read_as_they_are_unpacked(tmp_path: Path, suffix: str) -> None:
    packed = read_data_file(tmp_path, write_wave(tmp_path, suffix).name)
    plain = read_data_file(tmp_path, f"wave{suffix.rsplit('.', 1)[0]}")
    assert packed.table.equals(plain.table)
    assert packed.labels == plain.labels
    assert packed.provenance.sha256 != plain.provenance.sha256


def test_the_table_of_the_docs_says_the_same() -> None:
    page = (Path(__file__).parents[2] / "docs" / "formats.md").read_text(encoding="utf-8")
    head = [f"| file | {' | '.join(COLUMNS)} |", "|---" * (len(COLUMNS) + 1) + "|"]
    rows = [f"| `{suffix}` | {' | '.join(read.split())} |" for suffix, read in EXPECTED.items()]
    assert "\n".join([*head, *rows]) in page


def test_stata_codes_are_missing_whatever_the_configuration_declares(tmp_path: Path) -> None:
    delivered = read_data_file(tmp_path, write_wave(tmp_path, ".dta").name)
    assert delivered.labels["q"].extended_missing == (".a",)
    assert (".a", "Don't know") in delivered.labels["q"].values
    assert find_codes(delivered.table["q"], codes_of_file(delivered.labels["q"])).found[0][:2] == (".a", "Don't know")
