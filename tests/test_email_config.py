"""The e-mail section of a configuration: addresses, secrets and what contradicts itself."""

from __future__ import annotations

from pathlib import Path

import pytest

from qa_reports.config import load_config, parse_address
from qa_reports.errors import ConfigError

CONFIG = """\
survey: {name: A survey}
data: {file: wave.csv, interviewer: intnum, team: region}
items: [trust]
email:
  from: QA desk <qa@agency.example>
  to: [field@agency.example, Jürgen Müller <juergen@agency.example>]
  cc: boss@agency.example
  teams: {North: [north@agency.example], 2: two@agency.example}
  attach_limit_mb: 5
  archive_url: https://qa.agency.example/archive
  smtp: {host: mail.agency.example, port: 465, security: tls, user: qa, password_env: QA_SMTP_PASSWORD, timeout: 10}
"""


def complaint(folder: Path, text: str) -> str:
    path = folder / "wave.yaml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(ConfigError) as told:
        load_config(path)
    return str(told.value).replace(f"{path}:", "")


def test_a_whole_section_is_read(tmp_path: Path) -> None:
    path = tmp_path / "wave.yaml"
    path.write_text(CONFIG, encoding="utf-8")
    email = load_config(path).email
    assert email is not None
    assert email.from_ == "QA desk <qa@agency.example>"
    assert email.to == ("field@agency.example", "Jürgen Müller <juergen@agency.example>")
    assert email.cc == ("boss@agency.example",)
    assert email.teams == {"North": ("north@agency.example",), "2": ("two@agency.example",)}
    assert (email.smtp.port, email.smtp.security, email.smtp.timeout) == (465, "tls", 10)


def test_defaults_are_safe(tmp_path: Path) -> None:
    path = tmp_path / "wave.yaml"
    text = CONFIG.split("email:")[0] + "email: {from: qa@a.example, to: x@a.example, smtp: {host: mail.a.example}}\n"
    path.write_text(text, encoding="utf-8")
    email = load_config(path).email
    assert email is not None
    assert (email.smtp.port, email.smtp.security, email.attach_limit_mb) == (587, "starttls", 10)


MISTAKES = [
    ("from: QA desk <qa@agency.example>", "from: nobody",
     "5: email.from: is not an e-mail address; write name@agency.example, or Field team <name@agency.example>"),
    ("from: QA desk", "form: QA desk",
     "4: email.from: is missing; give address of the sender\n5: email.form: is not a known key; did you mean from?"),
    ("juergen@agency.example", "juergen@agency@example",
     "6: email.to.Jürgen Müller <juergen@agency@example>: is not an e-mail address; write name@agency.example, or "
     "Field team <name@agency.example>"),
    ("cc: boss@agency.example", 'cc: "boss@agency.example\\nBcc: x@y.example"',
     "7: email.cc: is not an e-mail address; write name@agency.example, or Field team <name@agency.example>"),
    ("teams: {North: [north@agency.example], 2: two@agency.example}", "teams: [North]",
     "8: email.teams: is a list; it should have a name and a value on each line"),
    (", team: region", "", "8: email.teams: needs data.team, the column that says which team an interviewer is in"),
    ("cc: boss@agency.example", "cc: FIELD@agency.example",
     "7: email.cc[1]: stands twice; keep one"),
    ("password_env: QA_SMTP_PASSWORD", "password: secret",
     "11: email.smtp.password: is not a known key; did you mean password_env?"),
    (", password_env: QA_SMTP_PASSWORD", "",
     "11: email.smtp.user: needs a password; add password_env or password_file"),
    ("user: qa, ", "", "11: email.smtp: has a password but no user; add user, or delete the password"),
    ("security: tls", "security: none",
     "11: email.smtp.security: is none, but a password is never sent unencrypted; it should be starttls or tls, or "
     "delete user"),
    ("security: tls", "security: ssl", "11: email.smtp.security: is 'ssl'; it should be starttls, tls or none"),
    ("password_env: QA_SMTP_PASSWORD", "password_file: secret.txt",
     "11: email.smtp.password_file: is 'secret.txt'; it should be an absolute path, because the archive keeps this "
     "file too"),
    ("user: qa", "user: qa, password_file: ~/secret",
     "11: email.smtp.password_file: stands beside password_env; keep one of them"),
    ("port: 465", "port: 0", "11: email.smtp.port: is 0; it should be at least 1"),
    ("host: mail.agency.example", "host: mail agency", "11: email.smtp.host: is not the name of a server; it should be "
     "like mail.agency.example"),
    ("host: mail.agency.example", "host: mail..example",
     "11: email.smtp.host: is not the name of a server; it should be like mail.agency.example"),
    ("https://qa", "qa", "10: email.archive_url: is not a web address; it should begin with https://"),
]  # fmt: skip


@pytest.mark.parametrize(("old", "new", "message"), MISTAKES)
def test_mistakes_are_told_with_their_line(tmp_path: Path, old: str, new: str, message: str) -> None:
    assert old in CONFIG
    assert complaint(tmp_path, CONFIG.replace(old, new)) == message


def test_nobody_to_send_to(tmp_path: Path) -> None:
    text = CONFIG.split("email:")[0] + "email: {from: qa@agency.example, smtp: {host: mail}}\n"
    assert complaint(tmp_path, text) == "4: email: has nobody to send to; add to, cc or teams, or delete email"


@pytest.mark.parametrize(
    ("text", "spec", "name"),
    [
        ("a@b.example", "a@b.example", ""),
        ("  a.b+c@B.Example ", "a.b+c@b.example", ""),
        ('"Müller, Jürgen" <j@b.example>', "j@b.example", "Müller, Jürgen"),
        ("Feld-Team<team@büro.example>", "team@xn--bro-hoa.example", "Feld-Team"),
        ("jürgen@b.example", "jürgen@b.example", ""),
        ("root@localhost", "root@localhost", ""),
    ],
)
def test_addresses(text: str, spec: str, name: str) -> None:
    parsed = parse_address(text)
    assert parsed is not None
    assert (parsed.spec, parsed.name) == (spec, name)
    assert parsed.needs_utf8 == (not spec.isascii())


@pytest.mark.parametrize(
    "text",
    [
        "", "a", "@", "a@", "@b", "a@b@c", "a b@c.example", "a@b c", "a@b\r\nBcc: x@y", "a@b\n", "a\x00@b", "a@b,c@d",
        "a@b; c@d", "<a@b>", "N <a@b> <c@d>", "N\r\n <a@b.example>", "a..b@c.example", ".a@c.example", "a@-b.example",
        "a@b..example", "a@" + "b" * 64 + ".example", "a" * 65 + "@b.example", "a@\u202eb.example", "a@[127.0.0.1]",
        'a"b@c.example', "a\\@c.example", "a@b.example>", "a@b.example <",
    ],
)  # fmt: skip
def test_what_is_no_address(text: str) -> None:
    assert parse_address(text) is None
