"""Arabic and Hebrew names within English sentences."""

from __future__ import annotations

import pytest

from qa_reports.report.bidi import isolated

ARABIC, HEBREW = "\u0623\u062d\u0645\u062f", "\u05d9\u05d5\u05e1\u05e3"


def kept(name: str) -> str:
    return f"\u2068{name}\u2069\u200e"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Trust in the police", "Trust in the police"),
        ("\u738b\u5c0f\u660e, \u0141ukasz", "\u738b\u5c0f\u660e, \u0141ukasz"),
        (ARABIC, kept(ARABIC)),
        (f"{HEBREW}? (0-10)", kept(f"{HEBREW}? (0-10)")),
        (f"{ARABIC} {HEBREW} +11%", kept(f"{ARABIC} {HEBREW} +11%")),
        (f"Most for “{HEBREW}? (0-10)”: 15%", f"Most for “{kept(f'{HEBREW}? (0-10)')}”: 15%"),
        (f"Most for “Trust”, {ARABIC}-{HEBREW} 15%", f"Most for “Trust”, {kept(f'{ARABIC}-{HEBREW}')} 15%"),
        (f"{ARABIC}, {HEBREW} and {ARABIC}", f"{kept(ARABIC)}, {kept(HEBREW)} and {kept(ARABIC)}"),
        (f"{ARABIC}1 ~ 1 + (1 | interviewer)", f"{kept(f'{ARABIC}1')} ~ 1 + (1 | interviewer)"),
    ],
)
def test_what_runs_from_right_to_left_is_kept_together(text: str, expected: str) -> None:
    assert isolated(text) == expected
