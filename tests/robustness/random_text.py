"""Random text for whatever is read: configurations, filters, tables, codebooks."""

from __future__ import annotations

from pathlib import Path

from hypothesis import strategies as st
from hypothesis.strategies import DrawFn

from tests.robustness.random_surveys import HOSTILE

EXAMPLE = (Path(__file__).parents[2] / "configs" / "example.yaml").read_text(encoding="utf-8")

PIECES = (
    *HOSTILE, "&a", "*a", "<<: *a", "[", "]", "{", "}", ": ", "- ", "\n", "\n\n", "  ", "\t", "#", "|", ">", "'", '"',
    "!!python/object/apply:os.system", "!!binary", "!!set", "!!timestamp", "? ", "%YAML 1.1", "---", "...", "~", "null",
    "9" * 400, "1e999", "-.inf", ".nan", "0x" + "f" * 300, "0o777", "true", "[[[[", "\u2028", "\ufeff", "\\u0000",
    "1.5",
    "77..88", "88..77", "..", "-5..", "items", "name", "scale", "missing_codes", "[0, 10]", "{77: x}", "data", "where",
)  # fmt: skip
WORDS = (
    "a", "`a b`", "'x'", '"y"', "1", "-1", "1e400", "9" * 400, "==", "=", "!=", "<", ">=", "in", "not in", "not", "and",
    "or", "(", ")", "[1, 2]", "[", "]", ",", "a()", "a.b", "lambda: 0", "__import__('os')", "is", "None", "True", "\\",
    "'", "`", "\x00", "~", "+", "*", ":=", "1j", "b'x'", "f'{a}'", "_quoted_0_", "_quoted_7_", "...", "if", "else",
)  # fmt: skip


@st.composite
def spoilt_configurations(draw: DrawFn) -> bytes:
    """The example configuration with pieces of it replaced, or text made of nothing but such pieces."""
    if draw(st.integers(0, 3)) == 0:
        return "".join(draw(st.lists(st.sampled_from(PIECES), max_size=30))).encode("utf-8", "surrogatepass")
    text = EXAMPLE
    for _ in range(draw(st.integers(1, 4))):
        start = draw(st.integers(0, len(text)))
        piece = draw(st.sampled_from(PIECES))
        text = text[:start] + piece + text[start + draw(st.integers(0, 12)) :]
    content = text.encode("utf-8", "surrogatepass")
    return draw(st.sampled_from([content, content, content, content[: len(content) // 2], content + b"\xff"]))


@st.composite
def filters(draw: DrawFn) -> str:
    """Words in any order, or a filter as it should be, of which now and then a word is another."""
    if draw(st.integers(0, 2)) == 0:
        return " ".join(draw(st.lists(st.sampled_from(WORDS), max_size=12)))
    words: list[str] = []
    for _ in range(draw(st.integers(1, 3))):
        words += draw(st.sampled_from([[], [], ["not"], ["("]]))
        words += [draw(st.sampled_from(["a", "q", "`a b`", "3", "'x'", "missing"]))]
        words += draw(
            st.one_of(
                st.tuples(
                    st.sampled_from(["==", "!=", "<", ">="]), st.sampled_from(["a", "q", "''", "-1.5", "1e400", "'x'"])
                ),
                st.tuples(
                    st.sampled_from(["in", "not in"]), st.sampled_from(["[]", "[1, 'x']", "(3,)", "[a]", "[-1]"])
                ),
            )
        )
        words += [")"] * (words.count("(") - words.count(")")) + [draw(st.sampled_from(["and", "or"]))]
    words.pop()
    if draw(st.integers(0, 3)) == 0:
        words[draw(st.integers(0, len(words) - 1))] = draw(st.sampled_from(WORDS))
    return " ".join(words)


CELLS = (
    *HOSTILE, "", " ", "1", "-1", "1,5", "1.5", "1.234,5", "007", "1e400", "nan", "NA", "9" * 25, "0x1f", '"', '""',
    "'", "2023-05-01", "01.05.2023", "10:30", "é", "\xa0", "\x00", "\ufeff", "\r", "\n", "\u2028", "\\", "true",
)  # fmt: skip
"""What stands in cells, and what ends them too early."""


@st.composite
def tables(draw: DrawFn) -> bytes:
    """A table of text: delimited, quoted, encoded and ended in one way or another, with mistakes."""
    delimiter = draw(st.sampled_from(",;\t|: "))
    end = draw(st.sampled_from(["\n", "\r\n", "\r"]))
    width = draw(st.integers(1, 5))
    cells = st.sampled_from(CELLS).map(
        lambda cell: draw(st.sampled_from([cell, f'"{cell.replace(chr(34), 2 * chr(34))}"']))
    )
    rows = draw(st.lists(st.lists(cells, min_size=width, max_size=draw(st.sampled_from([width, width, width + 1])))))
    names = [draw(st.sampled_from([f"q{place}", f"q{place}", "q0", draw(cells)])) for place in range(width)]
    said = draw(st.sampled_from(["", "", "", f"sep={delimiter}{end}"]))
    text = said + "".join(delimiter.join(row) + end for row in [names, *rows])
    encoding = draw(st.sampled_from(["utf-8", "utf-8", "utf-8-sig", "utf-16", "cp1252", "latin-1"]))
    return text.encode(encoding, "replace")


@st.composite
def codebooks(draw: DrawFn) -> bytes:
    """A codebook with what may stand in its columns and, now and then, what may not."""
    columns = ["variable", "label", "value", "category", "missing"]
    kept = columns if draw(st.booleans()) else draw(st.lists(st.sampled_from(columns), min_size=1, unique=True))
    odd = draw(st.sampled_from(["", "", "1e400", "..", "99..90", "maybe", *HOSTILE]))
    choices = {
        "variable": ["q", "x", "Q", odd],
        "label": ["", "", odd],
        "value": [*map(str, range(12)), "90..99", "-9..-1", "a", odd],
        "category": ["", "", odd],
        "missing": ["1", "yes", "", "", odd],
    }
    row = st.fixed_dictionaries({column: st.sampled_from(choices[column]) for column in kept})
    rows = draw(st.lists(row, max_size=draw(st.sampled_from([3, 10]))))
    lines = [kept, *([cells[column] for column in kept] for cells in rows)]
    return "".join(
        ",".join(f'"{cell.replace(chr(34), 2 * chr(34))}"' for cell in line) + "\n" for line in lines
    ).encode()
