"""``python -m benchmarks.bare PORT FOLDER``: the least a service of this kind does, to measure the whole one against.

One process: it reads an upload, decodes and prepares it, runs the graph for at most four at once, commits a row to
SQLite with a flush (many rows share one), and answers. No original is kept, nobody is asked who they are, nothing is
logged, counted, queued, retried or shown.
"""

import asyncio
import sqlite3
import sys
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from queue import Empty, SimpleQueue
from typing import TypeVar

from benchmarks.limits import BATCH, cores, open_model
from lingula.modelpackage.preprocessing import prepare
from lingula.radiology.reading import read_radiograph
from lingula.triage.infer import Model

_Thing = TypeVar("_Thing")
_MOST_ROWS = 256  # of one commit


@dataclass(frozen=True, slots=True)
class _Upload:
    data: bytes
    answer: "asyncio.Future[float]"


@dataclass(frozen=True, slots=True)
class _Row:
    upload: _Upload
    probability: float


def _some(waiting: "SimpleQueue[_Thing]", at_most: int) -> list[_Thing]:
    """Wait for one and take what else is there."""
    taken = [waiting.get()]
    try:
        while len(taken) < at_most:
            taken.append(waiting.get_nowait())
    except Empty:
        pass
    return taken


def _work(model: Model, uploads: "SimpleQueue[_Upload]", rows: "SimpleQueue[_Row]") -> None:
    preprocessing = model.manifest.preprocessing
    while True:
        some = _some(uploads, BATCH)
        read = (read_radiograph(one.data, at_least=preprocessing.decode_at_least) for one in some)
        inferred = model.infer([prepare(one, preprocessing) for one in read])
        for upload, inference in zip(some, inferred, strict=True):
            rows.put(_Row(upload, inference.probability))


def _commit(path: Path, rows: "SimpleQueue[_Row]", loop: asyncio.AbstractEventLoop) -> None:
    connection = sqlite3.connect(path, isolation_level=None)
    connection.execute("PRAGMA journal_mode=WAL")
    connection.execute("PRAGMA synchronous=FULL")
    connection.execute("CREATE TABLE results (id INTEGER PRIMARY KEY, probability REAL NOT NULL)")
    while True:
        some = _some(rows, _MOST_ROWS)
        connection.execute("BEGIN")
        connection.executemany("INSERT INTO results (probability) VALUES (?)", [(row.probability,) for row in some])
        connection.execute("COMMIT")
        loop.call_soon_threadsafe(_tell, some)


def _tell(rows: Sequence[_Row]) -> None:
    for row in rows:
        if not row.upload.answer.done():
            row.upload.answer.set_result(row.probability)


async def _answer(uploads: "SimpleQueue[_Upload]", reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Answer one connection until it ends."""
    loop = asyncio.get_running_loop()
    try:
        while True:
            head = await reader.readuntil(b"\r\n\r\n")
            length = int(head.lower().split(b"content-length:")[1].split(b"\r\n")[0])
            upload = _Upload(await reader.readexactly(length), loop.create_future())
            uploads.put(upload)
            body = f'{{"probability":{await upload.answer:.6f}}}'.encode()
            writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n%s" % (len(body), body))
    except (asyncio.IncompleteReadError, ConnectionError):
        writer.close()


async def _serve(port: int, folder: Path) -> None:
    model = open_model()
    uploads: SimpleQueue[_Upload] = SimpleQueue()
    rows: SimpleQueue[_Row] = SimpleQueue()
    works = [partial(_work, model, uploads, rows) for _ in range(cores())]
    for run in (*works, partial(_commit, folder / "bare.sqlite", rows, asyncio.get_running_loop())):
        threading.Thread(target=run, daemon=True).start()
    server = await asyncio.start_server(partial(_answer, uploads), "127.0.0.1", port, limit=2**20)
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(_serve(int(sys.argv[1]), Path(sys.argv[2])))
