"""The usual requests in German, French, Spanish and Portuguese, on a document in that language."""

import pytest

from pipeline import sections
from pipeline.checking import assemble, body_of, description_of
from pipeline.models import SkillDraft
from pipeline.outline.phrases import phrases
from tests.scripted_author import BODY
from tests.unit.pipeline.test_outline_feedback import incorporate
from tests.unit.pipeline.test_quality import PLAN

DESCRIPTIONS = {
    "de": "Schreibt die Tabellen aus einem PDF in CSV-Dateien. Verwenden, wenn jemand Zahlen eines Berichts braucht.",
    "fr": "Écrit les tableaux d’un PDF dans des fichiers CSV. À utiliser quand il faut les chiffres d’un rapport.",
    "es": "Escribe las tablas de un PDF en archivos CSV. Usar cuando alguien necesita los números de un informe.",
    "pt": "Escreve as tabelas de um PDF em arquivos CSV. Usar quando alguém precisa dos números de um relatório.",
}


def document(code: str) -> SkillDraft:
    """The usual document with the headings of the language (Portuguese has the English ones)."""
    body, words = BODY, phrases(code)
    for heading, own in (
        ("Workflow", words.workflow), ("Example", words.example), ("Gotchas", words.gotchas), ("Check", words.check)
    ):  # fmt: skip
        body = body.replace(f"## {heading}\n", f"## {own}\n")
    skill = PLAN.skill_metadata.model_copy(update={"description": DESCRIPTIONS[code]})
    return assemble(PLAN.model_copy(update={"skill_metadata": skill}), body, {})


def texts(draft: SkillDraft) -> dict[str, str]:
    return {part.heading: part.text.strip() for part in sections.split(body_of(draft))}


