"""Every place where outside text leaves the program: all that is made of a hostile survey, and who lets text by."""

from __future__ import annotations

import ast
import csv
import email
import email.policy
import importlib.util
import io
import json
import re
import shutil
import subprocess
import unicodedata
import zipfile
from contextlib import redirect_stderr, redirect_stdout
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest
import yaml

from qa_reports.cli import main
from qa_reports.report.files import FILE_NAMES
from qa_reports.report.pdf_layout import pdf_obstacle
from tests.parsed import parsed_modules

ROOT = Path(__file__).parents[2]
MARK = "zqx"
"""Stands in every hostile text, so that its ways can be followed."""
MARKUP = f"<{MARK}><img src=x onerror={MARK}()></script></style></title>\"'--><{MARK}>"
FORMULA = f'=HYPERLINK("http://{MARK}.example",{MARK})'
WORDS = (
    MARKUP,
    FORMULA,
    f"@{MARK}",
    f"{MARK}\r\nBcc: {MARK}@x.example",
    f"../../{MARK}",
    f"{{{{ {MARK} }}}}{{% raw %}}",
)


def hostile(place: int) -> str:
    """One of the hostile texts, told apart by its place."""
    return f"{WORDS[place % len(WORDS)]} {place}"


def write_hostile_survey(folder: Path) -> Path:
    """A survey in which everything that can be text is hostile; one interviewer stands out, so that one is called."""
    random = np.random.default_rng(5)
    folder.mkdir()
    people = np.repeat(np.arange(12), 10)
    items = [f"{hostile(place)}".replace("\r\n", " ") for place in range(3)]
    header = ["respondent", "who", *items, "age", "colour", "place", "team", "minutes"]
    rows = []
    for row, who in enumerate(people):
        answers = [10 if who == 0 else int(random.integers(2, 8)) for _ in items]
        answers[1] = 88 if row % 15 == 0 else answers[1]
        rows.append(
            [f"{hostile(row)} r", hostile(who) + " i", *answers, int(random.integers(20, 80)), hostile(row % 2),
             f"{hostile(row % 6)} a", f"{hostile(who % 2)} t", int(random.integers(20, 60))]
        )  # fmt: skip
    with (folder / "wave.csv").open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows([header, *rows])
    with (folder / "again.csv").open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows([["respondent", items[0]], *([row[0], row[2]] for row in rows[:30])])
    with (folder / "codes.csv").open("w", encoding="utf-8", newline="") as file:
        labels = [[name, hostile(place), 3, hostile(place + 1), ""] for place, name in enumerate([*items, "age"])]
        csv.writer(file).writerows([["variable", "label", "value", "category", "missing"], *labels])
    teams = sorted({row[-2] for row in rows})
    config = {
        "survey": {"name": hostile(0), "wave": hostile(3).replace("\r\n", " "), "country": FORMULA},
        "data": {
            "file": "wave.csv", "codebook": "codes.csv", "respondent": "respondent", "interviewer": "who",
            "area": "place", "team": "team", "duration": {"minutes": "minutes"}, "where": "respondent != '<b>'",
        },
        "missing_codes": {88: hostile(0), 99: FORMULA},
        "respondent_covariates": ["age", {"name": "colour", "type": "categorical", "label": hostile(0)}],
        "items": [{"name": name, "key": hostile(place)} for place, name in enumerate(items)],
        "batteries": [{"name": hostile(0), "items": items}],
        "indicators": {"back_check": {"file": "again.csv", "items": [items[0]]}},
        "report": {"formats": [f for f, n in FILE_NAMES.items() if not (n.endswith(".pdf") and pdf_obstacle())]},
        "archive": {"folder": "archive"},
        "email": {
            "from": "qa@agency.example", "to": ["field@agency.example"], "smtp": {"host": "mail.agency.example"},
            "teams": {team: ["team@agency.example"] for team in teams},
        },
    }  # fmt: skip
    path = folder / "wave.yaml"
    path.write_text(yaml.safe_dump(config, allow_unicode=True, width=10_000, sort_keys=False), encoding="utf-8")
    reviewed = {"interviewer": hostile(0) + " i", "kind": "spread", "until": "9", "note": MARKUP, "by": FORMULA}
    (folder / "reviewed.yaml").write_text(yaml.safe_dump({"reviewed": [reviewed]}), encoding="utf-8")
    return path


