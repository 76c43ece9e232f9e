"""`report.pseudonyms`: no real id in anything that is made, the same pseudonyms in every wave."""

from __future__ import annotations

import base64
import csv
import email.message
import email.policy
import io
import json
import re
import shutil
import stat
import subprocess
import zipfile
import zlib
from collections.abc import Iterator, Sequence
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path

import numpy as np
import pyarrow.parquet
import pytest
from msgspec.structs import replace

from qa_reports.cli import main
from qa_reports.config import read_config
from qa_reports.delivery.pseudonyms import keep_pseudonyms
from qa_reports.errors import DataError, OutputError
from qa_reports.pipeline import make_report
from qa_reports.progress import Silent
from qa_reports.report.files import FILE_NAMES
from qa_reports.report.pdf_layout import pdf_obstacle
from qa_reports.survey.interviewers import of_whom
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
        row.append("North" if row[1] < "INTVXQ106" else "South")
    rows[0].append("team")
    wave.survey_file.write_text("\n".join(",".join(row) for row in rows) + "\n", encoding="utf-8")
    people = dict.fromkeys(row[1] for row in rows[1:])
    known = [f"{name},{k}" for k, name in enumerate(people) if name not in ("INTVXQ103", "INTVXQ107")]
    lines = ["intnum,experience", *known, "INTVXQ103,", "INTVXQ999,4"]
    (wave.folder / "people.csv").write_text("\n".join(lines) + "\n", encoding="utf-8")
    return ["INTVXQ", "RESPXQ"]


_STREAM = re.compile(rb"stream\r?\n(.*?)endstream", re.DOTALL)
_DATA_ADDRESS = re.compile(rb"data:[\w/+.-]+;base64,([\w+/=]+)")


def layers(content: bytes) -> Iterator[bytes]:
    """A file and everything that is packed in it: archives, mails, attachments, compressed streams, pictures."""
    yield content
    inner: list[bytes] = []
    if content.startswith(b"PK"):
        archive = zipfile.ZipFile(io.BytesIO(content))
        inner = [part for entry in archive.infolist() for part in (entry.filename.encode(), archive.read(entry))]
    elif content.startswith(b"PAR1"):
        table = pyarrow.parquet.read_table(io.BytesIO(content))
        inner = [repr((table.schema.to_string(), table.schema.metadata)).encode(), table.to_pandas().to_csv().encode()]
    elif content.startswith(b"%PDF"):
        inner = [data for stream in _STREAM.findall(content) if (data := _inflated(stream))]
        if shutil.which("pdftotext"):
            inner.append(subprocess.run(["pdftotext", "-", "-"], input=content, capture_output=True, check=True).stdout)
    elif b"\nMIME-Version: 1.0" in content[:2000]:
        message = email.message_from_bytes(content, policy=email.policy.default)
        inner = [str(message.items()).encode()]
        for part in message.walk():
            payload = part.get_payload(decode=True)
            inner += [str(part.items()).encode(), *([payload] if isinstance(payload, bytes) else [])]
    else:
        inner = [base64.b64decode(data) for data in _DATA_ADDRESS.findall(content)]
    for packed in inner:
        yield from layers(packed)


def _inflated(stream: bytes) -> bytes:
    try:
        return zlib.decompressobj().decompress(stream)
    except zlib.error:
        return b""


def names_in(content: bytes, names: Sequence[str]) -> set[str]:
    """Those of the names that stand in a file or in anything packed in it, in any encoding that is in use."""
    codings = ("utf-8", "utf-16-be", "utf-16-le")
    return {name for layer in layers(content) for name in names if any(name.encode(c) in layer for c in codings)}


