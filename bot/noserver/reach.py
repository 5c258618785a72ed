"""How git reaches the state: the ref's name, and a token that no list of processes shows. Standard library only."""

import base64
import os

from bot.github.secrets import Secret

REF = "refs/skill-fleet/state"
NOT_THERE = "couldn't find remote ref"
"""What git says when there is no state yet."""


def environment(url: str, token: Secret) -> dict[str, str]:
    """Variables for git; the first entry ends what a checkout left behind."""
    credential = Secret(base64.b64encode(f"x-access-token:{token.reveal()}".encode()).decode())
    name = f"http.{url}.extraHeader"
    return {
        "GIT_TERMINAL_PROMPT": "0",
        "GIT_CONFIG_COUNT": "2",
        "GIT_CONFIG_KEY_0": name,
        "GIT_CONFIG_VALUE_0": "",
        "GIT_CONFIG_KEY_1": name,
        "GIT_CONFIG_VALUE_1": f"Authorization: Basic {credential.reveal()}",
        "GIT_ASKPASS": os.devnull,
    }
