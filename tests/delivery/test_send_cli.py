"""`qa-report` and `qa-report send` from the data to the mailbox."""

from __future__ import annotations

import csv
import shutil
import subprocess
from pathlib import Path

import pytest

from qa_reports.cli import main
from qa_reports.delivery.receipts import RECEIPTS_FILE
from tests.delivery.mail_server import Mailbox, free_port, running
from tests.small_wave import SmallWave, write_small_wave

EMAIL = """\
archive: {folder: archive}
email:
  from: qa@agency.example
  to: [field@agency.example]
  teams: {North: [north@agency.example], West: [west@agency.example]}
  smtp: {host: localhost, port: 9, security: none, timeout: 5}
"""
SOUTH = tuple(str(number) for number in range(107, 113))


def write_mailed_wave(folder: Path) -> SmallWave:
    """The small wave with teams: up to 106 they are North, the others South; 101 and 112 are unlike the rest."""
    wave = write_small_wave(folder)
    rows = list(csv.reader(wave.survey_file.read_text(encoding="utf-8").splitlines()))
    for row in rows[1:]:
        row[4] = "North" if int(row[1]) <= 106 else "South"
        row[2:4] = ["10", "0"] if row[1] in ("101", "112") else row[2:4]
    wave.survey_file.write_text("".join(f"{','.join(row)}\n" for row in rows), encoding="utf-8")
    wave.replace("interviewer: intnum}", "interviewer: intnum, team: comment}")
    wave.config.write_text(wave.config.read_text(encoding="utf-8") + EMAIL, encoding="utf-8")
    return wave


def the_run(wave: SmallWave) -> Path:
    (manifest,) = wave.folder.glob("archive/*/*/*/manifest.json")
    return manifest.parent


@pytest.fixture(scope="module")
def made_once(tmp_path_factory: pytest.TempPathFactory) -> SmallWave:
    wave = write_mailed_wave(tmp_path_factory.mktemp("mail") / "wave")
    assert main([str(wave.config), "--no-email", "--quiet"]) == 0
    return wave


