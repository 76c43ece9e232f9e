"""The file reviewed.yaml: read, and refused with file, line and key."""

from __future__ import annotations

from pathlib import Path

import pytest

from qa_reports.config import load_reviewed
from qa_reports.errors import ConfigError

GOOD = """\
reviewed:
  - {interviewer: 4976, kind: level, until: Round 5, note: "Recordings are fine.", by: A. Smith}
"""


def write(folder: Path, text: str) -> Path:
    path = folder / "reviewed.yaml"
    path.write_text(text, encoding="utf-8")
    return path


def test_a_list_is_read_and_ids_may_be_numbers(tmp_path: Path) -> None:
    (entry,) = load_reviewed(write(tmp_path, GOOD))

    assert (entry.interviewer, entry.kind, entry.until) == ("4976", "level", "Round 5")


def test_a_list_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="there is no such file"):
        load_reviewed(tmp_path / "reviewed.yaml")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (GOOD.replace("kind: level", "kind: levels"), ":2: reviewed[1].kind: is 'levels'; did you mean level?"),
        (GOOD.replace("by: A", "bye: A"), ":2: reviewed[1].bye: is not a known key; did you mean by?"),
        (GOOD.replace(", by: A. Smith", ""), ":2: reviewed[1].by: is missing; give who looked into it"),
        (GOOD + GOOD.split("\n", 1)[1], ":3: reviewed[2]: 4976, level is listed twice (entries 1 and 2); keep one"),
        ("- 4976\n", ":1: is not a list of reviewed flags; it has the key reviewed, and entries under it"),
        (GOOD.replace("Round 5", ""), ":2: reviewed[1].until: is empty; give a value or delete the line"),
    ],
)
def test_a_mistake_is_named_with_file_line_and_key(tmp_path: Path, text: str, message: str) -> None:
    path = write(tmp_path, text)

    with pytest.raises(ConfigError) as error:
        load_reviewed(path)

    assert message in str(error.value)
    assert str(path) in str(error.value)
