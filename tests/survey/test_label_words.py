"""Which value labels say that there is no answer, in seven languages, and which only look like it."""

from __future__ import annotations

import pytest

from qa_reports.survey.label_words import Reason, reason_of_label, reasons_of_labels

SAID = {
    Reason.DONT_KNOW: """Don't know|Don\u2019t know|DON'T KNOW|Dont know|Don''t know|Don`t know|Don?t know|Do not know
        |Does not know
        |DK|D.K.|DK/NA|(Don't know)|88 Don't know|[8] Don't know|-1 - Don't know|I don't know|Respondent does not know
        |Don't know/Haven't heard enough|Don't know (spontaneous)|Don't know [DO NOT READ]|Don't know or refused
        |Can't say|Can't choose|Cannot say|No opinion|Can't determine|Do not understand the question
        |Weiß nicht|WEISS NICHT|weiss nicht|Weiß ich nicht|kann ich nicht sagen
        |Ne sait pas|NSP|N.S.P.|Je ne sais pas|Ne se prononce pas|Sans opinion
        |No sabe|NS/NC|N.S./N.C.|No sabe / No contesta|no sé|Não sabe|Não sei|NS/NR|Non sa|Non so
        |Weet niet|Geen mening""",
    Reason.REFUSAL: """Refusal|Refused|REFUSED|Refused to answer|Prefer not to say|Rather not say
        |Does not want to answer
        |Will not say|Declined to answer|Angabe verweigert|verweigert|Antwort verweigert|Verweigerung
        |möchte ich nicht sagen
        |Refus|refus de répondre|Refusé|Ne veut pas répondre|Rehúsa contestar|Se niega a contestar
        |Recusa|Recusou responder|Rifiuta|Rifiuto|Weigert|Geweigerd""",
    Reason.NO_ANSWER: """No answer|NO ANSWER|No Answer/Refused|Not answered|No response|Nonresponse
        |Non-response|Not stated
        |keine Angabe|Keine Angaben|k.A.|K. A.|KA|keine Antwort|sans réponse|Sans Reponse|pas de réponse|non réponse
        |Non-réponse|NR|N.R.|n'a pas répondu|No contesta|N.C.|NC|No responde|sin respuesta
        |não responde|Sem resposta|Non risponde|Nessuna risposta|Geen antwoord""",
    Reason.NOT_APPLICABLE: """Not applicable|N/A|NAP|Inapplicable|Inap.|IAP|Does not apply|Not asked|Valid skip
        |Not applicable (no children)|Not applicable, no earnings|trifft nicht zu|TNZ|entfällt|nicht zutreffend
        |Non applicable|Sans objet|Non concerné|ne s'applique pas|ne s\u2019applique pas|No procede|No aplica
        |Não se aplica|Non applicabile|Niet van toepassing|N.v.t.|nvt""",
    Reason.MISSING: """Missing|MIssing|Missing data|NA|System missing|Not available|Other missing
        |fehlend|Datenfehler|Manquant|Valeur manquante|Perdido|Mancante|Ontbrekend""",
}

ANSWERS = """I don't know any of them personally|They don't know their legal rights|People Don't know where to report it
    |Agnostic(Do not know if there is a God)|Neither agree nor disagree|Neither/Don't know which|Undecided
    |No answer needed|Refused asylum|Refused to be interviewed|Refuse to pay bribes|Refusal of treatment|Never missing
    |Missing person in family|Missing meals|Unknown soldier|None|No|NO|Other|Not at all|Answered|1|-||7|(no)
    |Does not apply to me at all|Does not say much|Not eligible to vote|Not available for work|Not sure at all
    |Agree|Ka-ching|keine|trifft eher nicht zu|trifft überhaupt nicht zu|Norway|No contact|Refugee|Filter|Blank|Declined
    |En absoluto|Rechaza|Rechazo total|No se fía|Sin estudios|Non|So|Sans diplôme|Non, jamais|En désaccord|Ausente"""


def labels_of(text: str) -> list[str]:
    return [label.strip() for label in text.split("|")]


@pytest.mark.parametrize(
    ("label", "reason"), [(label, reason) for reason, text in SAID.items() for label in labels_of(text)]
)
def test_a_label_that_says_there_is_no_answer_gives_the_reason(label: str, reason: Reason) -> None:
    assert reason_of_label(label) is reason


@pytest.mark.parametrize("label", labels_of(ANSWERS))
def test_a_label_of_an_answer_is_none(label: str) -> None:
    assert reason_of_label(label) is None


def test_every_reason_is_recognised_by_its_own_text_and_only_one_is_a_jump_code() -> None:
    assert [reason_of_label(reason.value) for reason in Reason] == list(Reason)
    assert [reason for reason in Reason if reason.is_jump_code] == [Reason.NOT_APPLICABLE]


@pytest.mark.parametrize(
    ("labels", "non_answers"),
    [
        (["trifft voll zu", "trifft eher zu", "trifft eher nicht zu", "trifft nicht zu", "keine Angabe"], [4]),
        (["ja", "nein", "trifft nicht zu"], [2]),
        (["AT", "BE", "CH", "DK", "NA"], []),
        (["Yes", "No", "DK", "NA"], [2, 3]),
        (["Very sure", "Somewhat sure", "Not sure", "Refused"], [3]),
        (["For", "Against", "Not sure"], [2]),
        (["Applies completely", "Applies somewhat", "Does not apply", "DK"], [3]),
    ],
)
def test_the_other_labels_tell_an_answer_from_a_non_answer(labels: list[str], non_answers: list[int]) -> None:
    assert list(reasons_of_labels(enumerate(labels))) == non_answers
