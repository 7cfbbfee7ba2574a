"""A web server on this machine that behaves badly on purpose: breaks off, ignores ranges, answers errors."""

import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


@dataclass
class Web:
    """What is served, how badly, and what was asked."""

    content: bytes
    break_after: list[int] = field(default_factory=list)  # bytes sent by each of the first answers
    answers: list[int] = field(default_factory=list)  # statuses of the first answers; 200 or 206 after them
    knows_ranges: bool = True
    asked: list[str | None] = field(default_factory=list)  # the Range header of each request
    agents: list[str] = field(default_factory=list)
    address: str = ""


@contextmanager
def serve(web: Web) -> Iterator[Web]:
    """Serve until the block ends."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            if self.path == "/moved":
                self.send_response(302)
                self.send_header("Location", "/archive")
                self.send_header("Content-Length", "0")
                self.end_headers()
                return
            _answer(self, web)

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    web.address = f"http://127.0.0.1:{server.server_address[1]}"
    try:
        yield web
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def _answer(handler: BaseHTTPRequestHandler, web: Web) -> None:
    asked = handler.headers.get("Range")
    web.asked.append(asked)
    web.agents.append(handler.headers.get("User-Agent", ""))
    status = web.answers.pop(0) if web.answers else 200
    if status != 200:
        handler.send_response(status)
        handler.send_header("Content-Length", "0")
        handler.end_headers()
        return
    start = 0
    if asked is not None and web.knows_ranges:
        start = int(re.fullmatch(r"bytes=(\d+)-", asked)[1])  # type: ignore[index] # the client's own form
        if start >= len(web.content):
            handler.send_response(416)
            handler.send_header("Content-Range", f"bytes */{len(web.content)}")
            handler.send_header("Content-Length", "0")
            handler.end_headers()
            return
        handler.send_response(206)
        handler.send_header("Content-Range", f"bytes {start}-{len(web.content) - 1}/{len(web.content)}")
    else:
        handler.send_response(200)
    body = web.content[start:]
    handler.send_header("Content-Length", str(len(body)))
    handler.end_headers()
    sent = web.break_after.pop(0) if web.break_after else len(body)
    handler.wfile.write(body[:sent])
    handler.close_connection = True
