"""Fonts of what is written into pictures, whatever the machine has."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from PIL import ImageFont, features

from qa_reports.report import typefaces
from qa_reports.report.typefaces import letters_without_font, printable, typeface

CHINESE = "\u738b\u5c0f\u660e"
ARABIC = "\u0641\u0627\u0637\u0645\u0629"
UNASSIGNED = "\U000e0fff"


@pytest.fixture
def only_dejavu(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A machine whose only font is Matplotlib's."""
    cached = (typefaces._installed, typefaces._font_for)
    for one in cached:
        one.cache_clear()
    monkeypatch.setattr(typefaces, "findSystemFonts", lambda: [typefaces._dejavu(False)])
    yield
    for one in cached:
        one.cache_clear()


def file_of(words: str, bold: bool = False) -> str:
    return Path(str(typeface(words, 14.0, bold).path)).name


def test_words_that_dejavu_has_do_not_depend_on_the_machine() -> None:
    for words in ("Trust in the police", "Stra\u00dfe \u0141\u00f3d\u017a", "\u039d\u03af\u03ba\u03bf\u03c2", ARABIC):
        assert file_of(words) == "DejaVuSans.ttf"
        assert file_of(words, bold=True) == "DejaVuSans-Bold.ttf"


def test_only_words_that_need_it_are_shaped() -> None:
    assert typeface("Trust", 14.0, False).layout_engine == ImageFont.Layout.BASIC
    if features.check("raqm"):
        assert typeface(ARABIC, 14.0, False).layout_engine == ImageFont.Layout.RAQM
        alone = sum(typeface(letter, 14.0, False).getlength(letter) for letter in ARABIC)
        assert typeface(ARABIC, 14.0, False).getlength(ARABIC) < 0.9 * alone, "letters join"


@pytest.mark.usefixtures("only_dejavu")
def test_what_no_font_has_is_an_empty_box_and_told() -> None:
    assert printable(f"{CHINESE} Li\n") == "\u25a1\u25a1\u25a1 Li\u25a1"
    assert letters_without_font(f"Li {CHINESE} {ARABIC}\n") == "".join(sorted(CHINESE))
    assert file_of(CHINESE) == "DejaVuSans.ttf"


def test_a_font_of_the_machine_writes_what_dejavu_lacks() -> None:
    if letters_without_font(CHINESE):
        pytest.skip("no font of this machine has Chinese letters")
    assert printable(CHINESE) == CHINESE
    assert not file_of(CHINESE).startswith("DejaVu")
    assert file_of(CHINESE) == file_of(f"Li {CHINESE}")


def test_no_font_at_all_and_fonts_that_cannot_be_read(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    damaged = tmp_path / "damaged.ttf"
    damaged.write_bytes(b"no font")
    monkeypatch.setattr(typefaces, "_installed", lambda: (str(damaged),))
    assert letters_without_font("Ab a\u200c") == "Aab"
    assert printable(UNASSIGNED) == "\u25a1"