def write_as_a_table(config: Path) -> Path:
    """The survey as a table of a database, whose name is hostile too."""
    import duckdb

    with duckdb.connect(str(config.with_name("survey.duckdb"))) as database:
        named = MARKUP.replace('"', '""')
        path = str(config.with_name("wave.csv")).replace("'", "''")
        database.execute(f"CREATE TABLE \"{named}\" AS SELECT * FROM read_csv('{path}', all_varchar = true)")
    said = yaml.safe_load(config.read_text(encoding="utf-8"))
    del said["data"]["file"], said["indicators"], said["archive"], said["email"]
    said["data"] |= {"table": MARKUP, "connection": "duckdb:survey.duckdb"}
    other = config.with_name("table.yaml")
    other.write_text(yaml.safe_dump(said, allow_unicode=True, width=10_000), encoding="utf-8")
    return other


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two waves, archived and mailed as files, then the same from a database, then beside another survey.

    What was told is in `told.txt`.
    """
    folder = tmp_path_factory.mktemp("outlets") / "survey"
    config = write_hostile_survey(folder)
    other = config.with_name(f"{MARK} & <b>.yaml")
    told = io.StringIO()
    with redirect_stdout(told), redirect_stderr(told):
        assert main([str(config), "--dry-run", "--verbose", "--log", str(folder / "run.log")]) == 0, told.getvalue()
        if importlib.util.find_spec("duckdb"):
            assert main([str(write_as_a_table(config)), "--formats", "html,json,xlsx,parquet"]) == 0, told.getvalue()
        next_wave = yaml.safe_load(config.read_text(encoding="utf-8"))
        next_wave["survey"]["wave"] += " next"
        config.write_text(yaml.safe_dump(next_wave, allow_unicode=True, width=10_000), encoding="utf-8")
        assert main([str(config), "--dry-run", "--formats", "html,json"]) == 0, told.getvalue()
        other.write_bytes(config.read_bytes())
        both = [str(config), str(other), "--output", str(folder / "both"), "--formats", "html,json"]
        assert main(both) == 0, told.getvalue()
        assert main(["check", str(config)]) == 0, told.getvalue()
    (folder / "told.txt").write_text(told.getvalue(), encoding="utf-8", newline="")
    return folder


def files(folder: Path, pattern: str, at_least: int) -> list[Path]:
    found = sorted(folder.rglob(pattern))
    assert len(found) >= at_least, f"{len(found)} {pattern}"
    return found


class Elements(HTMLParser):
    """Names of elements, and what would run or be loaded."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.names: set[str] = set()
        self.loud: list[tuple[str, str | None]] = []
        self.words = ""
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.names.add(tag)
        for name, value in attrs:
            if name.startswith("on") or (name in ("href", "src") and re.match(r"\s*(javascript|data):", value or "")):
                self.loud.append((name, value))

    def handle_data(self, data: str) -> None:
        self.words += data


@pytest.mark.slow
def test_pages_show_it_as_words(made: Path) -> None:
    pages = files(made, "*.html", 6)
    for path in pages:
        page = Elements(path.read_text(encoding="utf-8"))
        assert MARK not in page.names, path
        assert page.loud == [], path
        assert MARK in page.words, path
    assert {path.name for path in pages} == {"report.html", "index.html"}


@pytest.mark.slow
def test_what_is_printed_shows_it_as_words(made: Path) -> None:
    if pdf_obstacle() or not shutil.which("pdftotext"):
        pytest.skip("PDFs cannot be made or read here")
    for path in files(made, "*.pdf", 4):
        content = path.read_bytes()
        assert not re.search(rb"/(JavaScript|JS|Launch|SubmitForm|RichMedia)\b", content), path
        assert f"http://{MARK}".encode() not in content, path
        told = subprocess.run(["pdftotext", str(path), "-"], capture_output=True, check=True).stdout.decode()
        assert f"<{MARK}>" in told, path


@pytest.mark.slow
def test_workbooks_hold_no_formula_and_no_link(made: Path) -> None:
    for path in files(made, "*.xlsx", 1):
        with zipfile.ZipFile(path) as parts:
            for name in parts.namelist():
                part = parts.read(name).decode("utf-8")
                assert not re.search(r"<f[ >]|<hyperlink|TargetMode=\"External\"", part), name
                assert set(re.findall(r"<definedName name=\"([^\"]*)", part)) <= {"_xlnm._FilterDatabase"}
            shared = parts.read("xl/sharedStrings.xml").decode("utf-8")
        assert FORMULA.split('"')[0] in shared
        assert not re.search(rf">{re.escape(FORMULA[:11])}|>@{MARK}", shared)


