"""The kinds of random cases, each with what must hold of every case of it."""

from __future__ import annotations

import random
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from hypothesis import strategies as st

from qa_reports.config import load_config
from qa_reports.errors import ConfigError, DataError, UserError
from qa_reports.survey.codebook import read_codebook
from qa_reports.survey.readers import read_data_file
from qa_reports.survey.where import parse_where
from tests.robustness.random_surveys import RandomSurvey, random_surveys
from tests.robustness.random_text import codebooks, filters, spoilt_configurations, tables
from tests.robustness.soundness import assert_sound, run, said
from tests.robustness.waves_soundness import waves_end_well
from tests.survey.wave_files import SUFFIXES, write_wave

PACKED = (".csv.gz", ".csv.zip")


@dataclass(frozen=True, slots=True)
class Kind:
    """Cases of one kind and what is tried with each; `attempt` says how it ended, or raises."""

    cases: st.SearchStrategy[Any]
    attempt: Callable[[Any], str]


def survey_ends_well(survey: RandomSurvey) -> str:
    """The whole report ends sound, or with a reason."""
    with tempfile.TemporaryDirectory() as folder:
        config, output = survey.write(Path(folder)), Path(folder) / "out"
        ended = run(config, output)
        assert_sound(ended, output, survey.items, survey.refereed)
    return "reported" if ended.code == 0 else "refused"


def beginning_can_be_read(survey: RandomSurvey) -> str:
    """`init` writes a configuration that can be read, and `check` tells about it."""
    with tempfile.TemporaryDirectory() as folder:
        survey.write(Path(folder)).unlink()
        code, told = said("init", f"{folder}/wave.csv", "--interviewer", "intnum")
        if code == 2:
            assert told.strip()
            return "refused"
        assert code == 0, told
        load_config(Path(folder) / "wave.yaml")
        code, told = said("check", f"{folder}/wave.yaml")
        assert code in (0, 2), told
    return "begun"


def _with_ratings(survey: RandomSurvey) -> RandomSurvey:
    """`init` asks for a question on a scale; few of the odd ones look like one."""
    for place in range(3):
        survey.columns[f"trust{place}"] = [str((row * (place + 3)) % 11) for row in range(len(survey.columns["idno"]))]
    return survey


def configuration_is_read_or_refused(content: bytes) -> str:
    """A configuration is read, or every line of what is said begins with its name."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "wave.yaml"
        path.write_bytes(content)
        told = None
        try:
            load_config(path)
        except ConfigError as error:
            told = str(error)
    if told is None:
        return "read"
    assert told
    assert all(line.startswith(str(path)) for line in told.splitlines()), told
    return "refused"


_TABLE = pd.DataFrame({"a": [1.0, np.nan, 3.0], "a b": ["x", "", "1"], "q": [1, 2, 3]})


def filter_is_applied_or_refused(text: str) -> str:
    """A filter is applied to a table, or refused with its text."""
    told = "data.where: "
    try:
        rows = parse_where(text).matching(_TABLE, "wave.csv")
    except UserError as error:
        told = str(error)
    else:
        assert rows.shape == (3,)
        assert rows.dtype == bool
        return "applied"
    assert "\n" not in told
    assert told.startswith(("data.where: ", "wave.csv has no column "))
    return "refused"


def _read_or_refused(name: str, content: bytes, read: Callable[[Path, str], object]) -> str:
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / name).write_bytes(content)
        try:
            read(Path(folder), name)
        except DataError as refused:
            told = str(refused)
        else:
            return "read"
    assert told.startswith(name)
    assert "\n" not in told
    return "refused"


def table_is_read_or_refused(content: bytes) -> str:
    """A table of text has as many rows as columns say, or one line says what is wrong."""
    return _read_or_refused("wave.csv", content, read_data_file)


def codebook_is_read_or_refused(content: bytes) -> str:
    """A codebook is read, or one line says what is wrong."""
    return _read_or_refused("codebook.csv", content, read_codebook)


def damaged(content: bytes, seed: int) -> bytes:
    """The content cut off, or with some bytes overwritten, mostly near its beginning, where the structure is."""
    dice = random.Random(seed)
    changed = bytearray(content[: dice.randrange(len(content))] if dice.random() < 0.3 else content)
    for _ in range(dice.choice([0, 1, 2, 5, 20])):
        if changed:
            end = len(changed) if dice.random() < 0.5 else min(len(changed), 800)
            changed[dice.randrange(end)] = dice.choice([0, 127, 128, 255, dice.randrange(256)])
    return bytes(changed)


def damaged_file_is_read_or_refused(case: tuple[str, int]) -> str:
    """A damaged file of any format is read, or one line says what is wrong."""
    suffix, seed = case
    with tempfile.TemporaryDirectory() as folder:
        content = write_wave(Path(folder), suffix).read_bytes()
    return _read_or_refused(f"wave{suffix}", damaged(content, seed), read_data_file)


def stored_survey_comes_back(case: tuple[RandomSurvey, str]) -> str:
    """The columns of a random survey, stored in another format, come back with their words and numbers."""
    survey, suffix = case
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / f"wave{suffix}"
        survey.write(Path(folder))
        try:
            first = read_data_file(Path(folder), "wave.csv").table
            if not _store(first, path):
                return "not stored"
            again = read_data_file(Path(folder), path.name).table
        except DataError:
            return "refused"
    assert list(again) == list(first)
    for name in first:
        if pd.api.types.is_numeric_dtype(first[name]):
            assert np.allclose(first[name].astype(float), again[name].astype(float), rtol=1e-12, equal_nan=True), name
        else:
            assert len(first) == len(again)
    return "came back"


def _store(table: pd.DataFrame, path: Path) -> bool:
    """Whether the format's own library could write the table."""
    import pyreadstat

    try:
        match path.suffix:
            case ".sav":
                pyreadstat.write_sav(table, str(path))
            case ".dta":
                pyreadstat.write_dta(table, str(path))
            case ".parquet":
                table.to_parquet(path, index=False)
            case ".xlsx":
                table.to_excel(path, index=False)
    except (ValueError, TypeError, pyreadstat.PyreadstatError, pyreadstat.ReadstatError):
        return False
    return True


TEXT_SUFFIXES = (".csv", ".tsv", *PACKED)
BINARY_SUFFIXES = tuple(suffix for suffix in SUFFIXES if suffix not in TEXT_SUFFIXES)

KINDS = {
    "surveys": Kind(random_surveys(), survey_ends_well),
    "waves": Kind(st.integers(0, 2**32), waves_end_well),
    "beginnings": Kind(random_surveys().map(_with_ratings), beginning_can_be_read),
    "stored": Kind(
        st.tuples(random_surveys(), st.sampled_from([".sav", ".dta", ".parquet", ".xlsx"])), stored_survey_comes_back
    ),
    "configurations": Kind(spoilt_configurations(), configuration_is_read_or_refused),
    "bytes": Kind(st.binary(max_size=200), configuration_is_read_or_refused),
    "filters": Kind(filters(), filter_is_applied_or_refused),
    "tables": Kind(tables(), table_is_read_or_refused),
    "codebooks": Kind(codebooks(), codebook_is_read_or_refused),
    "damaged text": Kind(
        st.tuples(st.sampled_from(TEXT_SUFFIXES), st.integers(0, 2**32)), damaged_file_is_read_or_refused
    ),
    "damaged files": Kind(
        st.tuples(st.sampled_from(BINARY_SUFFIXES), st.integers(0, 2**32)), damaged_file_is_read_or_refused
    ),
}
