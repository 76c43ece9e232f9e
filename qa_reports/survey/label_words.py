"""What a value label says when it is no answer: don't know, refused, no answer, not applicable, missing.

English, French, German, Spanish, Portuguese, Italian and Dutch. A label counts only where its first part (before a
slash, comma, bracket, ...) is such a phrase as a whole: "Don't know / can't remember" does, "They don't know their
rights" does not.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable
from enum import StrEnum
from functools import cache, lru_cache
from typing import TypeVar

_Value = TypeVar("_Value")


class Reason(StrEnum):
    """Why there is no answer; the text is what stands behind a missing code in a configuration."""

    DONT_KNOW = "Don't know"
    REFUSAL = "Refusal"
    NO_ANSWER = "No answer"
    NOT_APPLICABLE = "Not applicable"
    MISSING = "Missing"
    """A code that does not say why."""

    @property
    def is_jump_code(self) -> bool:
        """Whether the question was not put to the respondent, which is never nonresponse."""
        return self is Reason.NOT_APPLICABLE


_NOT = r"(do|does|did)( not|nt)"
# Phrases as `_plain` leaves them: no accents, no apostrophes, small letters, single blanks.
_PHRASES: dict[Reason, tuple[str, ...]] = {
    Reason.DONT_KNOW: (
        rf"{_NOT} know( it| enough| the answer| what to (say|answer)| how to answer| yet)*( to say)?",
        rf"{_NOT} (remember|recall)|{_NOT} understand( the)? question|(do|does) know not",
        r"dks?|dk ?(na|nr)|no idea|no opinion|not sure|unsure|havent heard enough( to say)?",
        r"(can|could)( ?not|t) (say|choose|tell|determine|remember|recall|decide|judge)",
        r"weiss( ich| es)? nicht|wn|kann (ich |es )?nicht (sagen|beurteilen|entscheiden)|keine (meinung|ahnung)",
        r"kann mich nicht (entscheiden|erinnern)",
        r"(je )?ne (sait|sais) pas|nspp?|nsp ?nr|ne (se|me) prononce pas|(sans |pas d|aucune )opinion",
        r"ne se souvient pas|(je )?ne me souviens pas",
        r"no (lo )?(sabe|se)|no sabria( decir)?|ns|ns ?(nc|nr)|sin opinion|no tiene opinion|no recuerda|no opina",
        r"nao (sabe|sei|sabe dizer|se lembra|lembra)|sem opiniao",
        r"non (sa|so|saprei|ricorda|ricordo)|nessuna opinione",
        r"weet( ik)?( het)? niet|geen mening",
    ),
    Reason.REFUSAL: (
        r"refus(al|ed|es|e)( (to|by))?( the)?( (answer|say|respond|respondent))?",
        r"(prefer|prefers|preferred|rather|would rather|would prefer) not( to)?( (say|answer|tell|disclose))?",
        rf"({_NOT}|will not|would not|wont)( want to| wish to| like to)? (say|answer the question|tell|disclose)",
        rf"({_NOT}) (want|wish|like) to (answer|respond)|declin(e|ed|es) to (answer|say|respond)|will not answer",
        r"((angabe|antwort|auskunft) )?(wurde )?verweigert|(antwort|auskunft)?verweigerung",
        r"(moechte|will) (ich )?(dazu )?(nicht (sagen|beantworten|antworten)|keine angaben? machen)",
        r"refus(e|a)?( (de )?(repondre|reponse))?|a refuse( de repondre)?",
        r"ne (veut|souhaite|desire) pas (repondre|dire)|prefere ne pas (repondre|dire)",
        r"(rehusa|rehuso|se rehusa|se rehuso)( (a )?(contestar|responder))?",
        r"(rechaza|rechazo|se niega|se nego)( a)? (contestar|responder)",
        r"(prefiere|prefiero) no (contestar|responder|decirlo)|no quiere (contestar|responder)",
        r"recus(a|ou)( se)?( a)?( responder)?|prefere nao (responder|dizer)|nao quer responder",
        r"(si )?rifiut(a|o|ato)( di)?( rispondere)?|preferis(ce|co) non (rispondere|dire)|non vuole rispondere",
        r"weiger(t|ing)|geweigerd|wil (ik )?niet (zeggen|antwoorden|beantwoorden)|zeg(t)? (ik )?liever niet",
    ),
    Reason.NO_ANSWER: (
        r"(no|without)( an?)? (answer|response|reply)( given| provided)?|(item )?non ?response|not answer(ed|ing)",
        rf"{_NOT} (answer|respond|reply)|unanswered|not (stated|ascertained)|left blank|(invalid skip|skipped)",
        r"keine (angaben?|antwort|auskunft)|ka|nicht beantwortet|(angabe|antwort) fehlt|ohne (angabe|antwort)",
        r"(pas de|sans|aucune|non) reponse|nr|na pas repondu|ne repond pas|non repondu|non (renseigne|precise)e?",
        r"no (contesta|contesto|responde|respondio|respuesta|declara|consta)|sin (respuesta|contestar)|nc",
        r"nao (responde|respondeu|resposta|declarou)|sem resposta",
        r"non (risponde|ha risposto|indicato|dichiarato)|nessuna risposta|senza risposta|mancata risposta",
        r"geen (antwoord|opgave)|niet (beantwoord|ingevuld)",
    ),
    Reason.NOT_APPLICABLE: (
        r"not app?licable|inapp?licable|n/a|inapp?|iap|nap|does(nt| not) apply",
        r"(question )?(was )?not asked( here| in (this )?(country|survey|wave|round))?",
        r"(valid|legitimate|logical) skip|filtered( out)?|not (administered|in universe)",
        r"trifft nicht zu|tnz|entfaellt|nicht (zutreffend|anwendbar|erhoben|gefragt|befragt|gestellt)",
        r"frage nicht gestellt|missing durch filter|in fragebogenversion nicht enthalten",
        r"(non|pas) (applicable|concernee?|pertinente?)|sans objet|ne (sapplique|concerne) pas|(question )?non posee",
        r"no (aplica|aplicable|procede|corresponde|preguntad[oa]|se aplica)|inaplicable",
        r"nao (se aplica|aplicavel|perguntad[oa])",
        r"non (applicabile|pertinente|si applica|previst[oa]|chiest[oa])",
        r"niet van toepassing|nvt|niet (gevraagd|gesteld)",
    ),
    Reason.MISSING: (
        r"(system |user |other |item )?missing( (data|values?|code|answer|information|unknown|other))?|na|sysmis",
        r"not (available|coded|codable|codeable|classifiable)|unknown|uncode?able|unreadable|illegible|no data",
        r"fehlend(er wert)?|fehlende (angabe|werte|daten)|datenfehler|unbekannt|nicht (verfuegbar|feststellbar)",
        r"((valeurs?|donnees?) )?manquant(e|es|s)?|non disponible|inconnue?",
        r"perdido|(valor|dato) (perdido|faltante|ausente)|sin datos|desconocid[oa]|no disponible",
        r"omisso|(valor|dado) (omisso|em falta|ausente)|sem dados|desconhecid[oa]|nao disponivel",
        r"((valore|dato) )?mancante|sconosciut[oa]",
        r"ontbrekend(e waarde)?|onbekend|niet beschikbaar|geen gegevens",
    ),
}
_SUBJECT = r"(?:(?:the )?(?:respondent|interviewee|resp|r|i|he/she|ich|befragte[rn]?|le repondant|encuestad[oa]|ik) )?"
_READ_OUT = re.compile(r"\b(do not read( out)?|dont read( out)?|spontaneous(ly)?|volunteered)\b")
_BRACKETED = re.compile(r"\([^()]*\)|\[[^\[\]]*\]|\{[^{}]*\}")
_LEADING_CODE = re.compile(r"[\s(\[]*[-\u2212\u2013]?\d+(\.\d+)?[\s.:)\]=/\u2013-]+")
_APOSTROPHES = re.compile(r"['\u2018\u2019\u201a\u201b\u02bc\u00b4`\u2032\uff07]+|(?<=[a-z])[?\ufffd](?=[a-z])")
"""Also what a wrong encoding left of one: "Don?t know"."""
_INITIALS = re.compile(r"\b([a-z])\.\s?(?=[a-z]\b)")
_PARTS = re.compile(r"[/,;:|()\[\]{}.!?*]+|\s[\u2013\u2014_-]+\s|\b(?:or|oder|ou|o)\b")
_NO_WORD = re.compile(r"[^\w\s/]+|_")
_TWO_CAPITALS = re.compile(r"[A-Z]{2}")
_COUNTRY_LABELS = 3
"""With so many other labels of two capitals, "DK" and "NA" are countries or states."""
_OPPOSITES = (
    # (phrase, what shows in another label that the phrase is one end of a scale)
    (re.compile(r"trifft nicht zu"), re.compile(r"^trifft (?!nicht zu\b).*\bzu\b")),
    (re.compile(r"does(nt| not) apply"), re.compile(r"\b(applies|does apply|apply at all|apply completely)\b")),
    (re.compile(r"not sure|unsure"), re.compile(r"\b(very|quite|fairly|absolutely|completely|somewhat) sure\b|^sure$")),
    (re.compile(r"not available"), re.compile(r"^(always |easily |often )?available$")),
    (re.compile(r"niet van toepassing"), re.compile(r"\b(helemaal|enigszins|deels|volledig|wel) van toepassing")),
)


@cache
def _pattern(reason: Reason) -> re.Pattern[str]:
    """Compiled when it is needed: the five take longer than to read most files."""
    return re.compile(_SUBJECT + f"(?:{'|'.join(_PHRASES[reason])})")


@lru_cache(maxsize=4096)
def reason_of_label(label: str) -> Reason | None:
    """Why a value with this label is no answer, or None where the label names an answer.

    Where the labels of the whole question are known, `reasons_of_labels` knows better.
    """
    plain = _plain(label)
    for text in (plain, *_first_parts(plain)):
        for reason in _PHRASES:
            if _pattern(reason).fullmatch(text):
                return reason
    return None


def reasons_of_labels(labels: Iterable[tuple[_Value, str]]) -> dict[_Value, Reason]:
    """Value -> why it is no answer, for the labelled values of one question, answers left out.

    The other labels decide where one alone cannot: "trifft nicht zu" is an answer beside "trifft eher zu", and "DK"
    is Denmark among "AT", "BE" and "CH".
    """
    pairs = tuple(labels)
    reasons = [reason_of_label(label) for _, label in pairs]
    answers = [label for reason, (_, label) in zip(reasons, pairs, strict=True) if reason is None]
    plain_answers = [_plain(label) for label in answers]
    countries = sum(bool(_TWO_CAPITALS.fullmatch(label.strip())) for label in answers) >= _COUNTRY_LABELS
    found: dict[_Value, Reason] = {}
    for reason, (value, label) in zip(reasons, pairs, strict=True):
        is_country = countries and _TWO_CAPITALS.fullmatch(label.strip())
        if reason is not None and not is_country and not _is_scale_end(_plain(label), plain_answers):
            found[value] = reason
    return found


def _is_scale_end(text: str, answers: list[str]) -> bool:
    return any(
        phrase.fullmatch(text) and any(opposite.search(answer) for answer in answers) for phrase, opposite in _OPPOSITES
    )


def _plain(label: str) -> str:
    """Small letters without accents, apostrophes and leading codes: "88 \u2013 Don\u2019t know" is "dont know"."""
    composed = unicodedata.normalize("NFC", label).casefold()
    umlauts = composed.replace("\u00e4", "ae").replace("\u00f6", "oe").replace("\u00fc", "ue")
    letters = (letter for letter in unicodedata.normalize("NFKD", umlauts) if not unicodedata.combining(letter))
    text = _LEADING_CODE.sub("", _APOSTROPHES.sub("", "".join(letters)), count=1)
    return " ".join(_READ_OUT.sub(" ", text).split())


def _first_parts(plain: str) -> tuple[str, ...]:
    """The label without its brackets, as one phrase and up to its first separator."""
    initials = _INITIALS.sub(r"\1", plain)
    outside = _BRACKETED.sub(" ", initials)
    text = outside if re.search(r"\w", outside) else _NO_WORD.sub(" ", initials)
    first = next((part for part in _PARTS.split(text) if part.strip()), "")
    return " ".join(_NO_WORD.sub(" ", text).split()), " ".join(first.split())
