"""On the PYTHONPATH of a child process: a sandbox that it starts is held against GitHub's published description.

Python imports this module at its start. What breaks the description is appended to the file `CONTRACT_LOG` when the
sandbox is closed; `tests.contract.observing` sets both up and reads it.
"""

import os
import sys

if "sandbox" in sys.orig_argv and "CONTRACT_LOG" in os.environ:
    import asyncio
    from pathlib import Path

    sys.path.insert(0, str(Path(__file__).parents[2]))

    from bot.sandbox.server import Sandbox
    from tests.contract import ContractObserver

    _create, _close = Sandbox.create, Sandbox.close

    async def _observed(*arguments: object, **options: object) -> Sandbox:
        options["observer"] = ContractObserver()
        return await _create(*arguments, **options)  # type: ignore[arg-type]

    async def _closed(self: Sandbox) -> None:
        await _close(self)
        observer = self.api.observer
        assert isinstance(observer, ContractObserver)
        lines = [f"{sum(observer.seen.values())} messages seen\n", *(f"{each}\n" for each in observer.violations)]
        await asyncio.to_thread(Path(os.environ["CONTRACT_LOG"]).write_text, "".join(lines))

    Sandbox.create, Sandbox.close = _observed, _closed  # type: ignore[method-assign, assignment]
