"""`report.pseudonyms`: no real id in anything that is made, the same pseudonyms in every wave."""

from __future__ import annotations

import csv
import email
import io
import json
import shutil
import stat
import subprocess
import zipfile
from pathlib import Path

import numpy as np
import pytest

from qa_reports.errors import DataError
from qa_reports.pipeline import make_report
from qa_reports.progress import Silent
from qa_reports.report.pdf import pdf_obstacle
from qa_reports.survey.pseudonyms import PseudonymKey, choose_pseudonyms, read_key, under_pseudonyms
from tests.report.example_survey import example_report_input
from tests.small_wave import SmallWave, write_small_wave

KEY = PseudonymKey(bytes(range(32)))


def with_telling_ids(wave: SmallWave) -> list[str]:
    """Ids that can be nothing else in a file, one interviewer far off, and notes and keys that name ids."""
    rows = list(csv.reader(wave.survey_file.read_text(encoding="utf-8").splitlines()))
    for row in rows[1:]:
        row[0], row[1] = f"RESPXQ{row[0]}", f"INTVXQ{row[1]}"
        row[3] = "0" if row[1] == "INTVXQ104" else row[3]
    wave.survey_file.write_text("\n".join(",".join(row) for row in rows) + "\n", encoding="utf-8")
    people = dict.fromkeys(row[1] for row in rows[1:])
    known = [f"{name},{k}" for k, name in enumerate(people) if name not in ("INTVXQ103", "INTVXQ107")]
    lines = ["intnum,experience", *known, "INTVXQ103,", "INTVXQ999,4"]
    (wave.folder / "people.csv").write_text("\n".join(lines) + "\n", encoding="utf-8")
    return ["INTVXQ", "RESPXQ"]


def words_of(path: Path) -> str:
    """Everything that a file says, as text: parts of mails and sheets, words of a PDF and what is attached to it."""
    content = path.read_bytes()
    found = content.decode("utf-8", "replace")
    if path.suffix == ".xlsx":
        archive = zipfile.ZipFile(io.BytesIO(content))
        found += "".join(archive.read(name).decode("utf-8", "replace") for name in archive.namelist())
    if path.suffix == ".eml":
        parts = (part.get_payload(decode=True) for part in email.message_from_bytes(content).walk())
        found += "".join(part.decode("utf-8", "replace") for part in parts if isinstance(part, bytes))
    if path.suffix == ".pdf" and shutil.which("pdftotext"):
        found += subprocess.run(["pdftotext", str(path), "-"], capture_output=True, check=True).stdout.decode()
    return f"{path.name}\n{found}"


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> tuple[SmallWave, list[str], set[str]]:
    """A wave with real ids, then the next one with pseudonyms, archived and mailed."""
    wave = write_small_wave(tmp_path_factory.mktemp("pseudonyms") / "wave")
    telling = with_telling_ids(wave)
    wave.replace(
        "items:\n",
        "interviewers: {file: people.csv, covariates: [experience]}\narchive: {folder: archive}\n"
        "report: {formats: [html, json, xlsx], pseudonyms: false}\n"
        "email: {from: qa@agency.example, to: [field@agency.example], smtp: {host: mail.agency.example}}\nitems:\n",
    )
    make_report(wave.config, None, None, Silent(io.StringIO()), mailing="none")
    before = wave.files()
    wave.replace("wave: 1", "wave: 2")
    formats = "html, json, xlsx" if pdf_obstacle() else "html, json, xlsx, pdf"
    wave.replace("[html, json, xlsx], pseudonyms: false", f"[{formats}], pseudonyms: true")
    make_report(wave.config, None, None, Silent(io.StringIO()), mailing="write")
    return wave, telling, before


def test_no_real_id_in_anything_that_is_made(run: tuple[SmallWave, list[str], set[str]]) -> None:
    wave, telling, before = run
    made = [wave.folder / name for name in sorted(wave.files() - before)]
    searched = [path for path in made if path.is_file() and not path.name.startswith("pseudonyms.")]
    assert {".html", ".json", ".xlsx", ".eml"} <= {path.suffix for path in searched}
    for path in searched:
        for name in telling:
            assert name not in words_of(path), f"{name} stands in {path.name}"
    page = next(path for path in searched if path.name == "report.html").read_text(encoding="utf-8")
    assert "I-" in page
    assert "not known for 2 interviewers (I-" in page, "notes list interviewers, too"


def test_the_key_and_the_table_stay_beside_the_configuration(run: tuple[SmallWave, list[str], set[str]]) -> None:
    wave, _, _ = run
    assert not [name for name in wave.files() if name.startswith("archive/") and "pseudonyms" in name]
    for name in ("pseudonyms.key", "pseudonyms.csv"):
        assert stat.S_IMODE((wave.folder / name).stat().st_mode) == 0o600
    with (wave.folder / "pseudonyms.csv").open(encoding="utf-8") as file:
        table = {row["id"]: row["pseudonym"] for row in csv.DictReader(file)}
    results = next((wave.folder / "archive").rglob("*/*2*/*/results.json"))
    shown = {one["interviewer"] for one in json.loads(results.read_text(encoding="utf-8"))["interviewers"]}
    assert shown == {name for real, name in table.items() if real.startswith("INTVXQ")}
    again = choose_pseudonyms(example_report_input().survey, read_key(wave.folder / "pseudonyms.key"))
    assert again == choose_pseudonyms(example_report_input().survey, read_key(wave.folder / "pseudonyms.key"))


def test_everybody_is_compared_with_themselves_of_the_last_wave(run: tuple[SmallWave, list[str], set[str]]) -> None:
    results = next((run[0].folder / "archive").rglob("*/*2*/*/results.json"))
    waves = json.loads(results.read_text(encoding="utf-8"))["waves"]
    assert (waves["joined"], waves["left"]) == ([], [])


def test_the_same_survey_under_other_names() -> None:
    survey = example_report_input().survey
    names = choose_pseudonyms(survey, KEY)
    other = under_pseudonyms(survey, names)
    assert other.interviewer_ids == tuple(sorted(names.interviewers.values()))
    for real, called in names.interviewers.items():
        theirs = survey.interviewer == survey.interviewer_ids.index(real)
        assert np.array_equal(theirs, other.interviewer == other.interviewer_ids.index(called))
        place = other.interviewer_ids.index(called)
        assert other.teams is not None
        assert survey.teams is not None
        assert other.teams[place] == survey.teams[survey.interviewer_ids.index(real)]
        pairs = zip(survey.interviewer_covariates, other.interviewer_covariates, strict=True)
        for one, two in pairs:
            assert np.array_equal(one.values[survey.interviewer_ids.index(real)], two.values[place], equal_nan=True)
    assert choose_pseudonyms(survey, KEY) == names
    assert names.of_interviewer(other.interviewer_ids[0]) == other.interviewer_ids[0]
    otherwise = choose_pseudonyms(survey, PseudonymKey(bytes(32)))
    assert not set(otherwise.interviewers.values()) & set(other.interviewer_ids)


def test_a_damaged_key_is_an_error_and_not_a_new_one(tmp_path: Path) -> None:
    path = tmp_path / "pseudonyms.key"
    path.write_text("lost\n", encoding="utf-8")
    with pytest.raises(DataError, match="is not a key of pseudonyms"):
        read_key(path)
