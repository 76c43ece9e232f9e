"""The words by which columns are recognised, in English, French, German and Spanish.

They are matched against plain text: small letters without accents, punctuation as blanks.
"""

from __future__ import annotations

import re
import unicodedata

_NOT_WORDS = re.compile(r"[^a-z0-9]+")
_QUESTION_NUMBER = re.compile(r"^\s*[A-Za-z]{0,3}\s?-?[0-9]+[A-Za-z0-9]*(?:[._ ]+[A-Za-z]{2,4})?\s*[.:)\]]+\s*(?=\S)")


def _words(pattern: str) -> re.Pattern[str]:
    return re.compile(rf"\b(?:{pattern})\b")


INTERVIEWER = _words(
    r"interviewers?|interviewerinn?e?n?s?|intervieweur|intervieweuse|enumerators?|enqueteu?rs?|enquetrices?"
    r"|befrager(?:in|s)?|encuestador(?:a|es)?|entrevistador(?:a|es)?|field ?workers?|surveyor|iwer"
)
NUMBER = _words(
    r"id|ids|no|nr|num|number|numbers|code|codes|identif\w+|ident|numero|nummer|kennung|kennnummer|matricule|codigo"
    r"|clave|initials|name|nom|nombre"
)
INTERVIEWER_NAME = re.compile(
    r"(?:int(?:erv(?:iewer)?)?|iwer|enum(?:erator)?|enq(?:ueteur)?|befrager|encuestador|entrevistador|surveyor)"
    r"_?(?:id|no|nr|num|number|code|name)?_?[0-9]?|q?_?(?:interviewer|enumerator)_?\w{0,6}"
)
ABOUT_A_PERSON = _words(
    r"age|alter|edad|gender|sex|sexe|sexo|geschlecht|genre|educat\w+|bildung|etudes|educacion|language\w*|langue"
    r"|sprache|idioma|race|ethnic\w*|rural|urban|experience|erfahrung|experiencia|rating|remarks?|observ\w+|comments?"
    r"|religion|occupation"
)
RESPONDENT = _words(
    r"respondents?|resp|repondants?|enquetes?|befragte\w*|befragungsperson|encuestad[oa]s?|case|fall|interview"
    r"|questionnaires?|fragebogen|cuestionario|entrevista|serial|folio|household member"
)
RESPONDENT_NAME = re.compile(
    r"(?:resp(?:ondent)?|r|case|serial|quest|instance|int(?:erview)?|fall|lfd|folio)?_?(?:id|idno|no|nr|num"
    r"|uuid|key|number"
    r"|serial|respno|lfdnr|folio)[0-9]?|respno|idno|uuid|caseid|serial|folio|seqno|instanceid"
)
WEIGHT = _words(r"\w*weights?|weighting|wt|\w*wgt|\w*wght|\w*weight|withinwt|ponderations?|poids|gewicht\w*"
                r"|hochrechnung\w*"
                r"|ponderacion|ponderador|factor de expansion|peso")  # fmt: skip
BODY_WEIGHT = _words(r"kg|kilos?|kilograms?|kilogrammes|kilogramm|body|height|overweight")
DESIGN_ONLY = _words(r"population size|design weight|design|prob|base|poblacion|konstruktion")
FINAL_WEIGHT = _words(r"post ?strat\w*|within country|final|combined|calibrat\w*|redress\w*|anpassung\w*|total")
AREAS: tuple[re.Pattern[str], ...] = (
    _words(r"psu|primary sampling unit|upm|sampling points?|sample points?|samplepoint|unite primaire"),
    _words(
        r"eacode|ea ?(?:id|no|num|code|number)|enumeration areas?|clusters?|grappes?|conglomerado|klumpen"
        r"|zone de denombrement|segmento|area"
    ),
    _words(
        r"district\w*|bezirk\w*|stadtteil|ortsteil|commune|municipality|gemeinde\w*|municipio|county|landkreis|kreis"
        r"|departement|departamento|canton|kanton|locality|village"
    ),
    _words(r"region|province|provincia|bundesland|state|governorate|gouvernorat|estado"),
)
NO_AREA = _words(r"born|birth|origin|urbrur|urban or rural|domicile|type of area|own\w*|in the psu ea"
                 r"|facilit\w*|language"
                 r"|number of|grade|size|household|religion|live[ds]?|father|mother")  # fmt: skip
