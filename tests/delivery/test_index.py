"""The index of an archive: made from manifests alone, with links that survive a move."""

from __future__ import annotations

import html
import re
import shutil
from pathlib import Path
from urllib.parse import unquote

import pytest

from qa_reports.cli import main
from qa_reports.delivery import index as index_module
from qa_reports.delivery.archive import list_archive
from qa_reports.delivery.index import rebuild_index, summarise_archive
from qa_reports.delivery.manifest import HashedFile, ManifestItem
from tests.delivery.archived import put

HOSTILE = '<script>alert("x")</script>/../&'


def links(index: Path) -> list[Path]:
    addresses = re.findall(r'href="([^"]+)"', index.read_text(encoding="utf-8"))
    assert not [address for address in addresses if ":" in address or address.startswith("/")]
    return [index.parent / unquote(address) for address in addresses]


def filled(archive: Path) -> Path:
    """Two surveys; the first has three waves, of which one was run twice."""
    for wave, icc, flagged in (("Round 5", 0.08, 2), ("Round 6", 0.05, 0), ("Round 5", 0.07, 3), ("Round 7", None, 1)):
        items = (ManifestItem("q1", "police", "Trust in the police", icc), ManifestItem("q2", "help", "Help", 0.01))
        put(archive, wave=wave, items=items, n_flagged=flagged, n_critical=0, since_last_wave=f"Since before {wave}.")
    put(archive, survey="Another", wave=None, country=None)
    return archive


def test_surveys_waves_and_runs(tmp_path: Path) -> None:
    shown = summarise_archive(list_archive(filled(tmp_path)), tmp_path)
    assert shown.n_runs == 5
    assert [(survey.name, survey.country) for survey in shown.surveys] == [
        ("Another", None),
        ("Trust Survey", "Belgium"),
    ]
    trust = shown.surveys[1]
    assert [wave.name for wave in trust.waves] == ["Round 5", "Round 6", "Round 7"]
    assert [len(wave.older) for wave in trust.waves] == [1, 0, 0]
    assert trust.n_flagged == (3, 0, 1)
    assert [wave.latest.median_icc for wave in trust.waves] == pytest.approx([0.04, 0.03, 0.01])
    assert [(item.key, item.icc) for item in trust.items] == [("police", (0.07, 0.05, None)), ("help", (0.01,) * 3)]


def put_iccs(archive: Path, wave: str, **iccs: float) -> None:
    put(archive, wave=wave, items=tuple(ManifestItem(name, name, name.upper(), icc) for name, icc in iccs.items()))


def test_waves_are_compared_by_the_items_that_both_have(tmp_path: Path) -> None:
    """Round 5 asked about more sensitive things; what both asked has hardly changed."""
    put_iccs(tmp_path, "5", a=0.10, b=0.06, old=0.4, older=0.5)
    put_iccs(tmp_path, "6", a=0.09, b=0.05, new=0.0, newer=0.0)
    (survey,) = summarise_archive(list_archive(tmp_path), tmp_path).surveys
    assert survey.trend is not None
    assert survey.trend.icc == pytest.approx((0.08, 0.07))
    assert (survey.trend.n_items, survey.trend.words) == (2, "2 items of both waves")
    page = rebuild_index(tmp_path).read_text(encoding="utf-8")
    assert "Typical ICC of the 2 items of both waves" in page
    assert "8.0% to 7.0%" in page
    assert "typical ICC 2.5% over its 4 items" in page


def test_a_trend_goes_back_as_far_as_half_of_the_items_do(tmp_path: Path) -> None:
    put_iccs(tmp_path, "1", z=0.9)
    put_iccs(tmp_path, "2", a=0.3)
    put_iccs(tmp_path, "3", a=0.2, b=0.4)
    put_iccs(tmp_path, "4", a=0.1, b=0.5, c=0.9)
    (survey,) = summarise_archive(list_archive(tmp_path), tmp_path).surveys
    assert survey.trend is not None
    assert survey.trend.icc == (None, 0.3, 0.2, 0.1)
    assert survey.trend.words == "1 item of the last 3 waves"


def test_waves_without_an_item_in_common_have_no_trend(tmp_path: Path) -> None:
    put_iccs(tmp_path, "1", a=0.9)
    put_iccs(tmp_path, "2", b=0.1)
    (survey,) = summarise_archive(list_archive(tmp_path), tmp_path).surveys
    assert survey.trend is None
    assert "no item in both of the last waves" in rebuild_index(tmp_path).read_text(encoding="utf-8")


def test_a_wave_of_other_data_is_pointed_out(tmp_path: Path) -> None:
    """What was archived under one name is perhaps two waves; the same data with another configuration is one."""
    put(tmp_path, wave="1", data=("a",), n_interviews=2420)
    put(tmp_path, wave="1", data=("b",))
    put(tmp_path, wave="1", data=("b",))
    put(tmp_path, wave="2", data=("b",))
    put(tmp_path, wave="2", data=("b", "c"))
    put(tmp_path, wave="3", data=None, inputs=(HashedFile("old.csv", "d"), HashedFile("interviewers.csv", "i")))
    put(tmp_path, wave="3", data=("e",), inputs=(HashedFile("new.csv", "e"), HashedFile("interviewers.csv", "i")))
    put(tmp_path, wave="4", data=())
    put(tmp_path, wave="4", data=())
    (survey,) = summarise_archive(list_archive(tmp_path), tmp_path).surveys
    assert [None if one.other_data is None else one.other_data.n_interviews for one in survey.waves] == [
        2420, None, 1200, None
    ]  # fmt: skip
    page = rebuild_index(tmp_path).read_text(encoding="utf-8")
    assert page.count("was made from other data") == 2
    assert "was made from other data (2,420 interviews)" in page


