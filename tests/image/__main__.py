"""`make image-run`: build the image, run it, judge it. ENGINE, BASE, POSTGRES, PROXY, PARTS, KEEP=1.

Exit 0 when all is well, 1 when a check failed, 2 when there is no engine.
"""

import argparse
import asyncio
import os
import sys
import tempfile
from pathlib import Path

from tests.dockerfile import PATH
from tests.image.alone import live
from tests.image.base import rebased
from tests.image.composed import one, three
from tests.image.engine import IMAGE, Engine, EngineError, find
from tests.image.report import Report
from tests.image.still import examine

PARTS = ("still", "alone", "compose", "postgres")


def main() -> int:
    parser = argparse.ArgumentParser(prog="make image-run")
    given = os.environ.get
    parser.add_argument(
        "--engine", default=given("ENGINE") or "", help="docker or podman (default: the one that answers)"
    )
    parser.add_argument("--base", default=given("BASE") or "", help="an image to stand in for the pinned Python")
    parser.add_argument("--postgres", default=given("POSTGRES") or "", help="an image to stand in for PostgreSQL")
    parser.add_argument("--proxy", default=given("PROXY") or "", help="an image to stand in for nginx")
    parser.add_argument("--parts", default=given("PARTS") or " ".join(PARTS), help="which of: %(default)s")
    parser.add_argument("--keep", action="store_true", default=bool(given("KEEP")), help="leave the image")
    arguments = parser.parse_args()
    parts = arguments.parts.replace(",", " ").split()
    if unknown := set(parts) - set(PARTS):
        parser.error(f"PARTS: {', '.join(sorted(unknown))} is none of {', '.join(PARTS)}")
    try:
        return asyncio.run(_run(arguments, parts))
    except EngineError as error:
        print(f"make image-run: {error}", file=sys.stderr)
        return 2


async def _run(arguments: argparse.Namespace, parts: list[str]) -> int:
    engine, report = await find(arguments.engine), Report()
    await engine.sweep(image=False)
    folder = Path(tempfile.mkdtemp(prefix="skill-fleet-image-"))
    print(f"{Path(engine.program).name}; logs: {folder}")
    report.title(f"The image, on {arguments.base or 'the base that the Dockerfile pins'}")
    try:
        if await report.check("it is built from the Dockerfile", lambda: _build(engine, folder, arguments.base)):
            if "still" in parts:
                await examine(engine, report)
            if "alone" in parts:
                report.title("One container on SQLite")
                await live(engine, folder / "alone", report)
            if "compose" in parts:
                report.title("docs/deploy/compose.yaml")
                await one(engine, folder / "compose", report)
            if "postgres" in parts:
                stand_ins = {"postgres": arguments.postgres, "proxy": arguments.proxy}
                report.title(
                    "docs/deploy/compose.postgres.yaml"
                    + "".join(f", {image} for {name}" for name, image in stand_ins.items() if image)
                )
                await three(engine, folder / "postgres", stand_ins, report)
    finally:
        await engine.sweep(image=not arguments.keep)
    print(f"\n{report.line()}")
    return 1 if report.failed else 0


async def _build(engine: Engine, folder: Path, base: str) -> str:
    dockerfile = folder / "Dockerfile"
    dockerfile.write_text(rebased(base))
    await engine.build(dockerfile, PATH.parent, {"REVISION": "image-run"})
    return IMAGE


if __name__ == "__main__":
    sys.exit(main())