TEAM = _words(
    r"supervisors?|team|teams|teamleader|superviseu?rs?|equipe|chef d equipe|betreuer|teamleitung|equipo|supervisora?"
    r"|coordinador|field manager|coordinator"
)
START = _words(r"start\w*|begin\w*|began|beginn|anfang|debut|inicio|comienzo|strtime|began")
END = _words(r"end|ended|endtime|finish\w*|fin|ende|schluss|final|termino|completed|end ?time")
TIME = _words(
    r"time|times|\w*time|zeit\w*|uhrzeit|\w*zeit|heure|hora|clock|timestamp|datetime|start|end|interview|beginn|anfang"
    r"|ende|debut|fin|inicio|final"
)
DURATION = _words(
    r"duration|length of (?:the )?interview|interview length|minutes|\w*minutes|mins?|duree|dauer|\w*dauer|duracion"
    r"|minuten|minutos|inwtm"
)
SECONDS = _words(r"seconds?|secs?|secondes|sekunden|segundos|hours?|heures|stunden|horas")
SOMEBODY_ELSE = _words(
    r"interviewer\w*|partners?|spouse\w*|husband\w*|wife|father\w*|mother\w*|household|head of household|children|child"
    r"|other person|second person|person 2|conjoint\w*|pere|mere|menage|vater\w*|mutter\w*|haushalt\w*|padre|madre"
    r"|hogar|hijos?|enqueteu?r\w*|enquetrice|befrager\w*|encuestador\w*|entrevistador\w*|group|groups|category|first"
    r"|experienced|discrimination|equal\w*|born"
)
AGE = _words(r"age|agea|alter|lebensalter|edad|years old|\w{2,5}_?agea?")
BIRTH_YEAR = _words(r"year of birth|birth year|yrbrn|geburtsjahr|annee de naissance|ano de nacimiento")
GENDER = _words(r"gender|gndr|sex|sexe|sexo|geschlecht|genero|genre|\w{2,5}_?gndr|\w{3,5}_?(?:gender|sex)")
MALE = _words(r"male|man|m|homme|masculin|mannlich|maennlich|mann|hombre|masculino|varon")
EDUCATION_YEARS = _words(r"years of (?:full time )?education|eduyrs|education years|bildungsjahre|annees d etudes"
                         r"|anos de (?:estudio|educacion)|years of schooling")  # fmt: skip
EDUCATION = _words(
    r"education|education of respondent|level of education|educational level|niveau d (?:etudes|instruction)|bildung"
    r"|schulabschluss|bildungsabschluss|bildungsgrad|nivel (?:de estudios|educativo)|educacion|schooling|educ|edulevel"
)
EDUCATION_OF = _words(
    r"(?:level of )?education of (?:the )?respondents?|(?:highest )?level of education|educational level|eisced"
    r"|edulevel"
    r"|niveau d (?:etudes|instruction)|(?:hochster )?(?:schul|bildungs)abschluss|nivel (?:de estudios|educativo)"
)
EXPERIENCE = _words(r"experience|erfahrung|experiencia|anciennete|years (?:working )?as (?:an )?interviewer")
RESPONSE_RATE = _words(r"response rate|resp rate|taux de reponse|ausschopfung\w*|tasa de respuesta")

