"""How people ask for the usual changes in German, French, Spanish and Portuguese, and for shortening in English.

A pattern names what it found: `old` and `new`, a section's `title`, the `body` to write, a `count`. Pure tables.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache

QUOTE = r"(?:[\"“„«`]|(?<!\w)['‘])\s*(?P<{0}>[^\"”“„«»`]+?)\s*(?:[\"”“»`]|['’](?!\w))"
"""A quoted text under a group's name; an apostrophe inside a word is not a quote."""


@dataclass(frozen=True)
class Wording:
    """One language's words, each as alternatives of a regular expression."""

    polite: str
    articles: str
    add: str
    remove: str
    replace: str
    by: str
    rename: str
    into: str
    shorten: str
    to: str
    inside: str
    section: str
    named: str
    description: str
    example: str
    gotcha: str
    rule: str
    step: str
    check: str
    reference: str
    mention: str
    that: str
    rule_start: str
    skill: str
    must: str
    verb_last: tuple[str, str, str, str] = ("", "", "", "")
    """Remove, replace, rename and shorten where the verb may stand at the end."""


WORDINGS: dict[str, Wording] = {
    "de": Wording(
        polite="bitte|auch|und|außerdem|noch",
        articles="den|die|das|der|dem|einen|einem|einer|eine|ein|noch|bitte|neuen?|neues|weitere[nrs]?|folgende[nrs]?",
        add="ergänze?|füge?|ergänzen|hinzufügen|schreibe?|nimm",
        remove="entferne?|lösche?|streiche?",
        replace="ersetze?|tausche?|ändere?|ändre",
        by="durch|gegen|mit|in|zu",
        rename="benenne?|nenne?",
        into="in|zu|als|um in",
        shorten="kürze?|verkürze?",
        to="auf",
        inside="zu|zum|zur|in|im|unter|bei",
        section="abschnitts?|kapitels?|teil",
        named="über|zu|zum thema|namens|mit dem titel|mit dem namen",
        description="beschreibung",
        example="beispiele?",
        gotcha="stolpersteine?|fallstricke?|warnung(?:en)?|hinweise?|häufigen fehler",
        rule="regeln?|vorgaben?|anforderung(?:en)?|einschränkung(?:en)?",
        step="schritte?",
        check="prüfung(?:en)?|kontrollen?|prüfschritte?",
        reference="verweise?|quellen?|links?|referenz(?:en)?",
        mention="erwähne?|notiere?|weise?(?: bitte)? darauf hin|schreibe?|sage?",
        that="dass|daß",
        rule_start="immer|nie|niemals|nur|vermeide|verwende|benutze|nutze|nicht",
        skill="es|er|sie|das|der skill|dieser skill|der agent|agenten|man",
        must="muss|müssen|soll|sollen|sollte|darf|dürfen",
        verb_last=("entfernen|löschen|streichen", "ersetzen|tauschen|austauschen|ändern", "umbenennen", "kürzen"),
    ),
    "fr": Wording(
        polite="s'il (?:te|vous) plaît|s’il (?:te|vous) plaît|stp|svp|aussi|et|merci de|veuillez|puis",
        articles="le|la|les|l['’]|un|une|des|du|nouvelle?|nouveau|autre|suivante?",
        add="ajoute[rz]?|rajoute[rz]?|inclus|inclure|écris|écrire",
        remove="supprime[rz]?|enlève[rz]?|enlever|retire[rz]?|efface[rz]?",
        replace="remplace[rz]?|change[rz]?",
        by="par|en|avec",
        rename="renomme[rz]?|appelle[rz]?",
        into="en|par|à",
        shorten="raccourci[st]?|raccourcir|abrège[rz]?|réduis|réduire",
        to="à",
        inside="dans|à|au|aux|sous|en",
        section="section|partie|rubrique",
        named="sur|intitulée?|nommée?|appelée?|qui s['’]appelle",
        description="description",
        example="exemples?",
        gotcha="pièges?|avertissements?|mises? en garde",
        rule="règles?|contraintes?|exigences?",
        step="étapes?",
        check="vérifications?|contrôles?",
        reference="références?|liens?",
        mention="mentionne[rz]?|précise[rz]?|indique[rz]?|signale[rz]?|note[rz]?|dis",
        that="que|qu['’]",
        rule_start="toujours|jamais|ne|n['’]\\w+|évite[rz]?|seulement|utilise[rz]?|il (?:ne )?faut",
        skill="il|elle|ça|cela|le skill|ce skill|l['’]agent|les agents|on",
        must="doit|doivent|ne doit|ne doivent|devrait",
    ),
    "es": Wording(
        polite="por favor|también|y|además",
        articles="el|la|los|las|un|una|nuevo|nueva|otro|otra|siguiente",
        add="añad[ae]|añadir|agrega[r]?|agregue|incluye|incluir|incluya|pon",
        remove="elimina[r]?|elimine|borra[r]?|borre|quita[r]?|quite|suprime",
        replace="reemplaza[r]?|reemplace|sustituye|sustituir|sustituya|cambia[r]?|cambie",
        by="por|con|a",
        rename="renombra[r]?|renombre|llama",
        into="a|como|por|en",
        shorten="acorta[r]?|acorte|abrevia[r]?|reduce|reducir",
        to="a",
        inside="en|a|al|bajo",
        section="sección|apartado",
        named="sobre|llamad[oa]|titulad[oa]|de",
        description="descripción",
        example="ejemplos?",
        gotcha="errores? frecuentes?|advertencias?|avisos?|trampas?",
        rule="reglas?|restricci(?:ón|ones)|requisitos?",
        step="pasos?",
        check="comprobaci(?:ón|ones)|verificaci(?:ón|ones)",
        reference="referencias?|enlaces?",
        mention="menciona[r]?|mencione|indica[r]?|indique|señala[r]?|advierte|di",
        that="que",
        rule_start="siempre|nunca|jamás|evita|evite|sol[oa]mente|sólo|usa|utiliza"
        "|no (?:debe\\w*|\\w+(?:ar|er|ir)|uses?|incluyas|menciones|escribas|borres|cambies)",
        skill="el skill|este skill|la skill|el agente|los agentes|esto",
        must="debe|deben|no debe|no deben|debería|tiene que",
    ),
    "pt": Wording(
        polite="por favor|também|e|além disso",
        articles="o|a|os|as|um|uma|novo|nova|outro|outra|seguinte",
        add="adicion[ae]|adicionar|acrescent[ae]|acrescentar|inclu[ai]|incluir|escreva",
        remove="remov[ae]|remover|apagu?[ae]|apagar|exclu[ai]|excluir|elimin[ae]|eliminar|retir[ae]|retirar",
        replace="substitu[ai]|substituir|troqu?[ae]|trocar|mud[ae]|mudar|alter[ae]",
        by="por|com|para",
        rename="renomei[ae]|renomear|cham[ae]",
        into="para|como|em|de",
        shorten="encurt[ae]|encurtar|abrevi[ae]|reduz[ai]?|reduzir",
        to="a|para",
        inside="em|na|no|à|ao|sob",
        section="seção|secção|parte",
        named="sobre|chamad[oa]|intitulad[oa]|de",
        description="descrição",
        example="exemplos?",
        gotcha="armadilhas?|avisos?|advertências?|erros? frequentes?",
        rule="regras?|restriç(?:ão|ões)|requisitos?",
        step="passos?|etapas?",
        check="verificaç(?:ão|ões)|conferências?",
        reference="referências?|ligaç(?:ão|ões)|links?",
        mention="mencion[ae]|mencionar|indiqu?[ae]|indicar|inform[ae]|avis[ae]|diga",
        that="que",
        rule_start="sempre|nunca|jamais|evit[ae]|só|somente|apenas|us[ae]|utiliz[ae]"
        "|não (?:dev\\w*|\\w+(?:ar|er|ir)|use|inclua|mencione|escreva|apague|altere)",
        skill="a skill|o skill|este skill|o agente|os agentes|isto|isso",
        must="deve|devem|não deve|não devem|deveria|tem que",
    ),
}


