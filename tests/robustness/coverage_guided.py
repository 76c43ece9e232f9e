"""Coverage-guided fuzzing of what reads text in pure Python, by atheris (`pip install -e ".[fuzz]"`; no test runs it).

    python -m tests.robustness.coverage_guided filters -max_total_time=600

Targets are configurations, filters, tables and codebooks; what must hold is in `kinds.py`. Options are libFuzzer's: a
folder keeps the corpus, `-seed=` repeats a run. What is found is written to `crash-...` in the current folder.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

import atheris

# Only the program is watched: the first sight of pandas would be taken for progress.
with atheris.instrument_imports(include=["qa_reports"], enable_loader_override=False):
    from tests.robustness import kinds
    from tests.survey.wave_files import CSV

EXAMPLE = (Path(__file__).parents[2] / "configs" / "minimal.yaml").read_bytes()

HEADER = b"variable,label,value,category,missing\n"
TARGETS = {
    "configurations": kinds.configuration_is_read_or_refused,
    # A change of the example is read further than bytes that are no mapping at all.
    "changes": lambda content: kinds.configuration_is_read_or_refused(changed(EXAMPLE, content)),
    "filters": lambda content: kinds.filter_is_applied_or_refused(content.decode("utf-8", "replace")),
    "tables": kinds.table_is_read_or_refused,
    "codebooks": lambda content: kinds.codebook_is_read_or_refused(
        b"variable,label,value,category,missing\n" + content
    ),
}

SEEDS = {
    "configurations": [EXAMPLE, b"a: &a [1, 0x1f, .nan, 'x', \"y\"]\nb: {<<: *a, ? c : |\n  text\n}\n"],
    "changes": [],
    "filters": [b"a >= -1.5 and not (`a b` in ['x', 1] or q != 'y')", b"1 < a <= q", b"a not in ()"],
    "tables": [CSV.encode(), b'sep=;\na;"b"\n1,5;"x""y"\n', "a\tb\nä\t1\n".encode("utf-16")],
    "codebooks": [b'q,Trust,1,"Not at all",0\nq,,90..99,Refused,yes\n'],
}


def changed(example: bytes, content: bytes) -> bytes:
    """The example with what the first two bytes point at replaced by the others."""
    place = int.from_bytes(content[:2], "big") % len(example)
    return example[:place] + content[3:] + example[place + (content[2] % 16 if len(content) > 2 else 0) :]


def main() -> None:
    """Fuzz the named target until the time is over or something is found."""
    name, *options = sys.argv[1:]
    target = TARGETS[name]
    folder = Path(tempfile.mkdtemp(prefix="seeds-"))  # the process ends in Fuzz(), so nobody would remove it
    for place, seed in enumerate(SEEDS[name]):
        (folder / str(place)).write_bytes(seed)

    def try_one(content: bytes) -> None:
        target(content)

    atheris.Setup([sys.argv[0], *options, str(folder)], try_one)
    atheris.Fuzz()


if __name__ == "__main__":
    main()
