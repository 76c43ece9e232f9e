"""Titles and labels above or below the names of columns, in text files and spreadsheets."""

from __future__ import annotations

from pathlib import Path

import pytest
import xlsxwriter

from qa_reports.cli import main
from qa_reports.config import ReadConfig, load_config
from qa_reports.errors import DataError
from qa_reports.starting.rows import guess_rows
from qa_reports.survey.readers import DataFile, read_data_file

NAMES = ["id", "int", "q1", "q2"]
LABELS = ["Number of the case", "Interviewer", "Trust, in\nthe police", ""]
DATA = [[f"{k:03d}", "07", str(k % 5), str(k % 3)] for k in range(1, 13)]
SHAPES: dict[str, tuple[list[list[str]], ReadConfig, dict[str, str]]] = {
    "labels above": ([LABELS, NAMES], ReadConfig(names_row=2, labels_row=1), {"q1": "Trust, in the police"}),
    "labels below": ([NAMES, LABELS], ReadConfig(labels_row=2), {"q1": "Trust, in the police"}),
    "a title": ([["Wave 3"], NAMES], ReadConfig(names_row=2), {}),
    "a title, a blank row": ([["Wave 3"], [], NAMES], ReadConfig(names_row=3), {}),
    "named by the blank row": ([["Wave 3"], [], NAMES], ReadConfig(names_row=2), {}),
    "first before the names": ([["Wave 3"], [], NAMES], ReadConfig(names_row=2, first_row=3), {}),
    "one more row": ([NAMES, LABELS, ["{}"] * 4], ReadConfig(labels_row=2, first_row=4), {"id": LABELS[0]}),
    "a row left out": ([NAMES, ["x"] * 4], ReadConfig(first_row=3), {}),
}


def written(folder: Path, kind: str, rows: list[list[str]]) -> str:
    if kind == "xlsx":
        book = xlsxwriter.Workbook(folder / "wave.xlsx")
        sheet = book.add_worksheet()
        for place, row in enumerate(rows):
            for column, cell in enumerate(row):
                sheet.write_string(place, column, cell)
        book.close()
        return "wave.xlsx"
    lines = [";".join(f'"{cell}"' if "\n" in cell else cell for cell in row) for row in rows]
    (folder / "wave.csv").write_text("\n".join(lines) + "\n", encoding="utf-8")
    return "wave.csv"


def read(folder: Path, kind: str, rows: list[list[str]], options: ReadConfig) -> DataFile:
    return read_data_file(folder, written(folder, kind, rows), options)


@pytest.mark.parametrize("kind", ["csv", "xlsx"])
@pytest.mark.parametrize("shape", SHAPES)
def test_names_labels_and_data_are_told_apart(tmp_path: Path, kind: str, shape: str) -> None:
    head, options, labels = SHAPES[shape]
    found = read(tmp_path, kind, head + DATA, options)
    assert list(found.table.columns) == NAMES
    assert found.table["id"].tolist() == [row[0] for row in DATA]
    assert found.table["q1"].tolist() == [int(row[2]) for row in DATA]
    assert {name: found.labels[name].label for name in labels} == labels
    assert set(found.labels) == ({"id", "int", "q1"} if labels else set())


@pytest.mark.parametrize("kind", ["csv", "xlsx"])
def test_a_row_that_the_file_does_not_have_is_refused(tmp_path: Path, kind: str) -> None:
    with pytest.raises(DataError, match=r"read.labels_row is 99, and the file has no row from there on"):
        read(tmp_path, kind, [NAMES, *DATA], ReadConfig(labels_row=99))


def test_messages_count_the_lines_of_the_file(tmp_path: Path) -> None:
    rows = [LABELS, NAMES, *DATA[:3], ["004", "07"], *DATA[3:]]
    with pytest.raises(DataError, match=r"line 7 holds 2 cells and the header 4 columns"):
        read(tmp_path, "csv", rows, ReadConfig(names_row=2, labels_row=1))  # a label takes two lines


@pytest.mark.parametrize(
    ("head", "expected"),
    [
        ([[*LABELS[:3], "Fair or not"], NAMES], {"names_row": 2, "labels_row": 1}),
        ([["Wave 3", "", "", ""], NAMES], {"names_row": 2}),
        ([NAMES, ["The case", "The interviewer", "Trust", "Fairness"]], {"labels_row": 2}),
        (
            [NAMES, ["The case", "The interviewer", "Trust", "Fairness"], ["{1}", "{2}", "{3}", "{4}"]],
            {"labels_row": 2, "first_row": 4},
        ),
        ([NAMES], None),
    ],
)
def test_rows_are_guessed(tmp_path: Path, head: list[list[str]], expected: dict[str, int] | None) -> None:
    numbered = [[str(int(row[0])), "7", *row[2:]] for row in DATA]
    guess = guess_rows(read(tmp_path, "xlsx", head + numbered, ReadConfig()).table)
    assert (guess and guess.read.model_dump(exclude_none=True)) == expected


def test_words_among_the_data_are_no_labels(tmp_path: Path) -> None:
    """One odd cell in the first row, or a table of words, says nothing about the others."""
    odd = [[*DATA[0][:3], "no answer"], *DATA[1:]]
    assert guess_rows(read(tmp_path, "csv", [NAMES, *odd], ReadConfig()).table) is None
    words = [["a b", "c d", "e f", "g h"] for _ in DATA]
    assert guess_rows(read(tmp_path, "csv", [NAMES, *words], ReadConfig()).table) is None


@pytest.mark.parametrize(
    ("head", "options", "code", "told"),
    [
        ([LABELS, NAMES], "", 2, 'has no column "int" (data.interviewer); it stands in row 1 below the header: if the'),
        ([LABELS, NAMES], "read: {names_row: 2, labels_row: 1}, ", 0, ""),
        (
            [NAMES, ["The case", "Who", "Trust", "Fair"]],
            "",
            2,
            "row 1 holds text ('Trust', 1 such cell); if labels stand there, write read: {labels_row: 2} for this file",
        ),
        (
            [NAMES, ["The case", "Who", "Trust", "Fair"], ["{}"] * 4],
            "",
            2,
            "2 such cells); if labels stand there, write read: {labels_row: 2, first_row: 4} for this file; else",
        ),
    ],
)
def test_messages_name_the_remedy(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], head: list[list[str]], options: str, code: int, told: str
) -> None:
    file = written(tmp_path, "xlsx", head + DATA)
    config = tmp_path / "wave.yaml"
    config.write_text(
        f"survey: {{name: A survey}}\ndata: {{file: {file}, {options}interviewer: int}}\n"
        "interviewers: {missing_codes: {}}\nitems: [q1]\n",
        encoding="utf-8",
    )
    main(["check", str(config)])
    captured = capsys.readouterr()
    assert told in captured.err
    assert bool(captured.err) == (code == 2)


def test_init_reads_such_a_file_and_says_how(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    labels = ["Number of the case", "Number of the interviewer", "Trust in the police", "Fairness of people"]
    data = [[str(k), str(k % 12 + 100), str(k % 7 % 5 + 1), str(k % 11 % 5 + 1)] for k in range(240)]
    written(tmp_path, "xlsx", [labels, NAMES, *data])
    assert main(["init", str(tmp_path / "wave.xlsx")]) == 0
    config = load_config(tmp_path / "wave.yaml")
    assert config.data.read == ReadConfig(names_row=2, labels_row=1)
    assert [item.label for item in config.items] == labels[2:]
    assert main(["check", str(tmp_path / "wave.yaml")]) == 0
    assert "240 of 240 rows are used" in capsys.readouterr().out
