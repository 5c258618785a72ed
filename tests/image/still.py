"""The image at rest: what is in it, what is not, who it runs as, and what it says when it cannot start."""

import json

from tests.dockerfile import read
from tests.image.engine import IMAGE, Engine
from tests.image.report import Report, WrongError, expect

LIMIT = 350_000_000
CONFINED = (
    *("run", "--rm", "--network", "none", "--read-only", "--tmpfs", "/tmp", "--cap-drop", "ALL"),
    *("--security-opt", "no-new-privileges"),
)
UNWANTED = {
    "compilers and build tools": ["gcc", "cc", "g++", "c++", "clang", "make", "cmake", "rustc", "cargo", "ld", "as"],
    "tools that fetch": ["git", "curl", "wget", "ssh", "nc"],
}
LEFT_OVER = """
import os, sys
found = []
for top, folders, files in os.walk("/"):
    if top == "/":
        folders[:] = [each for each in folders if each not in ("proc", "sys", "dev")]
    if top in ("/build", "/root/.cache", "/tmp/pip") or (top.startswith("/opt") and top.endswith("site-packages/pip")):
        found.append(top)
    found += [os.path.join(top, each) for each in files if each.endswith(".whl") and "ensurepip" not in top]
    if top.startswith("/var/lib/apt/lists") or top.startswith("/var/cache/apt"):
        found += [os.path.join(top, each) for each in files if each not in ("lock",)]
print("\\n".join(found))
"""
WRITABLE = """
import os
mine = ("/data", "/tmp", "/var/tmp", "/run/lock", "/proc", "/sys", "/dev")
for top, folders, files in os.walk("/"):
    folders[:] = [each for each in folders if not os.path.join(top, each).startswith(mine)]
    for each in [*folders, *files]:
        path = os.path.join(top, each)
        if not os.path.islink(path) and os.access(path, os.W_OK):
            print(path)
"""
SIZES = """
import json, os
seen, ours, rest = set(), 0, 0
for top, folders, files in os.walk("/"):
    if top == "/":
        folders[:] = [each for each in folders if each not in ("proc", "sys", "dev")]
    for each in files:
        found = os.lstat(os.path.join(top, each))
        if found.st_ino not in seen:
            seen.add(found.st_ino)
            if top.startswith("/opt/skill-fleet"):
                ours += found.st_size
            else:
                rest += found.st_size
print(json.dumps([ours, rest]))
"""
CONFINEMENT = """
import json, os
status = dict(line.split(":", 1) for line in open("/proc/self/status").read().splitlines())
refused = []
for path in ("/x", "/opt/skill-fleet/x", "/etc/x", "/usr/x"):
    try:
        open(path, "w")
    except OSError as error:
        refused.append(error.errno)
open("/tmp/x", "w").close()
print(json.dumps({"uid": os.getuid(), "gid": os.getgid(), "groups": os.getgroups(), "refused": refused,
                  "capabilities": int(status["CapEff"], 16), "new privileges": 1 - int(status["NoNewPrivs"])}))
"""