GOTCHAS, RULES, WORKFLOW, EXAMPLE, CHECK = "gotchas", "rules", "workflow", "example", "check"
SAID = [
    (
        "de",
        "Füge einen Stolperstein hinzu: gescannte Seiten haben keinen Text.",
        GOTCHAS,
        "- Gescannte Seiten haben keinen Text.",
    ),
    ("de", "Bitte ergänze einen Schritt: Datei schließen.", WORKFLOW, "5. Datei schließen."),
    ("de", "Ersetze „the next free number“ durch „einen Zeitstempel“.", GOTCHAS, "choose einen Zeitstempel instead"),
    ("de", "„the next free number“ durch „einen Zeitstempel“ ersetzen", GOTCHAS, "choose einen Zeitstempel instead"),
    (
        "de",
        "Erwähne, dass verschlüsselte Dateien ein Passwort brauchen.",
        GOTCHAS,
        "- Verschlüsselte Dateien ein Passwort brauchen.",
    ),
    ("de", "Niemals außerhalb des Ordners schreiben.", RULES, "Niemals außerhalb des Ordners schreiben."),
    ("de", "Der Skill darf keine Dateien löschen.", RULES, "Darf keine Dateien löschen."),
    ("de", "Ergänze ein Beispiel:\n\n```sh\nls out\n```", EXAMPLE, "```sh\nls out\n```"),
    (
        "de",
        "Füge einen Abschnitt „Grenzen“ hinzu: Dateien über 100 MB dauern Minuten.",
        "Grenzen",
        "Dateien über 100 MB dauern Minuten.",
    ),
    (
        "fr",
        "Ajoute un piège : les pages numérisées n’ont pas de texte.",
        GOTCHAS,
        "- Les pages numérisées n’ont pas de texte.",
    ),
    ("fr", "Merci de rajouter une étape : fermer le fichier.", WORKFLOW, "5. Fermer le fichier."),
    ("fr", "Remplace « the next free number » par « un horodatage ».", GOTCHAS, "choose un horodatage instead"),
    (
        "fr",
        "Mentionne que les fichiers chiffrés demandent un mot de passe.",
        GOTCHAS,
        "- Les fichiers chiffrés demandent un mot de passe.",
    ),
    ("fr", "Ne jamais écrire hors du dossier.", RULES, "Ne jamais écrire hors du dossier."),
    ("fr", "N’écris jamais hors du dossier.", RULES, "N’écris jamais hors du dossier."),
    ("fr", "Ajoute un exemple :\n\n```sh\nls out\n```", EXAMPLE, "```sh\nls out\n```"),
    (
        "fr",
        "Ajoute une section « Limites » : les fichiers de plus de 100 Mo prennent des minutes.",
        "Limites",
        "Les fichiers de plus",
    ),
    (
        "es",
        "Añade una advertencia: las páginas escaneadas no tienen texto.",
        GOTCHAS,
        "- Las páginas escaneadas no tienen texto.",
    ),
    ("es", "Por favor, agrega un paso: cerrar el archivo.", WORKFLOW, "5. Cerrar el archivo."),
    (
        "es",
        "Reemplaza «the next free number» por «una marca de tiempo».",
        GOTCHAS,
        "choose una marca de tiempo instead",
    ),
    (
        "es",
        "Menciona que los archivos cifrados necesitan contraseña.",
        GOTCHAS,
        "- Los archivos cifrados necesitan contraseña.",
    ),
    ("es", "Nunca escribir fuera de la carpeta.", RULES, "Nunca escribir fuera de la carpeta."),
    ("es", "No escribas fuera de la carpeta.", RULES, "No escribas fuera de la carpeta."),
    ("es", "Añade un ejemplo:\n\n```sh\nls out\n```", EXAMPLE, "```sh\nls out\n```"),
    (
        "es",
        "Añade una sección «Límites»: los archivos de más de 100 MB tardan minutos.",
        "Límites",
        "Los archivos de más",
    ),
    (
        "pt",
        "Adicione um aviso: páginas digitalizadas não têm texto.",
        GOTCHAS,
        "- Páginas digitalizadas não têm texto.",
    ),
    ("pt", "Por favor, acrescente um passo: fechar o arquivo.", WORKFLOW, "5. Fechar o arquivo."),
    ("pt", "Substitua “the next free number” por “um carimbo de hora”.", GOTCHAS, "choose um carimbo de hora instead"),
    ("pt", "Mencione que arquivos cifrados precisam de senha.", GOTCHAS, "- Arquivos cifrados precisam de senha."),
    ("pt", "Nunca escrever fora da pasta.", RULES, "Nunca escrever fora da pasta."),
    ("pt", "Não escreva fora da pasta.", RULES, "Não escreva fora da pasta."),
    ("pt", "Adicione um exemplo:\n\n```sh\nls out\n```", EXAMPLE, "```sh\nls out\n```"),
    ("pt", "Adicione uma seção “Limites”: arquivos acima de 100 MB demoram minutos.", "Limites", "Arquivos acima"),
]


@pytest.mark.parametrize(("code", "words", "where", "contains"), SAID)
async def test_a_usual_request_changes_its_section_alone(code: str, words: str, where: str, contains: str) -> None:
    before = document(code)
    heading = getattr(phrases(code), where, where)
    if code == "pt" and where == CHECK:
        heading = "Check"
    result = await incorporate(words, draft=before)
    assert [change.outcome for change in result.changes] == ["applied"], result.changes
    old, new = texts(before), texts(result.draft)
    assert contains in new[heading]
    assert {name for name in {*old, *new} if old.get(name) != new.get(name)} == {heading}


@pytest.mark.parametrize(
    ("code", "words"),
    [
        ("de", "Entferne den Abschnitt „{}“."),
        ("de", "Bitte den Abschnitt {} löschen"),
        ("fr", "Supprime la section « {} »."),
        ("fr", "Peux-tu retirer la partie {} ?"),
        ("es", "Elimina la sección «{}»."),
        ("es", "Quita el apartado {}"),
        ("pt", "Remova a seção “{}”."),
        ("pt", "Apague a seção {}"),
    ],
)
async def test_a_section_is_removed(code: str, words: str) -> None:
    before, heading = document(code), phrases(code).example
    result = await incorporate(words.format(heading), draft=before)
    assert texts(result.draft) == {name: text for name, text in texts(before).items() if name != heading}


