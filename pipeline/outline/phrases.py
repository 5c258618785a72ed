"""The few words the outline drafter adds of its own, by language: headings, cues and questions.

A language that is missing here gets English words around content in its own language.
"""

from collections.abc import Mapping
from dataclasses import dataclass

DEFAULT = "en"


@dataclass(frozen=True)
class Asked:
    """A question: text, why it matters, suggested answers, and what is assumed without an answer."""

    text: str
    why: str
    options: tuple[str, ...]
    assumption: str


@dataclass(frozen=True)
class Phrases:
    language: str  # its English name
    workflow: str
    rules: str
    gotchas: str
    example: str
    check: str
    references: str
    scope: str
    use_when: str
    or_when: str
    use_for: str
    not_for: str
    explain: str
    purpose: Asked
    when: Asked
    steps: Asked
    examples: Asked
    checks: Asked
    pitfalls: Asked
    choice: Asked
    name: Asked

    def question(self, kind: str) -> Asked:
        asked: Asked = getattr(self, kind)
        return asked


KINDS = ("name", "purpose", "choice", "steps", "when", "examples", "checks", "pitfalls")

PHRASES: Mapping[str, Phrases] = {
    "en": Phrases(
        "English", "Workflow", "Rules", "Gotchas", "Example", "Check the result", "References", "What it covers",
        "Use when", ", or when ", "Use when asked for “{}”.", "Not for", "Explain what {} means, without doing anything",
        Asked("What exactly should the skill make an agent do, from start to end?",
              "Without it the skill has no content.",
              ("I will describe it in a reply", "Only what the title says"),
              "The skill does only what the title says."),
        Asked("In which situations should an agent use this skill?",
              "The description decides when agents load it.",
              ("When someone asks for exactly this", "Also whenever a task touches the same files or tools"),
              "It is used when someone asks for exactly this."),
        Asked("Which steps should the agent follow, in which order?",
              "The steps are the core of the document.",
              ("Just as described in the request", "I will list the steps in a reply"),
              "The description in the request is the whole procedure."),
        Asked("Can you give one example of an input and the result you expect?",
              "An example shows agents the expected form of the result.",
              ("No example is needed", "I will add one in a reply"),
              "The document has no example."),
        Asked("How can an agent tell that the result is right?",
              "The document then ends with a check instead of a guess.",
              ("No check is needed", "Compare the result with the request", "I will describe the check in a reply"),
              "The document has no check of its own."),
        Asked("Is there anything that commonly goes wrong and that an agent would not expect?",
              "Known pitfalls are what helps agents most.",
              ("Nothing that I know of", "I will list it in a reply"),
              "No pitfalls are known."),
        Asked("Which one is the default: {}?",
              "The document recommends one way and names the other as the exception.",
              (), "The default is {}."),
        Asked("Which short English name should the skill have, such as `meeting-notes`?",
              "Names may only contain ASCII letters, digits and hyphens.",
              (), "It is called {}."),
    ),
    "de": Phrases(
        "German", "Ablauf", "Regeln", "Stolperfallen", "Beispiel", "Ergebnis prüfen", "Quellen", "Was dazugehört",
        "Verwenden, wenn", ", oder wenn ", "Verwenden, wenn „{}“ gewünscht ist.", "Nicht für", "Erkläre, was {} bedeutet, ohne etwas auszuführen",
        Asked("Was genau soll der Skill einen Agenten tun lassen, von Anfang bis Ende?",
              "Ohne das hat der Skill keinen Inhalt.",
              ("Ich beschreibe es in einer Antwort", "Nur das, was der Titel sagt"),
              "Der Skill tut nur das, was der Titel sagt."),
        Asked("In welchen Situationen soll ein Agent diesen Skill verwenden?",
              "Die Beschreibung entscheidet, wann Agenten ihn laden.",
              ("Wenn jemand genau darum bittet", "Auch wenn eine Aufgabe dieselben Dateien oder Werkzeuge betrifft"),
              "Er wird verwendet, wenn jemand genau darum bittet."),
        Asked("Welche Schritte soll der Agent in welcher Reihenfolge ausführen?",
              "Die Schritte sind der Kern des Dokuments.",
              ("Genau wie in der Anfrage beschrieben", "Ich liste die Schritte in einer Antwort auf"),
              "Die Beschreibung in der Anfrage ist das ganze Verfahren."),
        Asked("Gibt es ein Beispiel für eine Eingabe und das erwartete Ergebnis?",
              "Ein Beispiel zeigt Agenten die erwartete Form des Ergebnisses.",
              ("Kein Beispiel nötig", "Ich ergänze eines in einer Antwort"),
              "Das Dokument enthält kein Beispiel."),
        Asked("Woran erkennt ein Agent, dass das Ergebnis stimmt?",
              "Das Dokument endet dann mit einer Prüfung statt mit einer Vermutung.",
              ("Keine Prüfung nötig", "Ergebnis mit der Anfrage vergleichen", "Ich beschreibe die Prüfung in einer Antwort"),
              "Das Dokument enthält keine eigene Prüfung."),
        Asked("Gibt es etwas, das häufig schiefgeht und das ein Agent nicht erwarten würde?",
              "Bekannte Stolperfallen helfen Agenten am meisten.",
              ("Nichts, was ich wüsste", "Ich liste es in einer Antwort auf"),
              "Es sind keine Stolperfallen bekannt."),
        Asked("Was ist der Standard: {}?",
              "Das Dokument empfiehlt einen Weg und nennt den anderen als Ausnahme.",
              (), "Der Standard ist {}."),
        Asked("Welchen kurzen englischen Namen soll der Skill haben, etwa `meeting-notes`?",
              "Namen dürfen nur ASCII-Buchstaben, Ziffern und Bindestriche enthalten.",
              (), "Er heißt {}."),
    ),
    "fr": Phrases(
        "French", "Déroulement", "Règles", "Pièges", "Exemple", "Vérifier le résultat", "Références", "Ce qui est couvert",
        "À utiliser quand", ", ou quand ", "À utiliser quand on demande « {} ».", "Pas pour", "Explique ce que signifie {}, sans rien exécuter",
        Asked("Que doit faire exactement l’agent grâce à ce skill, du début à la fin ?",
              "Sans cela, le skill n’a pas de contenu.",
              ("Je le décris dans une réponse", "Seulement ce que dit le titre"),
              "Le skill fait seulement ce que dit le titre."),
        Asked("Dans quelles situations un agent doit-il utiliser ce skill ?",
              "La description décide quand les agents le chargent.",
              ("Quand quelqu’un demande exactement cela", "Aussi quand une tâche touche les mêmes fichiers ou outils"),
              "Il est utilisé quand quelqu’un demande exactement cela."),
        Asked("Quelles étapes l’agent doit-il suivre, et dans quel ordre ?",
              "Les étapes sont le cœur du document.",
              ("Comme décrit dans la demande", "Je donne les étapes dans une réponse"),
              "La description de la demande est toute la procédure."),
        Asked("Pouvez-vous donner un exemple d’entrée et de résultat attendu ?",
              "Un exemple montre aux agents la forme attendue du résultat.",
              ("Aucun exemple nécessaire", "J’en ajoute un dans une réponse"),
              "Le document n’a pas d’exemple."),
        Asked("Comment un agent voit-il que le résultat est juste ?",
              "Le document se termine alors par une vérification.",
              ("Aucune vérification nécessaire", "Comparer le résultat à la demande", "Je la décris dans une réponse"),
              "Le document n’a pas de vérification propre."),
        Asked("Y a-t-il quelque chose qui échoue souvent et qu’un agent n’attendrait pas ?",
              "Les pièges connus sont ce qui aide le plus les agents.",
              ("Rien que je sache", "Je les donne dans une réponse"),
              "Aucun piège n’est connu."),
        Asked("Lequel est le choix par défaut : {} ?",
              "Le document recommande une voie et cite l’autre comme exception.",
              (), "Le choix par défaut est {}."),
        Asked("Quel nom anglais court le skill doit-il avoir, par exemple `meeting-notes` ?",
              "Les noms ne contiennent que des lettres ASCII, des chiffres et des traits d’union.",
              (), "Il s’appelle {}."),
    ),
    "es": Phrases(
        "Spanish", "Procedimiento", "Reglas", "Errores frecuentes", "Ejemplo", "Comprobar el resultado", "Referencias",
        "Qué incluye", "Usar cuando", ", o cuando ", "Usar cuando se pida «{}».", "No para", "Explica qué significa {}, sin ejecutar nada",
        Asked("¿Qué debe hacer exactamente el agente con este skill, de principio a fin?",
              "Sin eso el skill no tiene contenido.",
              ("Lo describo en una respuesta", "Solo lo que dice el título"),
              "El skill hace solo lo que dice el título."),
        Asked("¿En qué situaciones debe un agente usar este skill?",
              "La descripción decide cuándo lo cargan los agentes.",
              ("Cuando alguien pide exactamente esto", "También cuando una tarea toca los mismos archivos o herramientas"),
              "Se usa cuando alguien pide exactamente esto."),
        Asked("¿Qué pasos debe seguir el agente y en qué orden?",
              "Los pasos son el núcleo del documento.",
              ("Como se describe en la petición", "Doy los pasos en una respuesta"),
              "La descripción de la petición es todo el procedimiento."),
        Asked("¿Puede dar un ejemplo de entrada y del resultado esperado?",
              "Un ejemplo muestra a los agentes la forma esperada del resultado.",
              ("No hace falta ejemplo", "Añado uno en una respuesta"),
              "El documento no tiene ejemplo."),
        Asked("¿Cómo ve un agente que el resultado es correcto?",
              "El documento termina entonces con una comprobación.",
              ("No hace falta comprobación", "Comparar el resultado con la petición", "La describo en una respuesta"),
              "El documento no tiene comprobación propia."),
        Asked("¿Hay algo que suele fallar y que un agente no esperaría?",
              "Los errores conocidos son lo que más ayuda a los agentes.",
              ("Nada que yo sepa", "Lo describo en una respuesta"),
              "No se conocen errores frecuentes."),
        Asked("¿Cuál es la opción por defecto: {}?",
              "El documento recomienda un camino y nombra el otro como excepción.",
              (), "La opción por defecto es {}."),
        Asked("¿Qué nombre corto en inglés debe tener el skill, por ejemplo `meeting-notes`?",
              "Los nombres solo contienen letras ASCII, cifras y guiones.",
              (), "Se llama {}."),
    ),
    "ja": Phrases(
        "Japanese", "手順", "ルール", "注意点", "例", "結果の確認", "参考資料", "内容",
        "使用する場面:", "、", "「{}」を頼まれたときに使用する。", "対象外:", "{} の意味だけを説明して（何も実行しない）",
        Asked("このスキルでエージェントに最初から最後まで何をさせたいですか？",
              "これがないとスキルの内容がありません。",
              ("返信で説明します", "タイトルのとおりだけ"),
              "スキルはタイトルのとおりのことだけを行います。"),
        Asked("どんな場面でエージェントはこのスキルを使うべきですか？",
              "説明文によって、いつ読み込まれるかが決まります。",
              ("まさにこれを頼まれたとき", "同じファイルやツールを扱う作業のときも"),
              "まさにこれを頼まれたときに使います。"),
        Asked("エージェントはどの手順をどの順番で行うべきですか？",
              "手順は文書の中心です。",
              ("依頼に書いたとおり", "返信で手順を挙げます"),
              "依頼の説明が手順のすべてです。"),
        Asked("入力と期待する結果の例を一つ挙げられますか？",
              "例があると結果の形が伝わります。",
              ("例は不要", "返信で追加します"),
              "文書に例はありません。"),
        Asked("結果が正しいことをエージェントはどう確認しますか？",
              "文書の最後に確認方法を書けます。",
              ("確認は不要", "結果を依頼と比べる", "返信で説明します"),
              "文書に独自の確認方法はありません。"),
        Asked("よく失敗する点で、エージェントが予想しないものはありますか？",
              "既知の注意点が最も役に立ちます。",
              ("特になし", "返信で挙げます"),
              "既知の注意点はありません。"),
        Asked("標準はどれですか: {}",
              "文書は一つの方法を勧め、もう一つを例外として示します。",
              (), "標準は {} です。"),
        Asked("スキルの短い英語名は何にしますか（例: `meeting-notes`）？",
              "名前に使えるのは ASCII 文字・数字・ハイフンだけです。",
              (), "名前は {} です。"),
    ),
}  # fmt: skip


def phrases(code: str) -> Phrases:
    """The phrases of a language, English where there are none."""
    return PHRASES.get(code, PHRASES[DEFAULT])
