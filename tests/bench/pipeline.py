"""How much time the pipeline adds to a model's: `python -m tests.bench.pipeline [--seconds 5] [--jobs 100]`.

The scripted model runs in a process of its own and takes the same time for each call; every job gets a document of its
own. The critical path of a journey without questions is five calls: requirements, intent, plan, document, and the three
of validation at once. Each answer is stored in the service's database before it is used, as the bot does it.
"""

import argparse
import asyncio
import itertools
import multiprocessing
import os
import tempfile
import time
from multiprocessing.connection import Connection
from multiprocessing.sharedctypes import Synchronized
from pathlib import Path

from bot.store.database import open_database
from bot.store.stores import Stores
from pipeline.checkpoints import Answer
from pipeline.journey import Journey, answer
from pipeline.lm import ModelSettings
from pipeline.lm.model import LanguageModel
from pipeline.models import SkillRequest
from pipeline.runtime import Runtime
from pipeline.skills.taxonomy import Taxonomy
from pipeline.workflows.creation import advance
from tests.bench.processor import Samples, sampling
from tests.scripted_author import BODY, Author
from tests.scripted_model import Reply, Request, ScriptedModel, reply_json

BENCHMARK = "what the pipeline adds to the model's time, for one job and for many at once"
CRITICAL_CALLS = 5
TARGETS = {1: 1.05, 100: 1.25}
PARTS = {
    "DSPy": ("/dspy/",),
    "engine": ("/bot/store/", "/sqlalchemy/", "/aiosqlite/", "/selectors.py"),
    "pipeline": (f"{os.sep}pipeline{os.sep}",),
}
"""The engine is the storing of each answer. While the event loop waits, it is the database's threads that compute."""


def serve(pipe: Connection, seconds: "Synchronized[float]") -> None:
    async def run() -> None:
        async with ScriptedModel() as server:
            author = Author(server)
            numbers = itertools.count()

            def its_own(request: Request) -> Reply:
                return reply_json({"document": {"body": f"{BODY}- This is document {next(numbers)}.\n"}})

            author.answers["GenerateSkillContent"] = its_own

            def slowly(request: Request) -> Reply | None:
                reply = author(request)
                server.requests.clear()
                author.forget()
                if reply is None:
                    return None
                length = {"prompt_tokens": len(request.prompt) // 4, "completion_tokens": len(reply.text or "") // 4}
                return Reply(reply.text, delay=seconds.value, **length)

            server.fallback = slowly
            pipe.send(server.base_url)
            while not pipe.poll():
                await asyncio.sleep(0.05)

    asyncio.run(run())


async def journey(model: LanguageModel, stores: Stores, number: int) -> Journey:
    request = SkillRequest(title=f"PDF tables {number}", text="Extract tables.", name="pdf-tables", author="ada")
    world = Runtime(taxonomy=Taxonomy(), model=model, calls=stores.calls(f"1:{number}"))
    done = await advance(Journey(request=request), world)
    done = await advance(answer(done, Answer(kind="approve", by="ada")), world)
    assert done.status == "completed", done.failure
    return done


async def measure(model: LanguageModel, stores: Stores, seconds: float, jobs: int) -> None:
    samples = Samples(PARTS, "the rest")
    with sampling(samples):
        started, cpu = time.perf_counter(), time.process_time()
        done = await asyncio.gather(*(journey(model, stores, 1_000 * jobs + number) for number in range(jobs)))
        wall, used = time.perf_counter() - started, time.process_time() - cpu
    calls = sum(item.usage.calls for item in done)
    tokens = sum(item.usage.prompt_tokens + item.usage.completion_tokens for item in done)
    path = CRITICAL_CALLS * seconds
    target = f" (target {TARGETS[jobs]})" if jobs in TARGETS else ""
    print(f"{jobs} job(s): wall {wall:.2f} s, critical path {path:.2f} s, ratio {wall / path:.3f}{target}")
    each = 1_000 * used / calls
    split = ", ".join(f"{name} {each * samples.share(name):.1f}" for name in (*PARTS, "the rest"))
    print(f"  processor time per module call: {each:.1f} ms, of which {split}")
    print(f"  {calls / jobs:.0f} calls and {tokens / jobs:,.0f} tokens per job (a token is taken as four characters)")


async def compare(base_url: str, delay: "Synchronized[float]", seconds: float, jobs: int, folder: Path) -> None:
    stores = Stores.over(open_database(f"sqlite:///{folder / 'bench.db'}"))
    await stores.migrate()
    settings = ModelSettings(model="openai/scripted", api_base=base_url, concurrency=1_000, timeout_seconds=120)
    model = LanguageModel(settings)
    await journey(model, stores, -1)  # a service has been running for a while
    delay.value = seconds
    for number in (1, jobs):
        await measure(model, stores, seconds, number)
    await model.aclose()
    await stores.database.close()


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--seconds", type=float, default=5.0)
    parser.add_argument("--jobs", type=int, default=100)
    options = parser.parse_args()
    ours, theirs = multiprocessing.Pipe()
    delay = multiprocessing.Value("d", 0.0)
    process = multiprocessing.Process(target=serve, args=(theirs, delay))
    process.start()
    try:
        with tempfile.TemporaryDirectory() as folder:
            asyncio.run(compare(ours.recv(), delay, options.seconds, options.jobs, Path(folder)))
    finally:
        ours.send("stop")
        process.join(5)


if __name__ == "__main__":
    main()