def test_the_search_finds_what_is_packed(tmp_path: Path) -> None:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("a.xml", "id SECRETXQ".encode("utf-16-be"))
    message = email.message.EmailMessage()
    message["Subject"] = "=?utf-8?B?" + base64.b64encode(b"SECRETYQ").decode() + "?="
    message.add_attachment(packed.getvalue(), maintype="application", subtype="zip", filename="a.zip")
    pdf = b"%PDF-1.7\n1 0 obj\nstream\n" + zlib.compress(b"SECRETZQ") + b"\nendstream"
    assert names_in(message.as_bytes(), ["SECRETXQ", "SECRETYQ", "SECRETZQ"]) == {"SECRETXQ", "SECRETYQ"}
    columns = io.BytesIO()
    pyarrow.parquet.write_table(pyarrow.table({"id": ["SECRETXQ"] * 1000}), columns, compression="zstd")
    assert names_in(columns.getvalue(), ["SECRETXQ", "SECRETYQ"]) == {"SECRETXQ"}
    picture = b'<img src="data:image/png;base64,' + base64.b64encode(b"tEXt SECRETXQ") + b'">'
    assert names_in(picture, ["SECRETXQ"]) == {"SECRETXQ"}
    assert b"SECRETZQ" in {_inflated(stream) for stream in _STREAM.findall(pdf)}


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> tuple[SmallWave, list[str], set[str]]:
    """A wave with real ids, then the next one with pseudonyms, archived and mailed."""
    wave = write_small_wave(tmp_path_factory.mktemp("pseudonyms") / "wave")
    telling = with_telling_ids(wave)
    wave.replace("interviewer: intnum}", "interviewer: intnum, team: team}")
    wave.replace(
        "items:\n",
        "interviewers: {file: people.csv, covariates: [experience]}\narchive: {folder: archive}\n"
        "report: {formats: [json], pseudonyms: false}\n"
        "email: {from: qa@agency.example, to: [field@agency.example], smtp: {host: mail.agency.example},\n"
        "  teams: {North: [north@agency.example], South: [south@agency.example]}}\nitems:\n",
    )
    make_report(read_config(wave.config), None, None, Silent(io.StringIO()), mailing="none")
    before = wave.files()
    wave.replace("wave: 1", "wave: 2")
    formats = [form for form, name in FILE_NAMES.items() if not (name.endswith(".pdf") and pdf_obstacle())]
    wave.replace("[json], pseudonyms: false", f"[{', '.join(formats)}], pseudonyms: true")
    log, told = wave.folder / "run.log", wave.folder / "told.txt"
    with told.open("w", encoding="utf-8") as text, redirect_stdout(text), redirect_stderr(text):
        assert main([str(wave.config), "--dry-run", "--verbose", "--log", str(log)]) == 0
        other = wave.folder / "other.yaml"
        other.write_text(wave.config.read_text(encoding="utf-8"), encoding="utf-8")
        several = [str(wave.config), str(other), "--output", str(wave.folder / "several"), "--formats", "html,json"]
        assert main(several) == 0
    return wave, telling, before


def test_no_real_id_in_anything_that_is_made(run: tuple[SmallWave, list[str], set[str]]) -> None:
    """Reports, teams' parts, pages for interviewers, archive, mails, the index of several surveys, log and terminal.

    Not the archive's index: it repeats the first sentence of the earlier report, which was made with real ids.
    """
    wave, telling, before = run
    made = [wave.folder / name for name in sorted(wave.files() - before)]
    searched = [path for path in made if path.is_file() and not path.name.startswith("pseudonyms.")]
    makeable = {name for name in FILE_NAMES.values() if not (name.endswith(".pdf") and pdf_obstacle())}
    assert makeable | {"manifest.json", "run.log", "told.txt"} <= {path.name for path in searched}
    assert ".eml" in {path.suffix for path in searched}
    assert {"index.html", "index.json"} <= {path.name for path in (wave.folder / "several").iterdir()}
    for path in searched:
        assert not names_in(path.name.encode() + b"\n", telling), path
        assert not names_in(path.read_bytes(), telling), path
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


def test_interviewers_whom_a_note_names_are_renamed_there() -> None:
    survey = example_report_input().survey
    tally = tuple((name, 1) for name in survey.interviewer_ids[:7])
    survey = replace(survey, log=replace(survey.log, notes=(f"Zero in 9 interviews {of_whom(tally)}: not used.",)))
    names = choose_pseudonyms(survey, KEY)
    listed = ", ".join(names.interviewers[name] for name, _ in tally[:5])
    assert under_pseudonyms(survey, names).log.notes == (
        f"Zero in 9 interviews of 7 interviewers ({listed}, and 2 more): not used.",
    )


def test_a_damaged_key_is_an_error_and_not_a_new_one(tmp_path: Path) -> None:
    path = tmp_path / "pseudonyms.key"
    path.write_text("lost\n", encoding="utf-8")
    with pytest.raises(DataError, match="is not a key of pseudonyms"):
        read_key(path)


def test_a_key_that_another_run_has_made_meanwhile_is_kept(tmp_path: Path) -> None:
    survey = example_report_input().survey
    keep_pseudonyms(choose_pseudonyms(survey, KEY), tmp_path)
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    with pytest.raises(OutputError, match="another run has made this key in the meantime; run this one again"):
        keep_pseudonyms(choose_pseudonyms(survey, PseudonymKey(bytes(32))), tmp_path)
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == before
    keep_pseudonyms(choose_pseudonyms(survey, KEY), tmp_path)
    assert {path.name for path in tmp_path.iterdir()} == {"pseudonyms.key", "pseudonyms.csv"}


def test_a_key_is_written_where_the_file_system_has_no_links(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(*_: object) -> None:
        raise PermissionError("no links here")

    monkeypatch.setattr(Path, "hardlink_to", refused)
    keep_pseudonyms(choose_pseudonyms(example_report_input().survey, KEY), tmp_path)
    assert read_key(tmp_path / "pseudonyms.key") == KEY
    assert stat.S_IMODE((tmp_path / "pseudonyms.key").stat().st_mode) == 0o600


def test_an_id_that_is_a_formula_is_text_in_the_table(tmp_path: Path) -> None:
    survey = example_report_input(interviewer="=1+1").survey
    keep_pseudonyms(choose_pseudonyms(survey, KEY), tmp_path)
    with (tmp_path / "pseudonyms.csv").open(encoding="utf-8", newline="") as file:
        ids = {row["id"] for row in csv.DictReader(file)}
    assert " =1+1" in ids
    assert "=1+1" not in ids
