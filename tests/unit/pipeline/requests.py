"""Requests that tests share, from thin to rich."""

from pipeline.models import SkillRequest

RICH = SkillRequest(
    title="[Skill] Extract tables from PDF reports",
    text="",
    name="pdf-tables",
    purpose=(
        "Extract every table of a PDF report and write each to its own CSV file.\n\n"
        "1. Open the PDF with `pdfplumber`.\n"
        "2. Find the tables page by page.\n"
        "3. Write one CSV per table, named `page-N-table-M.csv`.\n"
    ),
    when=(
        "- When someone asks for the tables in a PDF\n"
        "- When numbers from a report are needed in a spreadsheet\n"
        "- Not for scanned PDFs without a text layer\n"
    ),
    examples="Input: `q3.pdf`\n\n```console\n$ ls out/\npage-2-table-1.csv\n```",
    constraints="- Never overwrite an existing CSV file\n- Keep the number format of the report",
    references="https://github.com/jsvine/pdfplumber",
    author="ada",
)
THIN = SkillRequest(title="Something for releases", text="please", author="bob")