@pytest.fixture
def wave(made_once: SmallWave, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> SmallWave:
    """A wave that is archived and not mailed yet; the current folder is an empty one."""
    shutil.copytree(made_once.folder, tmp_path / "wave")
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    return SmallWave(tmp_path / "wave")


def test_no_email_archives_what_can_be_sent_later(wave: SmallWave) -> None:
    names = {path.name for path in the_run(wave).iterdir()}
    (team,) = {name for name in names if name.startswith("team-")}
    assert names >= {"report.html", "report.pdf", "results.json", "mail.json", "config.yaml", "manifest.json", team}
    assert not (the_run(wave).parent / RECEIPTS_FILE).exists()


def test_send_and_send_again(wave: SmallWave, capsys: pytest.CaptureFixture[str]) -> None:
    mailbox = Mailbox(replies={"field@agency.example": ["550 5.1.1 no such user"]})
    with running(mailbox) as port:
        wave.replace("port: 9,", f"port: {port},")
        command = ["send", str(the_run(wave)), "--config", str(wave.config)]
        assert main(command) == 4
        assert capsys.readouterr().out.splitlines() == [
            "field@agency.example: not sent: 550 5.1.1 no such user; the address in email.to should be corrected",
            "north@agency.example (team North): sent",
        ]
        assert main(command) == 0
        told = capsys.readouterr().out.splitlines()
        assert told[0] == "field@agency.example: sent"
        assert told[1].startswith("north@agency.example (team North): was sent it on 20")
        assert mailbox.recipients == ["north@agency.example", "field@agency.example"]
        assert main([*command, "--again"]) == 0
    assert len(mailbox.taken) == 4
    mailbox.taken = mailbox.taken[:2]
    for recipient, pattern in (("field@agency.example", "report.pdf"), ("north@agency.example", "team-*.pdf")):
        (attachment,) = mailbox.message_to(recipient).iter_attachments()
        (pdf,) = the_run(wave).glob(pattern)
        assert attachment.get_payload(decode=True) == pdf.read_bytes()


@pytest.mark.skipif(shutil.which("pdftotext") is None, reason="poppler's pdftotext and pdfdetach are not installed")
def test_the_teams_pdf_names_nobody_else(wave: SmallWave) -> None:
    (pdf,) = the_run(wave).glob("team-*.pdf")
    words = subprocess.run(["pdftotext", str(pdf), "-"], check=True, capture_output=True, text=True).stdout.split()
    plain = {word.strip("().,;:") for word in words}
    assert "101" in plain
    assert plain.isdisjoint(SOUTH)
    assert "South" not in plain
    attached = subprocess.run(["pdfdetach", "-list", str(pdf)], check=True, capture_output=True, text=True).stdout
    assert attached.startswith("0 embedded files")


def test_a_run_mails_and_a_re_run_does_not(wave: SmallWave, capsys: pytest.CaptureFixture[str]) -> None:
    mailbox = Mailbox()
    shutil.rmtree(wave.folder / "archive")
    with running(mailbox) as port:
        wave.replace("port: 9,", f"port: {port},")
        assert main([str(wave.config), "--formats", "json"]) == 0
        told = capsys.readouterr()
        assert "note: mailed to 2 of 2\n" in told.err
        assert "note: email.teams.West: no interviewer is in this team, so it gets no mail; there are North, South" in (
            told.err
        )
        assert mailbox.recipients == ["field@agency.example", "north@agency.example"]
        assert main([str(wave.config), "--formats", "json"]) == 0
        assert "note: mailed to 0 of 2, 2 had it already\n" in capsys.readouterr().err
        assert main([str(wave.config), "--formats", "json", "--new-run", "--quiet"]) == 0
        assert len(mailbox.taken) == 2


def test_a_corrected_server_mails_only_those_who_were_not_reached(wave: SmallWave) -> None:
    shutil.rmtree(wave.folder / "archive")
    mailbox = Mailbox(replies={"north@agency.example": ["550 5.1.1 no such user"]})
    with running(mailbox) as port:
        wave.replace("port: 9,", f"port: {port},")
        assert main([str(wave.config), "--formats", "json", "--quiet"]) == 4
        wave.replace("timeout: 5", "timeout: 6")
        assert main([str(wave.config), "--formats", "json", "--quiet"]) == 0
    assert mailbox.recipients == ["field@agency.example", "north@agency.example"]


def test_undelivered_mail_is_exit_code_4_and_the_report_is_there(
    wave: SmallWave, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("qa_reports.delivery.send.time.sleep", lambda _: None)
    shutil.rmtree(wave.folder / "archive")
    port = free_port()
    wave.replace("port: 9,", f"port: {port},")
    arguments = [str(wave.config), "--formats", "json", "--quiet", "--fail-on", "warning"]
    assert main(arguments) == 4
    told = capsys.readouterr()
    assert f"note: field@agency.example: not sent, the next run tries again: localhost:{port}: cannot be" in told.err
    assert (the_run(wave) / "results.json").exists()
    assert str(the_run(wave)) in told.out
    (the_run(wave).parent / RECEIPTS_FILE).write_bytes(b"garbage\n")
    assert main(arguments) == 4
    assert "note: no more mail is sent: " in capsys.readouterr().err


def test_a_dry_run_sends_nothing(wave: SmallWave, capsys: pytest.CaptureFixture[str]) -> None:
    run = the_run(wave)
    assert main(["send", str(run), "--config", str(wave.config), "--dry-run"]) == 0
    folder = Path(f"{run.name}-mail")
    names = ["01-field_agency_example.eml", "02-north_agency_example.eml"]
    assert capsys.readouterr().out.splitlines() == [str(folder / name) for name in names]
    assert sorted(path.name for path in folder.iterdir()) == names
    shutil.rmtree(wave.folder / "archive")
    assert main([str(wave.config), "--formats", "json", "--quiet", "--dry-run"]) == 0
    assert sorted(path.name for path in (wave.folder / "wave-mail").iterdir()) == names
    assert not (the_run(wave).parent / RECEIPTS_FILE).exists()


def test_without_an_archive_no_mail(wave: SmallWave, capsys: pytest.CaptureFixture[str]) -> None:
    output = wave.folder / "monday"
    assert main([str(wave.config), "--formats", "json", "--quiet", "--output", str(output)]) == 0
    assert capsys.readouterr().err == "note: no mail is sent, because only an archived report is mailed\n"
    assert [path.name for path in output.iterdir()] == ["results.json"]


def test_what_cannot_be_sent(wave: SmallWave, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["send", str(tmp_path / "nowhere")]) == 2
    assert capsys.readouterr().err == (
        f"{tmp_path / 'nowhere'}: there is no such folder; give the folder of an archived run\n"
    )
    run = the_run(wave)
    (run / "mail.json").unlink()
    assert main(["send", str(run), "--config", str(wave.config)]) == 2
    assert "mail.json: cannot be read; give the folder of an archived run" in capsys.readouterr().err
    wave.config.write_text(wave.config.read_text(encoding="utf-8").split("archive:")[0], encoding="utf-8")
    assert main(["send", str(run), "--config", str(wave.config)]) == 2
    assert "has no email section, so nobody would get the report; give one by --config" in capsys.readouterr().err