def test_two_countries_of_a_survey_are_two_lists(tmp_path: Path) -> None:
    """They share folders, because folders are named after survey and wave; manifests tell them apart."""
    for wave, country in (("1", "Belgium"), ("1", "France"), ("2", "Belgium"), ("2", None)):
        put(tmp_path, wave=wave, country=country, data=(f"{wave} {country}",))
    surveys = summarise_archive(list_archive(tmp_path), tmp_path).surveys
    assert [(one.country, [wave.name for wave in one.waves]) for one in surveys] == [
        (None, ["2"]), ("Belgium", ["1", "2"]), ("France", ["1"])
    ]  # fmt: skip
    assert [wave.other_data for one in surveys for wave in one.waves] == [None] * 4


def test_every_link_leads_to_a_file_wherever_the_archive_is(tmp_path: Path) -> None:
    archive = filled(tmp_path / "archive")
    put(archive, survey="100% Ünï cödé #1?", wave=HOSTILE)
    index = rebuild_index(archive)
    assert len(links(index)) == 2 * 6
    assert all(path.is_file() for path in links(index))
    shutil.copytree(archive, tmp_path / "web" / "server")
    shutil.rmtree(archive)
    assert all(path.is_file() for path in links(tmp_path / "web" / "server" / "index.html"))


def test_the_page_carries_everything_and_escapes_every_word(tmp_path: Path) -> None:
    items = (ManifestItem(HOSTILE, HOSTILE, HOSTILE, 0.1),)
    for wave in (HOSTILE, "2"):
        put(tmp_path, survey=HOSTILE, wave=wave, country=HOSTILE, verdict=HOSTILE, since_last_wave=HOSTILE, items=items)
    page = rebuild_index(tmp_path).read_text(encoding="utf-8")
    assert "<script" not in page
    assert "default-src 'none'" in html.unescape(page)
    assert not re.findall(r"(?:src|href)=\"?(?:https?:)?//", page)
    assert page.count("&lt;script&gt;") >= 8
    assert page.count("<svg") == 3


def test_the_index_is_a_function_of_the_manifests(tmp_path: Path) -> None:
    archive = filled(tmp_path / "archive")
    first = rebuild_index(archive).read_bytes()
    for report in archive.rglob("report.html"):
        report.write_bytes(b"")
    assert rebuild_index(archive).read_bytes() == first
    (archive / "index.html").unlink()
    assert rebuild_index(archive).read_bytes() == first


def test_what_cannot_be_read_is_named(tmp_path: Path) -> None:
    run = put(tmp_path)
    (run.folder / "manifest.json").write_bytes(b"{")
    page = rebuild_index(tmp_path).read_text(encoding="utf-8")
    assert "Nothing has been archived yet." in page
    assert f"Trust Survey/Wave 1/{run.folder.name}" in page


def test_a_run_archived_meanwhile_is_not_missing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    put(tmp_path)
    real, late = index_module.write_atomically, []

    def another_run_comes_first(path: Path, content: bytes) -> None:
        if not late:
            late.append(put(tmp_path, wave="Wave 2"))
        real(path, content)

    monkeypatch.setattr(index_module, "write_atomically", another_run_comes_first)
    page = rebuild_index(tmp_path).read_text(encoding="utf-8")
    assert late[0].manifest.run in page


def test_the_command_makes_the_index_anew(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    archive = filled(tmp_path / "archive")
    assert main(["index", str(archive)]) == 0
    assert capsys.readouterr().out == f"{archive / 'index.html'}: 5 runs\n"
    assert all(path.is_file() for path in links(archive / "index.html"))


def test_the_command_wants_an_archive(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["index", str(tmp_path / "nowhere")]) == 2
    assert (
        capsys.readouterr().err == f"{tmp_path / 'nowhere'}: there is no such folder; give the folder of an archive\n"
    )
    assert list(tmp_path.iterdir()) == []


def test_a_name_that_stood_for_another_question_has_a_row_of_its_own(tmp_path: Path) -> None:
    put(tmp_path, wave="6", items=(ManifestItem("Q53A", "Q53A", "Corruption: office of the Presidency", 0.2),))
    put(
        tmp_path,
        wave="7",
        items=(
            ManifestItem("Q53A", "Q53A", "Response to reporting a teacher", 0.1),
            ManifestItem("Q43A", "pres", "Trust president", 0.3),
        ),
    )
    put(
        tmp_path,
        wave="8",
        items=(
            ManifestItem("Q53A", "Q53A", "Response to reporting of teachers", 0.4),
            ManifestItem("Q1", "pres", "The head of state", 0.5),
        ),
    )
    (survey,) = summarise_archive(list_archive(tmp_path), tmp_path).surveys
    assert [(item.label, item.icc) for item in survey.items] == [
        ("Response to reporting of teachers", (None, 0.1, 0.4)),
        ("The head of state", (None, 0.3, 0.5)),
        ("Corruption: office of the Presidency", (0.2, None, None)),
    ]
