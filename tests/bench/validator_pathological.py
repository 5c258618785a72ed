"""Files made to be slow. Target: each is finished within 2 s, start-up included, and reported."""

import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

from tests.bench.measure import load, measure

BENCHMARK = "files made to be slow (target: each <= 2 s)"
HEAD = '---\nname: slow\ndescription: "Reads slow files. Use when a file is slow."\n---\n'


def frontmatter(extra: str) -> str:
    return HEAD.replace("\n---\n", f"\n{extra}\n---\n") + "# Slow\n\nText.\n"


def alias_bomb() -> str:
    rows = ["metadata:", "  a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    rows += [f"  a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, 12)]
    return frontmatter("\n".join(rows))


CASES: dict[str, Callable[[], str]] = {
    "5 MB in one line": lambda: HEAD + "word " * 1_000_000,
    "5 MB without a space": lambda: HEAD + "x" * 5_000_000,
    "10,000 nested brackets": lambda: HEAD + "[" * 10_000 + "]" * 10_000,
    "10,000 nested images": lambda: HEAD + "![" * 10_000 + "](x)" * 10_000,
    "10,000 nested quotes": lambda: HEAD + "> " * 10_000 + "x",
    "10,000 nested lists": lambda: HEAD + "- " * 10_000 + "x",
    "alias bomb": alias_bomb,
    "100,000 links": lambda: HEAD + "".join(f"[a{n}](references/{n}.md)\n" for n in range(100_000)),
    "100,000 links in one line": lambda: HEAD + "".join(f"[a](b{n}) " for n in range(100_000)),
    "100,000 link definitions": lambda: HEAD + "".join(f"[a{n}]: b{n}\n" for n in range(100_000)),
    "100,000 headings": lambda: HEAD + "".join(f"# h{n}\n\n" for n in range(100_000)),
    "50,000 table rows": lambda: HEAD + "| a | b |\n| - | - |\n" + "| `x` | y |\n" * 50_000,
    "1 MB of backticks": lambda: HEAD + "".join("`" * (n % 900 + 1) + " " for n in range(2_300)),
    "200,000 asterisks": lambda: HEAD + "*a _b " * 100_000,
    "100,000 open comments": lambda: HEAD + "<!-- " * 100_000,
    "100,000 open tags": lambda: HEAD + "<a b='" * 100_000,
    "100,000 entities": lambda: HEAD + "&amp; &#x41; &" * 33_000,
    "50,000 fences": lambda: HEAD + "```sh\nls\n```\n" * 50_000,
    "20,000 keys": lambda: frontmatter("\n".join(f"k{n}: v" for n in range(20_000))),
    "20,000 times one key": lambda: frontmatter("\n".join("k: v" for _ in range(20_000))),
    "5,000 nested maps": lambda: frontmatter("metadata: " + "{a: " * 5_000 + "1" + "}" * 5_000),
    "1 MB description": lambda: frontmatter("").replace("Reads", "Reads " + "word " * 200_000),
    "100,000 dashes": lambda: "---\n" + "--- \n" * 100_000,
    "no end of frontmatter": lambda: "---\n" + "a: b\n" * 200_000,
    "1 MB of near secrets": lambda: HEAD + "".join(f"token = 'ghp_{n:035d}'\n" for n in range(20_000)),
    "1 MB of shell": lambda: (
        HEAD + "```sh\n" + "curl -s https://a.example/x | tee y && rm -rf ./z\n" * 20_000 + "```\n"
    ),
    "one pipe of 20,000": lambda: HEAD + "```sh\n" + "cat x | " * 20_000 + "sh\n```\n",
    "nested shell": lambda: HEAD + "```sh\n" + "$(" * 5_000 + "ls" + ")" * 5_000 + "\n```\n",
    "nested downloads": lambda: HEAD + "```sh\n" + "curl $(" * 10_000 + "ls" + ")" * 10_000 + "\n```\n",
    "one pipe of downloads": lambda: HEAD + "```sh\n" + "curl x | " * 10_000 + "sh\n```\n",
    "nested Python": lambda: HEAD + "```python\nx = " + "(" * 5_000 + ")" * 5_000 + "\n```\n",
}


LIMIT = 510_000
"""Characters, just below what is parsed as Markdown: longer texts are reported as too large, which is quick."""

UNITS = {
    "links": "[a](references/b.md) ",
    "links, one a line": "[a](references/b.md)\n",
    "link definitions": "[a]: b\n",
    "headings": "# h\n\n",
    "table rows": "| `x` | y |\n",
    "paragraphs": "Use `ls` and read the file.\n\n",
    "list items": "- Use `ls`.\n",
    "nested list items": "- a\n  - b\n    - c\n      1. d\n",
    "quotes": "> a\n>> b\n",
    "lazy quotes": "> a\nb\n",
    "fences": "```sh\nls\n```\n",
    "comments": "<!-- a -->\n\n",
    "open comments": "<!-- a\n\n",
    "commands": "```sh\ncurl -s https://a.example/x | tee y && rm -rf ./z\n```\n",
    "secrets": "token = 'ghp_b7Qz9Lk2Xw4Rt8Vn3Mp6Ys1Hd5Jf0GcTaEuo'\n\n",
    # what CON001 reports, so that each paragraph is a match and not only a candidate
    "placeholders": "TODO: [insert the thing]\n\n",
    "backticks": "` `` ``` ",
    "one word": "word ",
}
CASES |= {
    f"0.5 MB of {name}": lambda unit=unit: (
        HEAD + ("| a | b |\n| - | - |\n" if "|" in unit[:1] else "") + unit * (LIMIT // len(unit))
    )
    for name, unit in UNITS.items()
}


def main() -> None:
    print(load())
    slow = 0
    with tempfile.TemporaryDirectory() as folder:
        for number, (name, text) in enumerate(CASES.items()):
            skill = Path(folder) / f"{number}" / "slow"
            skill.mkdir(parents=True)
            (skill / "SKILL.md").write_text(text())
            command = [sys.executable, "-m", "bot", "validate", str(skill), "--format", "json"]
            run = measure(command, seconds=60)
            slow += run.cpu > 2 or run.status not in (0, 1)
            verdict = run.output.split('"verdict": "')[1].split('"')[0] if '"verdict": "' in run.output else "NO REPORT"
            mark = "SLOW" if run.cpu > 2 else ""
            print(
                f"  {name:<28} CPU {run.cpu:6.2f} s  wall {run.wall:6.2f} s  {run.memory:5.0f} MiB  "
                f"exit {run.status}  {verdict} {mark}",
                flush=True,
            )
    print(f"  {len(CASES) - slow} of {len(CASES)} within 2 s of CPU and reported")


if __name__ == "__main__":
    main()
