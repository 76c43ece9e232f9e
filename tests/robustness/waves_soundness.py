"""What must hold of waves that are archived one after the other, with whatever features meet in them."""

from __future__ import annotations

import email
import email.policy
import hashlib
import json
import re
import subprocess
import tempfile
import zipfile
from collections.abc import Iterator
from importlib import resources
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import yaml
from jsonschema import Draft202012Validator

from qa_reports.delivery.archive import ArchivedRun, damaged_files, list_archive
from tests.robustness.random_waves import Wave, make_wave, write_wave
from tests.robustness.soundness import Ended, assert_sound, said

SCHEMA = Draft202012Validator(
    json.loads(resources.files("qa_reports.report").joinpath("results.schema.json").read_text())
)
ICC_CLOSE = 1e-6
"""Sums of numbers of any size, added in another order, where a variance may be next to zero."""
NOT_SEARCHED = ("pseudonyms.key", "pseudonyms.csv", "config.yaml")
"""Two say who is who, and are for nobody else; the third is what the user wrote."""


def waves_end_well(seed: int, without: frozenset[str] = frozenset()) -> str:
    """One to three waves of a survey, each archived sound or refused in clear words; how many of them were made."""
    dice = np.random.default_rng([seed, 4])
    made = 0
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        inputs: set[Path] = set()
        for number in range(int(dice.choice([1, 1, 2, 3]))):
            wave = make_wave(seed, number, without)
            already = set(folder.rglob("*"))
            config = write_wave(wave, folder)
            inputs |= set(folder.rglob("*")) - already
            made += _one_wave(wave, config, dice, inputs)
    return f"{made} made"


def _one_wave(wave: Wave, config: Path, dice: np.random.Generator, inputs: set[Path]) -> bool:
    archive = config.parent / "archive"
    before, runs = _digests(archive), _runs(archive)
    code, told = said(str(config), "--strict", "--dry-run", "--quiet")
    new = [run for run in _runs(archive) if run.folder not in {one.folder for one in runs}]
    assert before.items() <= _digests(archive).items(), "something archived has changed"
    if code == 2:
        assert told.strip()
        assert "Traceback" not in told
        assert new == []
        return False
    assert code in (0, 3), (code, told)
    assert len(new) == 1
    assert damaged_files(new[0]) == ()
    results = json.loads((new[0].folder / "results.json").read_bytes())
    assert (code == 3) == bool(results["doubts"]), (code, results["doubts"])
    assert [error.message for error in SCHEMA.iter_errors(results)] == []
    assert_sound(Ended(0, told, results), new[0].folder, wave.names(), refereed=_refereed(wave))
    assert "<hostile" not in (archive / "index.html").read_text(encoding="utf-8")
    if wave.config["report"].get("pseudonyms"):
        _nobody_is_named(wave, config.parent, inputs)
    if dice.random() < 0.25:
        _again_gives_the_same(config, new[0], results["waves"])
    if wave.config["data"].get("engine") == "duckdb":
        _in_memory_as_in_the_engine(config, results)
    return True


def _runs(archive: Path) -> tuple[ArchivedRun, ...]:
    if not archive.exists():
        return ()
    listing = list_archive(archive)
    assert listing.unreadable == ()
    return listing.runs


def _refereed(wave: Wave) -> bool:
    """Whether statsmodels has digits enough: not where 1e8 and 1 stand in one number."""
    columns = [wave.table[name] for name in wave.names() if name in wave.table]
    return not any(pd.to_numeric(column, errors="coerce").max() > 1e8 for column in columns)


def _digests(folder: Path) -> dict[Path, str]:
    """Everything archived, but the index, which is made anew."""
    files = [path for path in folder.rglob("*") if path.is_file() and not path.name.startswith("index.")]
    return {path: hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


def _again_gives_the_same(config: Path, run: ArchivedRun, waves: object) -> None:
    """Asked again, the run is recognised; made again elsewhere, it has the same bytes."""
    n_runs = len(_runs(config.parent / "archive"))
    code, told = said(str(config), "--no-email")
    assert code == 0, told
    assert "already archived" in told
    assert len(_runs(config.parent / "archive")) == n_runs
    with tempfile.TemporaryDirectory() as other:
        assert said(str(config), "--output", f"{other}/out", "--quiet")[0] == 0
        ours, theirs = ((where / "results.json").read_bytes() for where in (run.folder, Path(other) / "out"))
        if waves is None or json.loads(theirs)["waves"] == waves:
            assert ours == theirs


def _in_memory_as_in_the_engine(config: Path, results: dict[str, Any]) -> None:
    """The same interviews, items and figures, whoever adds them up."""
    said_so = yaml.safe_load(config.read_text(encoding="utf-8"))
    said_so["data"]["engine"] = "memory"
    other = config.with_name("memory.yaml")
    other.write_text(yaml.safe_dump(said_so, allow_unicode=True), encoding="utf-8")
    with tempfile.TemporaryDirectory() as out:
        code, told = said(str(other), "--output", f"{out}/out", "--formats", "json", "--quiet")
        other.unlink()
        assert code == 0, told
        memory = json.loads((Path(out) / "out" / "results.json").read_bytes())
    for part in ("rows_in", "rows_used", "recoded", "out_of_range", "dropped", "items"):
        assert memory["cleaning"][part] == results["cleaning"][part], part
    for ours, theirs in zip(results["items"], memory["items"], strict=True):
        assert (ours["item"], ours["status"], ours["kind"]) == (theirs["item"], theirs["status"], theirs["kind"])
        assert (ours["icc"] is None) == (theirs["icc"] is None)
        assert ours["icc"] is None or abs(ours["icc"] - theirs["icc"]) < 1e-6, (
            ours["item"],
            ours["icc"],
            theirs["icc"],
        )


def _nobody_is_named(wave: Wave, folder: Path, inputs: set[Path]) -> None:
    """No id of an interviewer or respondent in anything that was made: unpacked, decoded, with its metadata."""
    respondents = re.compile(r"R\d-\d{5}-x")
    ids = {str(one) for one in wave.table["intnum"] if re.search(r"\D.*70\d\d", str(one))}  # a number may be any other
    for path in sorted(folder.rglob("*")):
        if path.is_dir() or path in inputs or path.name in NOT_SEARCHED:
            continue
        for part, text in _texts(path.name, path.read_bytes()):
            assert not respondents.search(text), (path.name, part, respondents.search(text))
            assert [one for one in ids if one in text] == [], (path.name, part)


def _texts(name: str, content: bytes) -> Iterator[tuple[str, str]]:
    """Everything of a file as text, by the part it stands in."""
    yield "bytes", content.decode("utf-8", "replace")
    match Path(name).suffix:
        case ".xlsx":
            with tempfile.NamedTemporaryFile() as file:
                file.write(content)
                file.flush()
                with zipfile.ZipFile(file.name) as parts:
                    for part in parts.namelist():
                        yield part, parts.read(part).decode("utf-8", "replace")
        case ".parquet":
            with tempfile.NamedTemporaryFile() as file:
                file.write(content)
                file.flush()
                yield "table", pd.read_parquet(file.name).to_csv()
        case ".pdf":
            yield (
                "text",
                subprocess.run(["pdftotext", "-", "-"], input=content, capture_output=True, check=True).stdout.decode(),
            )
        case ".eml":
            for part in email.message_from_bytes(content, policy=email.policy.default).walk():
                if not part.is_multipart():
                    inner = part.get_payload(decode=True)
                    yield from _texts(part.get_filename() or "text", inner)
