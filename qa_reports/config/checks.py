"""Contradictions between the parts of a configuration, each of which is fine by itself."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from qa_reports.config.addresses import parse_address
from qa_reports.config.codes import meets_scale
from qa_reports.config.delivery import EmailConfig
from qa_reports.config.models import CovariateConfig, DataConfig, ItemConfig, ReadConfig, ReportConfig
from qa_reports.config.wording import Complaint, did_you_mean


def contradictions(config: ReportConfig) -> Iterator[Complaint]:
    """Every place where the configuration contradicts itself or names something that it does not list."""
    yield from _sources(config.data)
    yield from _rows(("data", "read"), config.data.read)
    yield from _rows(("interviewers", "read"), config.interviewers.read)
    for position, join in enumerate(config.data.join):
        yield from _rows(("data", "join", position, "read"), join.read)
    yield from _repeated_names(config)
    yield from _columns_of_a_role(config)
    names = [item.name for item in config.items]
    for position, item in enumerate(config.items):
        place = ("items", position)
        yield from _slopes(item, place, names)
        yield from _scale_and_codes(item, place, config)
    yield from _batteries(config)
    yield from _code_groups(config)
    yield from _duration(config)
    yield from _indicators(config)
    if config.email is not None:
        yield from _recipients(config.email, config.data.team)
        yield from _server(config.email)
    if config.interviewers.on is not None and config.interviewers.file is None:
        yield Complaint(("interviewers", "on"), "belongs to a file of interviewers; add file, or delete on")
    for position, _ in _repeated(list(config.report.formats)):
        yield Complaint(("report", "formats", position), "stands twice; keep one")
    yield from _keys(config)
    yield from _earlier_waves(config)


def _sources(data: DataConfig) -> Iterator[Complaint]:
    """The interviews come from files or from a table, and a table from somewhere."""
    if not data.file and data.table is None:
        yield Complaint(("data", "file"), "is missing, and it is required")
    if data.file and data.table is not None:
        yield Complaint(("data", "table"), "stands beside file; keep one of them")
    if data.table is not None and data.connection is None:
        yield Complaint(("data", "table"), "is in a database; add connection, e.g. duckdb:survey.duckdb")
    if data.table is not None and data.engine == "memory":
        yield Complaint(
            ("data", "engine"), "is memory, which reads files; delete it, or name a file instead of the table"
        )
    if data.connection is not None:
        if data.table is None:
            yield Complaint(("data", "connection"), "is for a table of a database; add table, or delete it")
        if "@" in data.connection:
            text = "has a user or password in it; passwords never stand in this file: write user and password_env"
            yield Complaint(("data", "connection"), text)
        elif not data.connection.startswith(("duckdb:", "postgres:", "spark:")):
            text = "is no connection; write duckdb:FILE, postgres://HOST/DATABASE, spark:local[2] or spark://HOST:PORT"
            yield Complaint(("data", "connection"), text)
        elif data.connection.startswith("postgres:") and set(data.connection) & set("?#;"):
            text = "has more than postgres://HOST:PORT/DATABASE in it; write user and password_env, other options as "
            yield Complaint(("data", "connection"), f"{text}variables of the environment, such as PGSSLMODE")
    for key, value in (("user", data.user), ("password_env", data.password_env)):
        if value is not None and not (data.connection or "").startswith("postgres:"):
            yield Complaint(("data", key), "is for a PostgreSQL server; write connection: postgres://HOST/DATABASE")


def _rows(place: tuple[str | int, ...], read: ReadConfig) -> Iterator[Complaint]:
    """Names, labels and data stand in rows of their own, the data last."""
    names, labels, first = read.names_row or 1, read.labels_row, read.first_row
    if labels == names:
        yield Complaint((*place, "labels_row"), f"is {labels}, the row of the names; name another row, or delete it")
    if first is not None and first <= max(names, labels or 0):
        text = f"is {first}; the data begin behind the names and labels, in row {max(names, labels or 0) + 1} or later"
        yield Complaint((*place, "first_row"), text)


def _repeated(names: list[str]) -> Iterator[tuple[int, str]]:
    seen: set[str] = set()
    for position, name in enumerate(names):
        if name in seen:
            yield position, name
        seen.add(name)


def _columns_of_a_role(config: ReportConfig) -> Iterator[Complaint]:
    """A column that says who asked, or who was asked, is no answer."""
    data = config.data
    roles = dict.fromkeys(data.interviewer, "interviewer")
    if data.respondent is not None:
        roles.setdefault(data.respondent, "respondent")
    for position, item in enumerate(config.items):
        role = roles.get(item.name)
        if role is not None:
            text = f"{item.name} is the column of the {role} (data.{role}), not an answer; delete it here"
            yield Complaint(("items", position), text)
    if data.interviewer == (data.respondent,):
        text = "is the same column as data.interviewer; name the one that tells interviews apart, or delete respondent"
        yield Complaint(("data", "respondent"), text)


def _repeated_names(config: ReportConfig) -> Iterator[Complaint]:
    lists: tuple[tuple[tuple[str, ...], list[str]], ...] = (
        (("items",), [item.name for item in config.items]),
        (("batteries",), [battery.name for battery in config.batteries]),
        (("respondent_covariates",), _names(config.respondent_covariates)),
        (("interviewers", "covariates"), _names(config.interviewers.covariates)),
    )
    for place, names in lists:
        for position, name in _repeated(names):
            first = names.index(name) + 1
            yield Complaint(
                (*place, position), f"{name} is listed twice (entries {first} and {position + 1}); keep one"
            )


def _keys(config: ReportConfig) -> Iterator[Complaint]:
    """An item is found in other waves by its key, or else its name: each must stand for one item."""
    keys = [item.key or item.name for item in config.items]
    for position, key in _repeated(keys):
        item, other = config.items[position], config.items[keys.index(key)]
        if item.name != other.name:
            text = f"{key} stands for {other.name} already; items of one wave need different keys"
            yield Complaint(("items", position, "key") if item.key else ("items", position), text)


def _earlier_waves(config: ReportConfig) -> Iterator[Complaint]:
    waves = list((config.archive and config.archive.earlier_waves) or ())
    place = ("archive", "earlier_waves")
    for position, _ in _repeated(waves):
        yield Complaint((*place, position), "stands twice; keep one")
    if config.survey.wave in waves:
        yield Complaint(
            (*place, waves.index(config.survey.wave)), "is this wave itself (survey.wave); name earlier waves only"
        )


def _names(covariates: tuple[CovariateConfig, ...]) -> list[str]:
    return [covariate.name for covariate in covariates]


def _slopes(item: ItemConfig, place: tuple[str | int, ...], names: list[str]) -> Iterator[Complaint]:
    where = (*place, "slopes")
    for slope, count in Counter(item.slopes).items():
        if slope == item.name:
            yield Complaint(where, f"{slope} cannot have a slope on itself; name another item")
        elif slope not in names:
            remedy = did_you_mean(slope, [name for name in names if name != item.name], "add it to items")
            yield Complaint(where, f"{slope} is not one of the items; {remedy}")
        elif count > 1:
            yield Complaint(where, f"{slope} stands twice; keep one")
    if not item.slopes and not item.random_intercept:
        text = "is false and there are no slopes, which leaves nothing to estimate; add slopes, or delete it"
        yield Complaint((*place, "random_intercept"), text)


def _scale_and_codes(item: ItemConfig, place: tuple[str | int, ...], config: ReportConfig) -> Iterator[Complaint]:
    if item.reverse and item.valid_range is None:
        yield Complaint((*place, "reverse"), "needs the scale, to know what becomes what; add scale, e.g. [1, 5]")
    if item.valid_range is None:
        return
    low, high = item.valid_range
    scale = f"{low:g} to {high:g}"
    if low >= high:
        one_answer = f"{scale} has only one answer; give the lowest and the highest"
        turned = f"{scale} stands the wrong way round; the lowest answer comes first: [{high:g}, {low:g}]"
        yield Complaint((*place, "scale"), one_answer if low == high else turned)
        return
    for number, answer in (item.categories or {}).items():
        if not low <= number <= high:
            text = f"{number:g} ({answer}) lies outside the scale {scale}; correct the number or the scale"
            yield Complaint((*place, "categories"), text)
    declared = config.declared_codes(item)
    codes = config.missing_codes if declared is None else declared
    for code, reason in codes.items():
        if not meets_scale(code, (low, high)):
            continue
        shown = f"{code:g} ({reason})" if isinstance(code, float) else f"{code} ({reason})"
        if item.missing_codes is None:
            owner = "default" if declared is None else "group's"
            text = f"the {owner} missing code {shown} lies inside its scale {scale}"
            yield Complaint(place, f"{text}; give the item its own missing_codes, {{}} for none")
        else:
            text = f"{shown} lies inside the scale {scale}; correct the code or the scale"
            yield Complaint((*place, "missing_codes"), text)


def _code_groups(config: ReportConfig) -> Iterator[Complaint]:
    names = [item.name for item in config.items]
    seen: set[str] = set()
    for group, listed in enumerate(config.missing_code_groups):
        for entry, name in enumerate(listed.items):
            place = ("missing_code_groups", group, "items", entry)
            if name not in names:
                remedy = did_you_mean(name, names, "add it to items, or delete it here")
                yield Complaint(place, f"is not one of the items; {remedy}")
            elif name in seen:
                yield Complaint(place, f"{name} has codes of a group already; keep it in one group")
            seen.add(name)


def _batteries(config: ReportConfig) -> Iterator[Complaint]:
    names = [item.name for item in config.items]
    for position, battery in enumerate(config.batteries):
        for entry, name in enumerate(battery.items):
            place = ("batteries", position, "items", entry)
            if name not in names:
                remedy = did_you_mean(name, names, "add it to items, or delete it here")
                yield Complaint(place, f"is not one of the items; {remedy}")
            elif name in battery.items[:entry]:
                yield Complaint(place, "stands twice in this battery; keep one")


def _duration(config: ReportConfig) -> Iterator[Complaint]:
    duration = config.data.duration
    if duration is None:
        return
    times = (duration.start, duration.end)
    if (duration.minutes is not None and times != (None, None)) or (duration.minutes is None and None in times):
        yield Complaint(("data", "duration"), "needs either minutes, or both start and end")


def _indicators(config: ReportConfig) -> Iterator[Complaint]:
    """Indicators name items that there are, each once, and hours and gates that can be right."""
    options, names = config.indicators, [item.name for item in config.items]
    for position, _ in _repeated(list(options.off)):
        yield Complaint(("indicators", "off", position), "stands twice; keep one")
    start, end = options.hours
    if not 0 <= start < end <= 24:
        text = "are no hours of a day; the first comes before the last, both from 0 to 24, e.g. [6, 23]"
        yield Complaint(("indicators", "hours"), text)
    named = (("agree", options.agree), ("back_check", options.back_check))
    for key, section in named:
        for name in () if section is None else section.items:
            if name not in names:
                remedy = did_you_mean(name, names, "add it to items, or delete it here")
                yield Complaint(("indicators", key, "items"), f"{name} is not one of the items; {remedy}")
    if options.back_check is not None and config.data.respondent is None:
        text = "needs data.respondent, the column that says whose interview is compared"
        yield Complaint(("indicators", "back_check"), text)
    for position, name in _repeated([] if options.timings is None else list(options.timings.columns)):
        yield Complaint(("indicators", "timings", "columns", position), f"{name} is listed twice; keep one")
    for lists, entries in (("gates", options.gates), ("numeric", options.numeric)):
        for position, name in _repeated([entry.name for entry in entries]):
            yield Complaint(("indicators", lists, position), f"{name} is listed twice; keep one")


def _recipients(email: EmailConfig, team_column: str | None) -> Iterator[Complaint]:
    if not (email.to or email.cc or email.teams):
        yield Complaint(("email",), "has nobody to send to; add to, cc or teams, or delete email")
    if email.teams and team_column is None:
        yield Complaint(("email", "teams"), "needs data.team, the column that says which team an interviewer is in")
    teams = [(("teams", team), addresses) for team, addresses in email.teams.items()]
    for place, addresses in [(("to",), email.to), (("cc",), email.cc), *teams]:
        earlier = email.to if place == ("cc",) else ()
        specs = [_spec(address) for address in (*earlier, *addresses)]
        for position in range(len(addresses)):
            if specs[len(earlier) + position] in specs[: len(earlier) + position]:
                yield Complaint(("email", *place, position), "stands twice; keep one")


def _spec(address: str) -> str:
    parsed = parse_address(address)
    return address if parsed is None else parsed.spec.casefold()


def _can_be_looked_up(host: str) -> bool:
    """Whether a name server can be asked for it: no part is empty or longer than 63 letters."""
    try:
        host.encode("idna")
    except UnicodeError:
        return False
    return True


def _server(email: EmailConfig) -> Iterator[Complaint]:
    smtp, place = email.smtp, ("email", "smtp")
    if not smtp.host.isprintable() or " " in smtp.host or not _can_be_looked_up(smtp.host):
        yield Complaint((*place, "host"), "is not the name of a server; it should be like mail.agency.example")
    if smtp.password_env is not None and smtp.password_file is not None:
        yield Complaint((*place, "password_file"), "stands beside password_env; keep one of them")
    has_password = smtp.password_env is not None or smtp.password_file is not None
    if smtp.user is None and has_password:
        yield Complaint(place, "has a password but no user; add user, or delete the password")
    if smtp.user is not None and not has_password:
        yield Complaint((*place, "user"), "needs a password; add password_env or password_file")
    if smtp.user is not None and smtp.security == "none":
        text = "is none, but a password is never sent unencrypted; it should be starttls or tls, or delete user"
        yield Complaint((*place, "security"), text)
    if smtp.password_file is not None and not smtp.password_file.startswith(("/", "~/")):
        text = f"is '{smtp.password_file}'; it should be an absolute path, because the archive keeps this file too"
        yield Complaint((*place, "password_file"), text)
    if email.archive_url is not None and not email.archive_url.startswith(("https://", "http://")):
        yield Complaint(("email", "archive_url"), "is not a web address; it should begin with https://")
