"""How much time the pipeline adds to a model's: `python -m tests.bench.pipeline [--seconds 5] [--jobs 100]`.

The scripted model runs in a process of its own and takes the same time for each call. The critical path of a journey
without questions is five calls: requirements, intent, plan, document, and the three of validation at once.
"""

import argparse
import asyncio
import multiprocessing
import time
from multiprocessing.connection import Connection

from pipeline.checkpoints import Answer
from pipeline.journey import Journey, answer
from pipeline.lm import ModelSettings
from pipeline.lm.model import LanguageModel
from pipeline.models import SkillRequest
from pipeline.runtime import MemoryCallStore, Runtime
from pipeline.skills.taxonomy import Taxonomy
from pipeline.workflows.creation import advance
from tests.scripted_author import Author
from tests.scripted_model import Reply, Request, ScriptedModel

BENCHMARK = "what the pipeline adds to the model's time, for one job and for many at once"
CRITICAL_CALLS = 5


def serve(pipe: Connection, seconds: float) -> None:
    async def run() -> None:
        async with ScriptedModel() as server:
            author = Author(server)

            def slowly(request: Request) -> Reply | None:
                reply = author(request)
                server.requests.clear()
                return None if reply is None else Reply(reply.text, delay=seconds)

            server.fallback = slowly
            pipe.send(server.base_url)
            while not pipe.poll():
                await asyncio.sleep(0.05)

    asyncio.run(run())


async def journey(model: LanguageModel, number: int) -> Journey:
    request = SkillRequest(title=f"PDF tables {number}", text="Extract tables.", name="pdf-tables", author="ada")
    world = Runtime(taxonomy=Taxonomy(), model=model, calls=MemoryCallStore())
    done = await advance(Journey(request=request), world)
    done = await advance(answer(done, Answer(kind="approve", by="ada")), world)
    assert done.status == "completed", done.failure
    return done


async def measure(base_url: str, seconds: float, jobs: int) -> None:
    model = LanguageModel(
        ModelSettings(model="openai/scripted", api_base=base_url, concurrency=1_000, timeout_seconds=120)
    )
    await journey(model, -1) if seconds < 1 else None
    started, cpu = time.perf_counter(), time.process_time()
    done = await asyncio.gather(*(journey(model, number) for number in range(jobs)))
    wall, used = time.perf_counter() - started, time.process_time() - cpu
    calls = sum(item.usage.calls for item in done)
    tokens = sum(item.usage.prompt_tokens + item.usage.completion_tokens for item in done)
    path = CRITICAL_CALLS * seconds
    print(
        f"{jobs} job(s): wall {wall:.2f} s, critical path {path:.2f} s, ratio {wall / path:.3f}; "
        f"CPU {1000 * used / calls:.1f} ms per call; {calls} calls, {tokens / jobs:.0f} tokens per job"
    )
    await model.aclose()


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--seconds", type=float, default=5.0)
    parser.add_argument("--jobs", type=int, default=100)
    options = parser.parse_args()
    ours, theirs = multiprocessing.Pipe()
    process = multiprocessing.Process(target=serve, args=(theirs, options.seconds))
    process.start()
    try:
        base_url = ours.recv()
        asyncio.run(measure(base_url, options.seconds, 1))
        asyncio.run(measure(base_url, options.seconds, options.jobs))
    finally:
        ours.send("stop")
        process.join(5)


if __name__ == "__main__":
    main()
