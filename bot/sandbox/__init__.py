"""A GitHub to run on your own machine: REST API, webhooks and git transport over a bare git repository.

`Sandbox.create` starts one inside a program, `skill-fleet sandbox` as a process. Nothing here is imported by the bot.
"""

from bot.sandbox.model import Role
from bot.sandbox.seeding import Seed
from bot.sandbox.server import Sandbox, running

__all__ = ["Role", "Sandbox", "Seed", "running"]
