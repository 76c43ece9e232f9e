"""A small labelled SPSS file in one of four languages, with the answers of what `init` should find."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import pyreadstat

N_INTERVIEWERS, N_EACH = 20, 15


@dataclass(frozen=True, slots=True)
class Language:
    """The labels of one language."""

    respondent: str
    interviewer: str
    interviewer_age: str
    interviewer_gender: str
    weight: str
    minutes: str
    area: str
    age: str
    gender: tuple[str, str, str]
    """(label, male, female)."""
    education: str
    trust: str
    ends: tuple[str, str]
    agree: tuple[str, str, str, str, str]
    statement: str
    non_answers: tuple[str, str, str]
    """(don't know, refused, no answer)."""
    vote: tuple[str, str, str]
    """(label, yes, no)."""
    party: tuple[str, ...]


LANGUAGES = {
    "English": Language(
        "Respondent number", "Interviewer's number", "Interviewer's age", "Interviewer's gender", "Final weight",
        "Length of interview in minutes", "Primary sampling unit", "Age of respondent", ("Gender", "Male", "Female"),
        "Highest level of education", "Q7{}. Trust in the {}", ("No trust at all", "Complete trust"),
        ("Strongly agree", "Agree", "Neither agree nor disagree", "Disagree", "Strongly disagree"),
        "Immigrants are good for the economy", ("Don't know", "Refused", "No answer"),
        ("Did you vote?", "Yes", "No"), ("Which party", "Left", "Green", "Workers", "Farmers"),
    ),
    "French": Language(
        "Numéro du répondant", "Code de l'enquêteur", "Âge de l'enquêteur", "Sexe de l'enquêteur", "Pondération finale",
        "Durée de l'entretien en minutes", "Grappe", "Âge", ("Sexe", "Homme", "Femme"),
        "Niveau d'études", "Q7{}. Confiance dans {}", ("Pas du tout confiance", "Tout à fait confiance"),
        ("Tout à fait d'accord", "Plutôt d'accord", "Ni d'accord ni pas d'accord", "Plutôt pas d'accord",
         "Pas du tout d'accord"),
        "Les immigrés sont bons pour l'économie", ("Ne sait pas", "Refus", "Sans réponse"),
        ("Avez-vous voté ?", "Oui", "Non"), ("Quel parti", "Gauche", "Verts", "Travailleurs", "Paysans"),
    ),
    "German": Language(
        "Nummer des Befragten", "Interviewer-Nummer", "Alter des Interviewers", "Geschlecht des Interviewers",
        "Gewicht", "Dauer des Interviews in Minuten", "Gemeinde", "Alter", ("Geschlecht", "Männlich", "Weiblich"),
        "Höchster Bildungsabschluss", "Q7{}. Vertrauen in {}", ("Überhaupt kein Vertrauen", "Volles Vertrauen"),
        ("Stimme voll und ganz zu", "Stimme eher zu", "Weder noch", "Lehne eher ab", "Lehne voll und ganz ab"),
        "Zuwanderung ist gut für die Wirtschaft", ("Weiß nicht", "Verweigert", "Keine Angabe"),
        ("Haben Sie gewählt?", "Ja", "Nein"), ("Welche Partei", "Linke", "Grüne", "Arbeiter", "Bauern"),
    ),
    "Spanish": Language(
        "Número del encuestado", "Código del encuestador", "Edad del entrevistador", "Sexo del entrevistador",
        "Ponderación", "Duración de la entrevista en minutos", "Municipio", "Edad", ("Sexo", "Hombre", "Mujer"),
        "Nivel de estudios", "Q7{}. Confianza en {}", ("Ninguna confianza", "Mucha confianza"),
        ("Muy de acuerdo", "De acuerdo", "Ni de acuerdo ni en desacuerdo", "En desacuerdo", "Muy en desacuerdo"),
        "La inmigración es buena para la economía", ("No sabe", "Rehúsa", "No contesta"),
        ("¿Votó usted?", "Sí", "No"), ("Qué partido", "Izquierda", "Verde", "Obreros", "Campesinos"),
    ),
}  # fmt: skip


def labelled_table() -> pd.DataFrame:
    """300 interviews by 20 interviewers; columns have names that say nothing."""
    random = np.random.default_rng(7)
    n = N_INTERVIEWERS * N_EACH
    interviewer = np.repeat(np.arange(N_INTERVIEWERS), N_EACH)
    trust = {f"V2{letter}": np.clip(np.rint(random.normal(5, 2.5, n)), 0, 10) for letter in "ABCD"}
    for answers in trust.values():
        answers[random.integers(0, n, 12)] = 88
        answers[random.integers(0, n, 4)] = 77
    statement = random.integers(1, 6, n).astype(float)
    statement[random.integers(0, n, 10)] = 8
    return pd.DataFrame(
        {
            "V1": np.arange(n) + 1001.0,
            **trust,
            "V3": statement,
            "V4": random.integers(1, 3, n).astype(float),
            "V5": random.integers(1, 5, n).astype(float),
            "V6": np.append(random.integers(18, 90, n - 1), 999).astype(float),
            "V7": random.integers(1, 3, n).astype(float),
            "V8": random.integers(1, 6, n).astype(float),
            "V9": 301.0 + interviewer,
            "V10": (25.0 + interviewer),
            "V11": 1.0 + interviewer % 2,
            "V12": np.round(random.uniform(0.5, 1.5, n), 4),
            "V13": random.integers(20, 70, n).astype(float),
            "V14": 1.0 + random.integers(0, 40, n),
            "V15": [f"word {row}" for row in range(n)],
        }
    )


def write_labelled_wave(path: Path, language: Language, *, user_missing: bool = False) -> None:
    """Write the file; with `user_missing` SPSS itself declares the codes."""
    unknown, refused, silent = language.non_answers
    long = {0: language.ends[0], 10: language.ends[1], 77: refused, 88: unknown, 99: silent}
    short = {value + 1: label for value, label in enumerate(language.agree)} | {7: refused, 8: unknown, 9: silent}
    items = [f"V2{letter}" for letter in "ABCD"]
    labels = {
        "V1": language.respondent, "V3": f"Q8. {language.statement}", "V4": language.vote[0], "V5": language.party[0],
        "V6": language.age, "V7": language.gender[0], "V8": language.education, "V9": language.interviewer,
        "V10": language.interviewer_age, "V11": language.interviewer_gender, "V12": language.weight,
        "V13": language.minutes, "V14": language.area, "V15": "Verbatim",
        **{name: language.trust.format(name[-1].lower(), f"institution {name[-1]}") for name in items},
    }  # fmt: skip
    gender = {1: language.gender[1], 2: language.gender[2]}
    values = {
        **dict.fromkeys(items, long), "V3": short, "V4": {1: language.vote[1], 2: language.vote[2], 8: unknown},
        "V5": {place + 1: party for place, party in enumerate(language.party[1:])}, "V7": gender, "V11": gender,
        "V6": {999: unknown}, "V8": {1: "ISCED 1", 5: "ISCED 5"},
    }  # fmt: skip
    missing = {name: [77, 88, 99] for name in items} | {"V3": [{"lo": 7, "hi": 9}]} if user_missing else None
    pyreadstat.write_sav(
        labelled_table(), str(path), column_labels=labels, variable_value_labels=values, missing_ranges=missing
    )