NO_ATTITUDE = _words(
    r"age|years? of|gender|sex|salary|occupation|employment|employed|jobs held|religious denomination|marital|married"
    r"|household size|number of|how many|citizen of|citizenship|ethnic group|race|postcode|zip|telephone|phone number"
    r"|date|time of|weight|isco|nace|isced|decile|sponsor|verbatim|other specify|psu|ea|number of calls"
    r"|reason for unsuccessful|haushaltsgrosse|beruf|profession|ocupacion|telefon\w*|highest level of"
    r"|level of education"
    r"|doing last 7 days|number people|establishment size|education of|schulabschluss|niveau d etudes"
    r"|difficulty answering|domicile?|hinctnt\w*|location of|source of|relationship with|father s|mother s|partner s"
    r"|partners"
)
ATTITUDE = _words(
    r"trust\w*|confidence|satisf\w*|approv\w*|support\w*|agree\w*|important|importance|justif\w*|corrupt\w*|perform\w*"
    r"|opinion|attitude\w*|believe\w*|should|favou?r\w*|democra\w*|immigra\w*|happy|happiness|left right"
    r"|fair\w*|equal\w*"
    r"|handling|reject\w*|condition\w*|confiance|satisfaction|satisfait|accord|corrupcion|acuerdo|vertrau\w*"
    r"|zufrieden\w*"
    r"|zustimmung|wichtig\w*|zuwander\w*|einwander\w*|demokrat\w*|confianza|satisfac\w*|importan\w*|democrac\w*"
    r"|inmigra\w*|women|men|government|justice|immigrants|migrants"
)
_GRADES = (
    r"agree\w*|disagree\w*|approve|disapprove|satisfied|dissatisfied|satisf\w*|never|rarely|seldom|sometimes"
    r"|often|always"
    r"|usually|occasionally|frequently|once|twice|several|few|many|times?|a lot|some|somewhat|just a little|little"
    r"|a little bit|not at all|not very|very|quite|fairly|extremely|completely|totally|entirely|most|all|none|good|bad"
    r"|badly|well|better|worse|best|worst|same|important|unimportant|interested|free|likely|unlikely|difficult|easy"
    r"|strong\w*|weak\w*|high|higher|low|lower|more|less|much|too|enough|favou?r|against|support|oppose\w*|trust"
    r"|confidence|like|dislike|every day|day|week|month|year|positive|negative|neutral|neither|justified|effective|fair"
    r"|unfair|comfortabl\w*|coping|safe|unsafe|happy|unhappy|mostly|partly|partially|definitely|probably|increase\w*"
    r"|decrease\w*|major|minor|full|allow|great|not a"
    # French
    r"|d accord|pas d accord|tout a fait|plutot|pas du tout|assez|tres|peu|beaucoup|jamais|rarement|parfois|souvent"
    r"|toujours|quelquefois|ni|satisfait\w*|insatisfait\w*|mecontent\w*|confiance|bon\w*|mauvais\w*|mieux|pire|bien|mal"
    r"|moins|plus|totalement|entierement|favorable|defavorable|important\w*|aucun\w*|moyen\w*|facile|difficile"
    # German
    r"|stimme\w*|zu|lehne|ab|voll|ganz|uberhaupt|eher|teils|weder|noch|sehr|ziemlich|kaum|gar|nie|niemals|selten"
    r"|manchmal|gelegentlich|oft|haufig|immer|meistens|zufrieden|unzufrieden|gut|schlecht|besser|schlechter|wichtig"
    r"|unwichtig|viel|wenig|trifft|vertrau\w*|gross\w*|kein\w*|einfach|schwierig|schwer|dafur|dagegen|vollstandig"
    # Spanish
    r"|acuerdo|desacuerdo|muy|bastante|poco|nada|algo|mucho|mucha|poca|nunca|rara vez|a veces|a menudo|siempre|casi"
    r"|satisfecho|insatisfecho|confianza|bueno|buena|malo|mala|mejor|peor|importante|totalmente|mas|menos|ninguna|ni"
    r"|facil|dificil|favor|contra"
)
GRADED = _words(_GRADES)
"""A word of an answer that stands on a scale."""
NEITHER = _words(r"neither|nor|weder|teils teils|ni uno ni otro|ninguno de los dos|aucun des deux"
                 r"|none of (?:these|them)|no (?:contact|experience)\b.*")  # fmt: skip
"""An answer that stands beside any scale."""
NEVER_HAD = _words(
    r"never (?:tried|try|used|had|been|visited|met|worked|applied|attended|experienced|seen|gone|contacted|needed)\b"
    r"|(?:have|has|ve) never \w+|n (?:ai|a|avez) jamais \w+|jamais (?:eu|ete|visite|utilise|essaye|contacte)\b"
    r"|noch nie \w+|nie (?:gehabt|besucht|genutzt|benutzt|gebraucht|versucht)\b"
    r"|nunca (?:ha|he|han|tuvo|tuve|estuvo|estuve|fue|fui) ?\w*"
)
"""That a question does not apply: beside a scale of which it is not the lowest degree."""
HOW_OFTEN = _words(
    r"often|sometimes|always|rarely|seldom|occasionally|frequently|daily|weekly|monthly|times|every day|week|month"
    r"|souvent|parfois|toujours|rarement|fois|oft|haufig|manchmal|selten|immer|mal|a menudo|a veces|siempre|veces"
)
NO = _words(r"no|non|nein|never|jamais|nie|nunca|not at all")
"""At the beginning of an answer: the scale's own zero."""
WAVE = _words(r"round|wave|essround|vague|welle|ola|oleada")
COUNTRY = _words(r"country|cntry|pays|land|pais")
YES_NO = _words(r"yes|no|oui|non|ja|nein|si|marked|not marked|mentioned|not mentioned|genannt|nicht genannt|selected"
                r"|mencionado|no mencionado|cite|non cite")  # fmt: skip


def plain(text: str) -> str:
    """Small letters without accents, other signs as blanks: "Enquêteur-ID" is "enqueteur id"."""
    folded = unicodedata.normalize("NFKD", text.casefold())
    return _NOT_WORDS.sub(" ", "".join(letter for letter in folded if not unicodedata.combining(letter))).strip()


def question_text(label: str) -> str:
    """A label without the question's number in front: "Q59h. Trust police" is "Trust police"."""
    return " ".join(_QUESTION_NUMBER.sub("", label, count=1).split())
