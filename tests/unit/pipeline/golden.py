"""Requests as people write them: different domains, languages and care. Outputs for them are snapshots."""

from pipeline.models import SkillRequest
from tests.unit.pipeline.requests import RICH, THIN

LOG = "".join(f"api-{number}   0/1   CrashLoopBackOff   {number}\n" for number in range(300))

GOLDEN: dict[str, SkillRequest] = {
    "pdf_tables_rich_form": RICH,
    "releases_thin": THIN,
    "release_notes_form": SkillRequest(
        title="Skill request: release notes from merged pull requests",
        text="",
        purpose="Collect the pull requests merged since the last tag and turn them into release notes.\n"
        "Group them by label and leave out anything labelled `internal`.",
        when="Use it when someone prepares a release or asks what changed since a version.",
        examples="```markdown\n## Fixes\n\n- Repair the login redirect (#412)\n```",
        constraints="One line per pull request. Never mention people by name.",
        references="https://keepachangelog.com/en/1.1.0/",
        author="carol",
    ),
    "sql_review_free_text": SkillRequest(
        title="Review SQL migrations before they are merged",
        text="We keep breaking production with migrations. I want a skill that reviews a migration file.\n\n"
        "It should look at locks first, then at backfills:\n\n"
        "1. Find statements that take an ACCESS EXCLUSIVE lock on a large table\n"
        "2. Check that indexes are created with `CONCURRENTLY`\n"
        "3. Check that a backfill runs in batches\n\n"
        "Be careful: `SET NOT NULL` scans the whole table on PostgreSQL 11 and older.\n\n"
        "### When to use\n\nWhen a pull request touches `db/migrations`.\n\n"
        "### Example\n\n```sql\nALTER TABLE orders ADD COLUMN note text;\n```\n\nThis one is fine.\n",
        author="dan",
    ),
    "incident_reviews_headings": SkillRequest(
        title="Write incident reviews",
        text="## What it should do\n\nWrite a blameless incident review from a chat log.\n\n"
        "- Timeline with UTC times\n- Contributing factors, never a single root cause\n- Actions with an owner\n\n"
        "## When should an agent use it\n\n- After an incident is closed\n- When someone asks for a post-mortem\n\n"
        "## Rules\n\n- Do not name individuals\n- At most two pages\n\n"
        "## How to check\n\n- Every action has an owner and a date\n",
        author="erin",
    ),
    "invoices_german": SkillRequest(
        title="Rechnungen prüfen",
        text="",
        purpose="Prüft eingehende Rechnungen auf Vollständigkeit und rechnerische Richtigkeit.\n\n"
        "1. Pflichtangaben nach § 14 UStG suchen\n2. Summen nachrechnen\n3. Abweichungen als Tabelle ausgeben",
        when="Wenn jemand eine Rechnung als PDF schickt und wissen will, ob sie stimmt.",
        constraints="Beträge dürfen nicht gerundet werden.",
        author="frieda",
    ),
    "recettes_french": SkillRequest(
        title="Traduire les recettes pour le site",
        text="Le skill doit traduire une recette du français vers l’anglais pour notre site.\n\n"
        "- Convertir les mesures en système impérial\n- Garder les noms des fromages en français\n\n"
        "Il ne faut jamais traduire les titres.\n",
        author="gilles",
    ),
    "minutes_japanese": SkillRequest(
        title="議事録を作成するスキル",
        text="会議の文字起こしから議事録を作成してください。\n\n"
        "1. 決定事項を箇条書きにする\n2. 担当者と期限を表にまとめる\n3. 未決事項を最後に書く\n\n"
        "発言者の名前は必ず残す。\n",
        author="hanako",
    ),
    "soporte_spanish_thin": SkillRequest(
        title="Responder tickets de soporte", text="Que conteste los tickets.", author="ines"
    ),
    "kubernetes_with_long_log": SkillRequest(
        title="Debug crash-looping pods",
        text="",
        purpose="Find out why a pod restarts again and again, from its events and its previous logs.",
        when="A deployment does not become ready, or `kubectl get pods` shows CrashLoopBackOff.",
        examples=f"```console\n$ kubectl get pods\n{LOG}```",
        constraints="Only read; never delete or restart anything.",
        author="jo",
    ),
    "choose_tool": SkillRequest(
        title="Format Python code",
        text="A skill for formatting Python code before commits. Should it use black or ruff?\n\n"
        "Run the formatter on changed files only and then stage them again.",
        author="kim",
    ),
    "markup_heavy": SkillRequest(
        title="`README` badges <b>skill</b>",
        text="<!-- please ignore -->\n\n![shot](https://example.com/shot.png)\n\n"
        "Keep the badges of a README up to date: build, coverage and version.\n\n"
        "* build badge from `ci.yml`\n* coverage badge from Codecov\n* version badge from the registry\n\n"
        "<details><summary>more</summary>Nothing here</details>\n",
        author="lee",
    ),
    "only_an_image": SkillRequest(title="Color palettes", text="![palette](https://example.com/p.png)", author="mia"),
    "very_long_title": SkillRequest(
        title="Please create a skill that converts our quarterly customer satisfaction survey exports into the "
        "standard board presentation with charts for every region",
        text="Input is the survey export (CSV). Output is a slide deck.\n\n"
        "Steps: clean the data, then compute the score per region, then draw one chart per region.",
        author="noor",
    ),
    "english_with_code_in_steps": SkillRequest(
        title="Rotate API keys",
        text="",
        purpose="Rotate an API key without downtime.\n\n1. Create the second key:\n\n"
        "   ```sh\n   vault write keys/api name=next\n   ```\n\n2. Deploy it next to the old one.\n"
        "3. Revoke the old key once nobody uses it.\n\nVerify that the dashboard shows no calls with the old key.",
        when="Whenever a key is due or may have leaked.",
        constraints="- Never print a key.\n- Keep both keys valid for at least an hour.",
        examples="none",
        author="omar",
    ),
}
