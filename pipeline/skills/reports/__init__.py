"""Renders a validation report: `text`, `json`, `github`, `sarif`, `summary`. Pure functions from a report to a
string.
"""

from __future__ import annotations

from enum import StrEnum


class Format(StrEnum):
    """The ways a report can be written."""

    TEXT = "text"
    JSON = "json"
    GITHUB = "github"
    SARIF = "sarif"
    SUMMARY = "summary"