@pytest.mark.parametrize(
    ("code", "words"),
    [
        ("en", "Rename the section “{}” to “New”"),
        ("de", "Benenne den Abschnitt „{}“ in „New“ um."),
        ("de", "Abschnitt „{}“ in „New“ umbenennen"),
        ("fr", "Renomme la section « {} » en « New »."),
        ("es", "Renombra la sección «{}» a «New»."),
        ("pt", "Renomeie a seção “{}” para “New”."),
    ],
)
async def test_a_section_is_renamed(code: str, words: str) -> None:
    before = document("pt" if code == "en" else code)
    heading = phrases(code).check
    result = await incorporate(words.format(heading), draft=before)
    assert set(texts(result.draft)) ^ set(texts(before)) == {heading, "New"}


@pytest.mark.parametrize(
    ("code", "words", "items"),
    [
        ("en", "Shorten the section “{}” to 2 items", 2),
        ("en", "Shorten the {} section", 3),
        ("de", "Kürze den Abschnitt „{}“ auf 2 Punkte.", 2),
        ("de", "Den Abschnitt „{}“ kürzen", 3),
        ("fr", "Raccourcis la section « {} » à 2 points.", 2),
        ("es", "Acorta la sección «{}» a 2 puntos.", 2),
        ("pt", "Encurte a seção “{}” para 2 itens.", 2),
    ],
)
async def test_a_section_is_shortened_without_rewording_it(code: str, words: str, items: int) -> None:
    draft = document("pt" if code == "en" else code)
    heading = phrases(code).gotchas
    longer = draft.skill_content.replace("when the header spans columns.", "when the header spans. A second sentence.")
    before = draft.model_copy(update={"files": {"SKILL.md": longer}})
    result = await incorporate(words.format(heading), draft=before)
    assert [change.outcome for change in result.changes] == ["applied"], result.changes
    left = texts(result.draft)[heading]
    assert left.count("\n- ") == items
    assert all(line in texts(before)[heading] for line in left.splitlines())
    assert ("A second sentence." in left) is (items == 2)


@pytest.mark.parametrize(
    ("code", "words"),
    [
        ("de", "Ändere die Beschreibung: Liest Tabellen. Verwenden, wenn ein PDF Tabellen hat, die gebraucht werden."),
        ("fr", "Change la description : Lit les tableaux. À utiliser quand un PDF a des tableaux à reprendre."),
        ("es", "Cambia la descripción: Lee tablas. Usar cuando un PDF tiene tablas que hacen falta."),
        ("pt", "Altere a descrição: Lê tabelas. Usar quando um PDF tem tabelas de que alguém precisa."),
    ],
)
async def test_the_description_is_changed_alone(code: str, words: str) -> None:
    before = document(code)
    result = await incorporate(words, draft=before)
    assert description_of(result.draft) == words.partition(":")[2].strip()
    assert body_of(result.draft) == body_of(before)


@pytest.mark.parametrize(
    ("code", "words"),
    [
        ("de", "Sieht gut aus, danke!"),
        ("de", "Wieso pdfplumber?"),
        ("fr", "C’est très bien, merci."),
        ("fr", "Pourquoi pdfplumber ?"),
        ("es", "No veo ningún ejemplo de salida."),
        ("es", "¿Por qué pdfplumber?"),
        ("pt", "Ficou ótimo, obrigado!"),
        ("pt", "Não entendi o segundo ponto."),
    ],
)
async def test_what_is_no_request_leaves_every_byte(code: str, words: str) -> None:
    before = document(code)
    result = await incorporate(words, draft=before)
    assert result.draft == before
    assert [change.outcome for change in result.changes] == ["rejected"]


async def test_several_sentences_are_several_requests() -> None:
    words = (
        "Entferne den Abschnitt „Beispiel“. Ergänze eine Regel: nie überschreiben. "
        "Füge einen Schritt hinzu: Datei schließen."
    )
    result = await incorporate(words, draft=document("de"))
    assert [change.outcome for change in result.changes] == ["applied"] * 3
