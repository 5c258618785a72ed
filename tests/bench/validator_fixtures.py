"""The security rules on the fixtures of three other scanners, which stay in their own repositories.

SKILL_FLEET_BENCH_FIXTURES names a folder with checkouts of them, each named OWNER__REPOSITORY. A skill is flagged by a
warning or an error of a security rule. Targets: at least 21 of the 34 bad ones and at most 1 of the safe ones.
"""

import os
import sys
from pathlib import Path

from pipeline.skills.files import DiskTree
from pipeline.skills.findings import Provenance, Severity
from pipeline.skills.rules.registry import all_rules
from pipeline.skills.validation import Options, validate_directories

BENCHMARK = "security rules on other scanners' fixtures (target: >= 21 of 34 bad ones flagged, <= 1 safe one)"
VARIABLE = "SKILL_FLEET_BENCH_FIXTURES"
CISCO, NVIDIA, SNYK = "cisco-ai-defense__skill-scanner", "NVIDIA__SkillSpector", "snyk__agent-scan"
_CISCO_BAD = """
skills/backdoor/magic-string-trigger skills/behavioral-analysis/multi-file-exfiltration
skills/command-injection/eval-execution skills/data-exfiltration/config-tunnel-exfil
skills/data-exfiltration/environment-secrets skills/obfuscation/base64-payload skills/path-traversal/file-reader
skills/prompt-injection/jailbreak-override skills/resource-exhaustion/infinite-loop skills/sql-injection/database-query
test_skills/malicious/ascii-smuggling test_skills/malicious/eicar-test test_skills/malicious/exfiltrator
test_skills/malicious/flowise-cve-2025-59528 test_skills/malicious/mcp-atlassian-cve-2026-27825
test_skills/malicious/mcpwn-cve-2026-33032 test_skills/malicious/prompt-injection
"""
_CISCO_SAFE = """
skills/safe-skills-2/file-validator skills/safe-skills/simple-math test_skills/safe/atr-benign-control
test_skills/safe/simple-formatter
"""
_NVIDIA_BAD = """
malicious_skill mcp_mismatched_skill mcp_overprivileged_skill mcp_poisoned_tool mcp_underdeclared_skill
sdi/sdi1_mismatch sdi/sdi2_inappropriate sdi/sdi3_scope_creep sdi/sdi4_divergence sqp/sqp1_vague_triggers
sqp/sqp2_missing_warnings sqp/sqp3_locale_forcing ssd/ssd1_semantic_injection ssd/ssd2_novel_phrasing
ssd/ssd3_nl_exfiltration ssd/ssd4_narrative_deception
"""
_NVIDIA_SAFE = "mcp_clean_skill safe_skill sdi/sdi_clean sqp/sqp1_clean sqp/sqp2_clean sqp/sqp3_clean ssd/ssd_clean"
_SNYK_SAFE = """
algorithmic-art brand-guidelines canvas-design doc-coauthoring docx frontend-design internal-comms mcp-builder pdf pptx
skill-creator slack-gif-creator theme-factory web-artifacts-builder webapp-testing xlsx
"""
BAD = [
    *((CISCO, f"evals/{name}") for name in _CISCO_BAD.split()),
    *((NVIDIA, f"tests/fixtures/{name}") for name in _NVIDIA_BAD.split()),
    (SNYK, "tests/skills/malicious-skill"),
]
SAFE = [
    *((CISCO, f"evals/{name}") for name in _CISCO_SAFE.split()),
    *((NVIDIA, f"tests/fixtures/{name}") for name in _NVIDIA_SAFE.split()),
    *((SNYK, f"tests/skills/{name}") for name in _SNYK_SAFE.split()),
]


def flags(root: Path, repository: str, skill: str) -> set[str]:
    """The security rules that warn of a skill."""
    if not (root / repository / skill / "SKILL.md").is_file():
        sys.exit(f"${VARIABLE} has no {repository}/{skill}: check the repository out there, under this name")
    tree = DiskTree(root / repository)
    report = validate_directories(tree, [skill], options=Options(is_repository=False))
    rules = all_rules()
    return {
        finding.rule
        for finding in report.findings
        if finding.severity in (Severity.WARNING, Severity.ERROR)
        and rules[finding.rule].provenance is Provenance.SECURITY
    }


def main() -> None:
    named = os.environ.get(VARIABLE)
    if not named:
        print(f"set {VARIABLE} to a folder with checkouts named {CISCO}, {NVIDIA} and {SNYK}")
        return
    for kind, skills in (("bad", BAD), ("safe", SAFE)):
        found = {skill: flags(Path(named), *skill) for skill in skills}
        print(f"{kind}: {sum(1 for rules in found.values() if rules)} of {len(found)} flagged")
        for (repository, path), rules in found.items():
            if bool(rules) is (kind == "safe"):
                print(f"  {repository}/{path}: {', '.join(sorted(rules)) or 'nothing'}")


if __name__ == "__main__":
    main()