@pytest.mark.slow
def test_json_is_whole(made: Path) -> None:
    for path in files(made, "*.json", 6):
        assert MARK in json.dumps(json.loads(path.read_bytes()), ensure_ascii=False), path


@pytest.mark.slow
def test_letters_have_their_own_headers_and_no_others(made: Path) -> None:
    known = {"from", "to", "cc", "subject", "date", "message-id", "auto-submitted", "mime-version", "content-type"}
    for path in files(made, "*.eml", 3):
        message = email.message_from_bytes(path.read_bytes(), policy=email.policy.default)
        assert {name.lower() for name in message} <= known, path
        for part in message.walk():
            assert re.fullmatch(r"[A-Za-z0-9-]+\.pdf", part.get_filename() or "a.pdf"), path
            if part.get_content_type() == "text/html":
                page = Elements(part.get_content())
                assert MARK not in page.names
                assert page.loud == []
                assert MARK in page.words


@pytest.mark.slow
def test_names_of_files_stay_in_their_folders(made: Path) -> None:
    assert {path.name for path in made.parent.iterdir()} == {"survey"}
    given = {"wave.csv", "again.csv", "codes.csv", "wave.yaml", "reviewed.yaml", f"{MARK} & <b>.yaml", f"{MARK} & <b>"}
    for path in made.rglob("*"):
        assert path.name in given or not set(path.name) & set('<>:"/\\|?*\r\n'), path


@pytest.mark.slow
def test_terminal_and_log_get_one_printable_line_each(made: Path) -> None:
    for name in ("told.txt", "run.log"):
        text = (made / name).read_bytes().decode("utf-8")
        assert MARK in text
        assert {unicodedata.category(sign) for sign in text if sign != "\n"} & {"Cc", "Cf", "Zl", "Zp"} == set()
        assert not [line for line in text.splitlines() if line.startswith("Bcc:")]


def test_text_passes_unescaped_where_the_page_says_so() -> None:
    """Where this finds another place, docs/security.md is to say what keeps text there from being markup."""
    unescaped, plain, opened = set(), set(), set()
    for path, node in ((path, node) for path, module in parsed_modules() for node in ast.walk(module)):
        if isinstance(node, ast.Call):
            name = ast.unparse(node.func)
            if name.endswith("Markup"):
                unescaped.add(path)
            if any(word.arg == "autoescape" and ast.unparse(word.value) != "True" for word in node.keywords):
                plain.add(path)
            if _writes(node, name):
                opened.add(path)
    assert unescaped == {"report/render.py"}
    assert plain == {"report/letter.py"}, "the letter as plain text"
    assert opened == WRITERS


WRITERS = {
    "cli.py",  # nowhere
    "delivery/archive.py",
    "delivery/folder.py",
    "delivery/pseudonyms.py",
    "progress.py",  # the log
    "report/excel.py",
    "report/pdf.py",
    "report/pdf_layout.py",
    "survey/readers/isolated.py",  # a pipe between two processes
}
"""Modules that write files, or make what is written."""


def _writes(node: ast.Call, name: str) -> bool:
    if re.search(r"(^|\.)(write_text|write_bytes|fdopen|savefig|write_pdf|Workbook)$", name):
        return True
    modes = [*node.args[:2], *(word.value for word in node.keywords if word.arg == "mode")]
    found = [mode.value for mode in modes if isinstance(mode, ast.Constant) and isinstance(mode.value, str)]
    return bool(re.search(r"(^|\.)open$", name)) and any(re.fullmatch(r"[rwaxbt+]*[wax][bt+]*", mode) for mode in found)


def test_templates_let_nothing_by() -> None:
    templates = sorted((ROOT / "templates").rglob("*.j2"))
    assert len(templates) > 20
    for path in templates:
        text = path.read_text(encoding="utf-8")
        assert not re.search(r"\|\s*safe\b|autoescape|Markup|\son[a-z]+=", text), path
        # An attribute without quotes would end at the first blank.
        assert not re.search(r"<[^>]*\s[a-z-]+=\{\{", text), path
        addresses = re.findall(r"(?:href|src)=\"\{\{ *([\w.]+)", text)
        assert set(addresses) <= {"link", "address", "row.links", "shown.source"}, path
