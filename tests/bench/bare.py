"""The yardstick for intake: bare aiohttp and sqlite3, one signature, JSON parsed, grouped inserts, nothing else.

It answers no duplicates, filters nothing and has no engine behind it: the least that could be called durable.
"""

import asyncio
import hashlib
import hmac
import json
import os
import sqlite3
from concurrent.futures import ThreadPoolExecutor

from aiohttp import web

SECRET = os.environ["SKILL_FLEET_WEBHOOK_SECRET"].encode()
PATH = os.environ["SKILL_FLEET_DATABASE_URL"].removeprefix("sqlite:///")
waiting: list[tuple[str, bytes, asyncio.Future[None]]] = []
writing = False
writer = ThreadPoolExecutor(1)


def connect() -> sqlite3.Connection:
    connection = sqlite3.connect(PATH, check_same_thread=False, isolation_level=None)
    connection.execute("PRAGMA journal_mode=WAL")
    connection.execute("PRAGMA synchronous=FULL")
    connection.execute("CREATE TABLE inbox (id INTEGER PRIMARY KEY, delivery TEXT UNIQUE, body BLOB)")
    return connection


database = connect()


def insert(rows: list[tuple[str, bytes]]) -> None:
    database.execute("BEGIN IMMEDIATE")
    database.executemany("INSERT OR IGNORE INTO inbox (delivery, body) VALUES (?, ?)", rows)
    database.execute("COMMIT")


async def write() -> None:
    global waiting, writing
    writing = True
    while waiting:
        batch, waiting = waiting, []
        await asyncio.get_running_loop().run_in_executor(writer, insert, [(key, body) for key, body, _ in batch])
        for *_, future in batch:
            future.set_result(None)
    writing = False


async def hook(request: web.Request) -> web.Response:
    digest = hmac.new(SECRET, digestmod=hashlib.sha256)
    pieces = []
    async for piece in request.content.iter_any():
        digest.update(piece)
        pieces.append(piece)
    if not hmac.compare_digest("sha256=" + digest.hexdigest(), request.headers["X-Hub-Signature-256"]):
        return web.Response(status=401)
    body = b"".join(pieces)
    json.loads(body)
    future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
    waiting.append((request.headers["X-GitHub-Delivery"], body, future))
    if not writing:
        asyncio.ensure_future(write())  # noqa: RUF006 - ends by itself
    await future
    return web.Response(status=202)


async def ready(request: web.Request) -> web.Response:
    return web.Response()


if __name__ == "__main__":
    app = web.Application(client_max_size=2**25)
    app.add_routes([web.post("/webhook", hook), web.get("/readyz", ready)])
    web.run_app(app, host="127.0.0.1", port=int(os.environ["SKILL_FLEET_PORT"]), print=None, access_log=None)