async def examine(engine: Engine, report: Report) -> None:
    _, service = read()
    image = await engine.inspect(IMAGE, "image")
    config = image["Config"]

    async def python(code: str, *words: str) -> str:
        return (await engine.run(*CONFINED, *words, "--entrypoint", "python", IMAGE, "-c", code)).out.strip()

    async def settings() -> str:
        expect(config["User"], service.only("USER").rest, "user")
        expect(config["WorkingDir"], "/data", "folder")
        expect(list(config["Volumes"]), ["/data"], "volumes")
        expect(list(config["ExposedPorts"]), ["8080/tcp"], "ports")
        expect(config["StopSignal"] in ("SIGTERM", "15"), True, f"stop signal {config['StopSignal']}")
        expect((config["Entrypoint"], config["Cmd"]), (["skill-fleet"], ["serve"]), "command")
        probe = config.get("Healthcheck") or image["Healthcheck"]  # where docker has it, where podman has it
        expect(probe["Test"], ["CMD", *(service.only("HEALTHCHECK").exec_form or [])], "health check")
        interval = service.only("HEALTHCHECK").options["interval"]
        expect(f"{probe['Interval'] // 10**9}s", interval, "time between health checks")
        return f"user {config['User']}"

    async def labels() -> str:
        given = {name.rpartition(".")[2]: value for name, value in config["Labels"].items()}
        expect(given["revision"], "image-run", "the revision given by --build-arg")
        missing = {"title", "description", "licenses", "version", "name"} - set(given)
        expect(missing, set(), "labels that are missing")
        version = (await engine.run(*CONFINED, IMAGE, "--version")).out.split()[-1]
        expect(given["version"], version, "the label's version beside that of --version")
        return f"version {version}"

    async def size() -> str:
        """Of the files: what an engine says depends on how it stores layers, and whether it kept the base."""
        words = ("run", "--rm", "--network", "none", "--user", "0", "--entrypoint", "python", IMAGE, "-c", SIZES)
        ours, rest = json.loads((await engine.run(*words)).out)
        figure = f"{(ours + rest) / 1e6:.0f} MB, of these {rest / 1e6:.0f} the base and {ours / 1e6:.0f} ours"
        if ours + rest >= LIMIT:
            raise WrongError(f"{figure}; the limit is {LIMIT / 1e6:.0f}")
        return figure

    async def confined() -> str:
        found = json.loads(await python(CONFINEMENT))
        wanted = {"uid": 10001, "gid": 10001, "refused": [30] * 4, "capabilities": 0, "new privileges": 0}
        expect({name: found[name] for name in wanted}, wanted, "inside")
        expect(set(found["groups"]) <= {10001}, True, f"groups {found['groups']}")
        return "uid 10001, no capabilities, read-only"

    async def writable() -> None:
        words = ("run", "--rm", "--network", "none", "--entrypoint", "python", IMAGE, "-c", WRITABLE)
        expect((await engine.run(*words)).out.split(), [], "writable for the service's user")

    async def unwanted() -> None:
        code = "import json, shutil, sys; print(json.dumps([w for w in sys.argv[1:] if shutil.which(w)]))"
        words = [word for group in UNWANTED.values() for word in group]
        out = await engine.run(*CONFINED, "--entrypoint", "python", IMAGE, "-c", code, *words)
        expect(json.loads(out.out), [], "programs that are there")

    async def left_over() -> None:
        words = ("run", "--rm", "--network", "none", "--user", "0", "--entrypoint", "python", IMAGE, "-c", LEFT_OVER)
        expect((await engine.run(*words)).out.split(), [], "left over from the build")

    async def compiled() -> str:
        code = (
            "import pathlib, sys; root = pathlib.Path('/opt/skill-fleet/lib'); "
            "cached = sum(1 for _ in root.rglob('*.pyc')); print(sum(1 for _ in root.rglob('*.py')), cached)"
        )
        sources, cached = map(int, (await python(code)).split())
        if cached < 0.9 * sources:
            raise WrongError(
                f"{cached} of {sources} modules are compiled; a read-only start compiles the rest every time"
            )
        return f"{cached} of {sources}"

    async def sqlite() -> str:
        found = await python("import sqlite3, sys; print(sqlite3.sqlite_version, sys.version.split()[0])")
        version = found.split()[0]
        if tuple(map(int, version.split("."))) < (3, 42):
            raise WrongError(f"SQLite {version} is too old")
        return f"SQLite {version}, Python {found.split()[1]}"

    async def imports() -> None:
        await python("import bot.app, bot.doctor.command, pipeline.workflows.creation, pipeline.lm.ping, dspy, psycopg")
        await engine.run(*CONFINED, IMAGE, "validate", "--help")

    async def refusal() -> None:
        answer = await engine.run(*CONFINED, IMAGE, "serve", check=False)
        expect(answer.status, 2, "exit status without a webhook secret")
        expect("SKILL_FLEET_WEBHOOK_SECRET" in answer.err, True, f"the reason is named in {answer.err[-300:]!r}")

    for sentence, work in (
        ("the image has the Dockerfile's user, volume, port, signal, command and health check", settings),
        ("its labels say what it is", labels),
        ("it is smaller than 350 MB", size),
        ("it runs confined: no root, no capability, nothing written outside /data and /tmp", confined),
        ("its user may write nowhere else even where the root file system is not read-only", writable),
        ("it has no compiler and no tool that fetches", unwanted),
        ("the build left no pip, wheel, cache or package list behind", left_over),
        ("its modules are compiled", compiled),
        ("its SQLite is new enough", sqlite),
        ("what the service needs can be imported", imports),
        ("without a webhook secret it refuses to start and says so", refusal),
    ):
        await report.check(sentence, work)
