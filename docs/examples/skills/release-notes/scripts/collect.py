#!/usr/bin/env python3
"""Prints the commits between two revisions as JSON, for release notes. Reads the repository, changes nothing.

Exit status 0, or 2 when Git does not know a revision.
"""

import argparse
import json
import re
import subprocess
import sys


def git(*words: str) -> str:
    """What Git prints; its own words and exit status 2 when it fails."""
    done = subprocess.run(["git", *words], capture_output=True, text=True)
    if done.returncode:
        print(f"git {words[0]} failed: {done.stderr.strip()}", file=sys.stderr)
        sys.exit(2)
    return done.stdout


def main() -> None:
    """Collects subject, body, pull request and touched folders of each commit."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("older", help="the older revision, for example v2.3.0")
    parser.add_argument("newer", help="the newer revision, for example v2.4.0")
    arguments = parser.parse_args()
    revisions = f"{arguments.older}..{arguments.newer}"
    log = git("log", "--no-merges", "--format=%H%x1f%s%x1f%b%x1e", "--end-of-options", revisions)
    commits = []
    for record in filter(None, (part.strip() for part in log.split("\x1e"))):
        commit, subject, body = record.split("\x1f")
        files = git("diff-tree", "--root", "--no-commit-id", "--name-only", "-r", commit).splitlines()
        pull = re.search(r"\(#(\d+)\)$", subject)
        commits.append(
            {
                "commit": commit,
                "subject": subject,
                "body": body.strip(),
                "pull_request": int(pull[1]) if pull else None,
                "folders": sorted({file.split("/")[0] for file in files}),
            }
        )
    json.dump(commits, sys.stdout, indent=2)
    print()


if __name__ == "__main__":
    main()
