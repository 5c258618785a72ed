"""What writes skills is loaded when a job needs it, once, and not before."""

import asyncio
import subprocess
import sys
import threading

import pytest

from bot.drafting import Drafting
from bot.progress import Progress
from pipeline.lm.choice import Models
from tests.jobs import NOON


def drafting(models: object) -> Drafting:
    async def nothing(*_: object) -> None: ...

    return Drafting(
        models=models,  # type: ignore[arg-type]
        calls=lambda key: pytest.fail(key),
        interrupted=nothing,  # type: ignore[arg-type]
        listener=Progress.__new__(Progress),
        clock=lambda: NOON,
        prompts={},
        skill_files=nothing,  # type: ignore[arg-type]
    )


def test_a_service_that_waits_has_not_loaded_what_writes_skills() -> None:
    program = "import sys, bot.serve, bot.compose; print({'dspy', 'litellm', 'mlflow', 'alembic'} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=120)
    assert done.stdout.strip() == "set()"


async def test_jobs_that_start_together_load_it_once_and_off_the_loop() -> None:
    threads: list[str] = []

    def build() -> Models:
        threads.append(threading.current_thread().name)
        return Models()

    made = drafting(build)
    loaded = await asyncio.gather(*(made._loaded() for _ in range(5)))
    assert len({id(one) for one in loaded}) == 1
    assert threads != []
    assert threads == [name for name in threads[:1] if name != threading.main_thread().name]


async def test_a_load_that_failed_is_tried_again_by_the_next_job() -> None:
    failures = [OSError("disk"), None]

    def build() -> Models:
        if (failure := failures.pop(0)) is not None:
            raise failure
        return Models()

    made = drafting(build)
    with pytest.raises(OSError, match="disk"):
        await made._loaded()
    assert (await made._loaded()).models == Models()