def _asked(w: Wording) -> Iterator[tuple[str, str]]:
    """(what is asked for, pattern), the most telling first."""
    old, new = QUOTE.format("old"), QUOTE.format("new")
    some = rf"(?:(?:{w.articles})\s*)*"
    after = rf"^\W*(?:(?:{w.polite})[\s,]+)*"
    bare = r"(?P<old>[\w /-]{3,60}?)"
    title = r"[\"“„«`]?\s*(?P<title>[^\"”“„«»`:\n]{2,80}?)\s*[\"”“»`]?"
    tail = r"(?:\s+(?:hinzu|ein|an|auf))?"
    verb_remove, verb_replace, verb_rename, verb_shorten = w.verb_last
    yield "rename", rf"\b(?:{w.rename})\b.*?{old}.*?(?:{w.into})\s*{new}"
    yield "replace", rf"\b(?:{w.replace})\b.*?{old}\s*(?:{w.by})\s*{new}"
    if verb_remove:
        yield "rename", rf"{old}\s*(?:{w.into})\s*{new}\s+(?:{verb_rename})\b"
        yield "replace", rf"{old}\s*(?:{w.by})\s*{new}\s+(?:{verb_replace})\b"
        yield "shorten", rf"{after}{some}(?:{w.section})\s+{old}\s+(?:{verb_shorten})\W*$"
        yield "remove_section", rf"{after}{some}(?:{w.section})\s+{old}\s+(?:{verb_remove})\W*$"
        yield "remove_section", rf"{after}{some}(?:{w.section})\s+{bare}\s+(?:{verb_remove})\W*$"
    changing = rf"{w.replace}|{w.add}|{w.rename}"
    yield "describe", rf"\b(?:{changing})\b[^:\n]{{0,30}}\b(?:{w.description})\b[^:\n]{{0,30}}:\s*(?P<new>.+)"
    yield "mention", rf"\b(?:{w.mention}|{w.add})\b\s+{new}\s+(?:{w.inside})\s*{some}(?:{w.description})"
    count = rf"(?:\s*\b(?:{w.to})\s+(?P<count>\d{{1,3}})(?:\s+\w+)?)?"
    yield "shorten", rf"\b(?:{w.shorten})\b\s+{some}(?:(?:{w.section})\s+)?(?:(?:{w.named})\s+)?{old}{count}\W*$"
    yield "shorten", rf"\b(?:{w.shorten})\b\s+{some}(?:{w.section})\s+(?:(?:{w.named})\s+)?{bare}{count}\W*$"
    yield "remove_section", rf"\b(?:{w.remove})\b\s+{some}(?:{w.section})\s+(?:(?:{w.named})\s+)?{old}\W*$"
    yield "remove_section", rf"\b(?:{w.remove})\b\s+{some}(?:{w.section})\s+(?:(?:{w.named})\s+)?{bare}\W*$"
    yield "remove_text", rf"\b(?:{w.remove})\b.*?{old}"
    yield "example", rf"\b(?:{w.add})\b[^:\n]*\b(?:{w.example})\b[^:\n]{{0,60}}(?::|\n)\s*(?P<body>.+)"
    section = rf"\b(?:{w.add})\b\s+{some}(?:\w+\s+)?(?:{w.section})\s+(?:(?:{w.named})\s+)?"
    yield "section", rf"{section}{title}{tail}\s*(?::|\n)\s*(?P<body>.+)"
    nouns = {"gotcha": w.gotcha, "rule": w.rule, "step": w.step, "check": w.check, "reference": w.reference}
    for kind, noun in nouns.items():
        begin = rf"\b(?:{w.add}|{w.mention})\b\s+{some}(?:\w+\s+)?(?:{noun})\b{tail}"
        yield kind, rf"{begin}\s*(?::|,?\s*\b(?:{w.that})\b)\s*(?P<body>.+)"
    into = rf"\b(?:{w.add})\b\s+(?:{w.inside})\s+{some}(?:(?:{w.section})\s+)?"
    yield "into_section", rf"{into}{title}{tail}\s*:\s*(?P<body>.+)"
    yield "gotcha", rf"{after}(?:{w.mention})\b\s*:?,?\s*(?:(?:{w.that})\s*)?(?P<body>.{{8,}})"
    yield "rule", rf"{after}(?P<body>(?:{w.rule_start})(?<=[\w’'])\s.{{6,}})"
    yield "rule", rf"{after}(?:{w.skill})\s+(?P<body>(?:{w.must})\b.{{6,}})"


_OPENS = "|".join(f"{w.add}|{w.remove}|{w.rename}|{w.replace}|{w.shorten}" for w in WORDINGS.values())
OPENS = re.compile(
    r"(?<=[.!;])\s+(?=(?:(?:also|then|and|please|bitte|auch|aussi|también|também|puis|dann)\s+)?"
    rf"(?:add|remove|delete|rename|replace|change|shorten|{_OPENS})\b)",
    re.IGNORECASE,
)
"""Between two sentences of which the second opens with a verb of change."""


@cache
def asked(code: str) -> tuple[tuple[str, re.Pattern[str]], ...]:
    """(what is asked for, pattern) in a language of WORDINGS, none in others. Made when first needed, since all
    languages together take a tenth of a second, and most processes need none."""
    patterns = _asked(WORDINGS[code]) if code in WORDINGS else ()
    return tuple((kind, re.compile(pattern, re.IGNORECASE | re.DOTALL)) for kind, pattern in patterns)
