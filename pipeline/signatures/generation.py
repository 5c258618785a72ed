"""Phase 2's questions to the model. Long Markdown stands alone in its signature; frontmatter is never asked for."""

from typing import Annotated, Literal

import dspy
from pydantic import Field, StringConstraints

from pipeline.models import Intent, Plan, Requirements, Sentence, Written

Markdown = Annotated[str, StringConstraints(max_length=60_000)]


class Document(Written):
    """Markdown without frontmatter."""

    body: Markdown = Field(description="Markdown from the first `#` heading on; no frontmatter, no surrounding fence")


class Section(Written):
    markdown: Markdown = Field(description="Markdown below the section's heading; deeper headings allowed")


class BundledFile(Written):
    content: Markdown = Field(description="the complete file and nothing else; no surrounding fence")


class SectionText(Written):
    """One section of the document, numbered; 0 is what stands before the first `##` heading."""

    number: int
    heading: str
    markdown: str


class Edit(Written):
    """One change to one section. Sections without an edit stay as they are."""

    action: Literal["replace", "insert_after", "delete"]
    section: int = Field(ge=0, description="number of the section")
    heading: str = Field(max_length=200, description="for replace and insert_after: the heading's text without `#`")
    markdown: Markdown = Field(description="for replace and insert_after: the whole new text below the heading")


class FileEdit(Written):
    path: str = Field(max_length=100, description="an existing bundled file")
    content: Markdown


class Done(Written):
    request: Sentence = Field(description="one thing the person asked for, in their words")
    outcome: Literal["applied", "rejected"]
    note: Sentence = Field(description="what was done, or why not")


class Revision(Written):
    edits: list[Edit] = Field(max_length=20)
    file_edits: list[FileEdit] = Field(max_length=5)
    description: str = Field(max_length=1_024, description="the new frontmatter description, or empty to keep it")
    done: list[Done] = Field(max_length=12)


class GenerateSkillContent(dspy.Signature):
    """Write the body of a SKILL.md: instructions to a capable coding agent that lacks only the knowledge in the
    inputs.

    Follow the plan's outline, in its order, with `##` headings. Write procedures, exact commands and decisions, not
    advice the agent would follow anyway. Give one default and say when to leave it. Include the person's examples
    verbatim, a Gotchas section when something is easy to get wrong, and a way to check the result. Name each bundled
    file with the situation in which to read or run it. Name an exact version wherever a package is fetched and run at
    once (`uvx tool==1.2.3`, `npx tool@1.2.3`). Close every code fence and give it a language. Write in the language
    that `requirements.language` names. Invent no command, option, path or link: what neither the inputs say nor you
    know for certain is left out. No frontmatter, no placeholders, no mention of this request, fewer than 300 lines.
    """

    plan: Plan = dspy.InputField()
    requirements: Requirements = dspy.InputField()
    intent: Intent = dspy.InputField()
    template: list[str] = dspy.InputField(desc="sections that documents of this kind usually have")
    style: str = dspy.InputField(desc="how long and how detailed")
    document: Document = dspy.OutputField()


class GenerateSkillSection(dspy.Signature):
    """Write one section of a SKILL.md: instructions to a capable coding agent that lacks only the knowledge in the
    inputs. Make exactly the points of `section_points`, with exact commands, decisions and the person's examples
    where they belong here. Do not repeat other sections of the plan. Name an exact version wherever a package is
    fetched and run at once (`uvx tool==1.2.3`, `npx tool@1.2.3`). Close every code fence and give it a language. Write
    in the language that `requirements.language` names. Invent no command, option, path or link. Do not write the
    section's own heading."""

    plan: Plan = dspy.InputField()
    requirements: Requirements = dspy.InputField()
    intent: Intent = dspy.InputField()
    section_title: str = dspy.InputField()
    section_points: list[str] = dspy.InputField()
    style: str = dspy.InputField()
    section: Section = dspy.OutputField()


class GenerateScript(dspy.Signature):
    """Write a script bundled with a skill. It runs without asking anything, answers `--help` with purpose, options and
    an example, prints results to stdout and problems to stderr with distinct exit codes, changes nothing unless told
    to, and uses only the standard library of its language; a package it cannot do without is pinned to an exact version
    (inline script metadata with `==`, `npx tool@1.2.3`). Start with the interpreter line. No network access unless the
    plan requires it."""

    path: str = dspy.InputField(desc="where it is bundled; the suffix decides the language")
    reason: str = dspy.InputField()
    plan: Plan = dspy.InputField()
    requirements: Requirements = dspy.InputField()
    problems: list[str] = dspy.InputField(desc="what was wrong with the previous version")
    file: BundledFile = dspy.OutputField()


class GenerateReference(dspy.Signature):
    """Write a reference text bundled with a skill, read only in the stated situation, in the language that
    `requirements.language` names. Facts from the inputs only; start with a `#` heading and, beyond 100 lines, a list of
    contents."""

    path: str = dspy.InputField()
    reason: str = dspy.InputField()
    load_when: str = dspy.InputField()
    plan: Plan = dspy.InputField()
    requirements: Requirements = dspy.InputField()
    file: BundledFile = dspy.OutputField()


class GenerateAsset(dspy.Signature):
    """Write a template or other text file bundled with a skill, to be copied and filled in by the agent. The suffix
    decides the format."""

    path: str = dspy.InputField()
    reason: str = dspy.InputField()
    plan: Plan = dspy.InputField()
    requirements: Requirements = dspy.InputField()
    file: BundledFile = dspy.OutputField()


class RefinedContent(dspy.Signature):
    """Improve the body of a SKILL.md so that none of the listed findings remains. Change what they concern and keep
    the rest word for word, in the language it is written in. Invent no command, option, path or link. No frontmatter,
    no placeholders."""

    body: str = dspy.InputField()
    findings: list[str] = dspy.InputField(desc="what the rules and measurements say, with lines of the body")
    plan: Plan = dspy.InputField()
    requirements: Requirements = dspy.InputField()
    document: Document = dspy.OutputField()


class IncorporateFeedback(dspy.Signature):
    """Change a skill the way a person asks, and nothing else. Return edits for the sections concerned only, each with
    its complete new text in the document's language; sections without an edit are kept byte for byte. Report every
    single request as applied or rejected, with what was done or why not, in the language of the request. Reject what
    would harm the reader, break a rule of the format or is no change to this skill."""

    feedback: list[str] = dspy.InputField(desc="the person's words, with the place they point at")
    description: str = dspy.InputField(desc="the current frontmatter description")
    sections: list[SectionText] = dspy.InputField()
    files: dict[str, str] = dspy.InputField(desc="bundled files by path")
    plan: Plan = dspy.InputField()
    revision: Revision = dspy.OutputField()
