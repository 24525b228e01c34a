"""A page on this machine: serves one directory's files on 127.0.0.1 until Ctrl-C; opens a browser if there is one.

Answers only GET and HEAD, only for files inside the directory (no listing, no links that lead out), and only if the
request names this machine as its host: another web site cannot read the page through a name of its own.
"""
if not __package__:
    raise SystemExit("run it as a module, from the project's directory: .venv/bin/python -m scripts.viewer.serve")

import os
import socket
import sys
import threading
import webbrowser
from http.server import BaseHTTPRequestHandler, HTTPServer
from socketserver import ThreadingMixIn
from typing import Any, Callable, List, Optional
from urllib.parse import unquote

from ..base import command, place
from ..base.fault import Fault

TYPES = {".html": "text/html; charset=utf-8", ".js": "text/javascript; charset=utf-8",
         ".css": "text/css; charset=utf-8", ".json": "application/json", ".txt": "text/plain; charset=utf-8",
         ".png": "image/png"}
HOSTS = ("127.0.0.1", "localhost")
FIRST_PORT = 8000
SECURITY = {"X-Content-Type-Options": "nosniff", "Referrer-Policy": "no-referrer",
            "Cross-Origin-Resource-Policy": "same-origin", "Cross-Origin-Opener-Policy": "same-origin",
            "Content-Security-Policy": "frame-ancestors 'none'", "Cache-Control": "no-cache"}


class Handler(BaseHTTPRequestHandler):
    """One request.  `self.server.root` is the real path of the directory."""

    protocol_version = "HTTP/1.1"
    server_version, sys_version = "tensorspace-page", ""
    timeout = 30  # a connection that says nothing ends

    def do_GET(self) -> None:
        """Answer with a file."""
        self.answer(body=True)

    def do_HEAD(self) -> None:
        """Answer without the file's bytes."""
        self.answer(body=False)

    def answer(self, body: bool) -> None:
        """Answer a request; `body` tells whether the file's bytes go with the head."""
        host = self.headers.get("Host", "")
        if host not in self.server.hosts:
            return self.refuse(421, f"this server answers to {' and '.join(sorted(self.server.hosts))} only")
        path = self.find(self.path)
        if path is None:
            return self.refuse(404, "there is no such file in this page")
        try:
            stream = open(path, "rb")
        except OSError:
            return self.refuse(404, "this file cannot be read")
        with stream:
            size = os.fstat(stream.fileno()).st_size
            self.head(200, TYPES.get(os.path.splitext(path)[1].lower(), "application/octet-stream"), size)
            if not body:
                return None
            left = size
            while left > 0:
                piece = stream.read(min(left, 1 << 16))
                if not piece:
                    self.close_connection = True  # cut short meanwhile: the browser must not wait for the rest
                    return None
                self.wfile.write(piece)
                left -= len(piece)
        return None

    def find(self, target: str) -> Optional[str]:
        """Return the real path of the file that a request target names inside the directory, or None."""
        path = unquote(target.split("#")[0].split("?")[0])  # no urlsplit: it raises at "//["
        if not target.startswith("/") or "\0" in path or "\\" in path:
            return None
        parts = path.split("/")[1:]
        if parts[-1] == "":
            parts[-1] = "index.html"
        if any(part in ("", ".", "..") or part.startswith(".") for part in parts):
            return None
        found = os.path.realpath(os.path.join(self.server.root, *parts))
        inside = found.startswith(os.path.join(self.server.root, ""))
        return found if inside and os.path.isfile(found) else None

    def head(self, status: int, kind: str, size: int) -> None:
        """Send the status and the headers of every answer."""
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(size))
        for name, value in SECURITY.items():
            self.send_header(name, value)
        if status >= 400:
            self.send_header("Connection", "close")
        self.end_headers()

    def refuse(self, status: int, words: str) -> None:
        """Answer with a status and one line of text, and close the connection."""
        text = (words + "\n").encode("utf-8")
        self.close_connection = True
        self.head(status, "text/plain; charset=utf-8", len(text))
        if self.command != "HEAD":
            self.wfile.write(text)

    def send_error(self, code: int, message: Optional[str] = None, explain: Optional[str] = None) -> None:
        """Every other method and every malformed request ends here: http.server finds no do_POST and so on."""
        if not hasattr(self, "request_version") or not self.request_version:
            self.request_version = "HTTP/1.1"
        self.requestline = getattr(self, "requestline", "")
        self.command = getattr(self, "command", None)
        self.refuse(405 if code == 501 else code,
                    "this server answers GET and HEAD only" if code == 501 else str(message or code))

    def log_message(self, form: str, *values: Any) -> None:
        """Say nothing: the terminal shows the address, and a request's text is not for it."""


class Server(ThreadingMixIn, HTTPServer):
    """A server of one directory on 127.0.0.1, a thread per request."""

    handler = Handler
    daemon_threads = True
    allow_reuse_address = os.name != "nt"  # a port is free at once after Ctrl-C; on Windows it would mean sharing it

    def __init__(self, root: str, port: int) -> None:
        self.root = os.path.realpath(root)
        super().__init__(("127.0.0.1", port), self.handler)
        self.hosts = ({f"{name}:{self.server_port}" for name in HOSTS}
                      | (set(HOSTS) if self.server_port == 80 else set()))

    def handle_error(self, request: Any, address: Any) -> None:
        """Say nothing of a browser that closes its connection; show any other error."""
        if not isinstance(sys.exc_info()[1], (ConnectionError, socket.timeout)):
            super().handle_error(request, address)

    @property
    def address(self) -> str:
        """The URL that the server answers at."""
        return f"http://127.0.0.1:{self.server_port}/"


def listen(directory: str, port: Optional[int] = None) -> Server:
    """Return a Server of `directory`, bound and not yet serving.

    port  0 for any free one, or None: FIRST_PORT or the next free one
    Raises Fault where there is no page or the port is taken.
    """
    if not os.path.isfile(os.path.join(directory, "index.html")):
        raise Fault(f"{directory}: holds no page (no index.html); build it with {place.spelled('viewer.page')}")
    return bound(lambda free: Server(directory, free), port)


def bound(server: Callable[[int], Server], port: Optional[int] = None) -> Server:
    """Return `server(port)` at a port that is free: see `listen`."""
    candidates = list(range(FIRST_PORT, FIRST_PORT + 20)) + [0] if port is None else [port]
    for candidate in candidates:
        try:
            return server(candidate)
        except (OSError, OverflowError) as error:
            reason = error
    why = getattr(reason, "strerror", None) or reason
    raise Fault(f"port {port} cannot be used ({why}); give another one with --port")


def serve(directory: str, port: Optional[int] = None, browser: bool = True) -> None:
    """Serve `directory` until Ctrl-C; print its address and, with `browser`, open it."""
    until_interrupted(listen(directory, port), browser)


def until_interrupted(server: Server, browser: bool = True) -> None:
    """Let a server answer until Ctrl-C; print its address and, with `browser`, open it."""
    try:
        command.say(f"{server.address}  (Ctrl-C ends)")
        if browser and can_open():
            threading.Thread(target=webbrowser.open, args=(server.address,), daemon=True).start()
        server.serve_forever(poll_interval=0.2)
    except KeyboardInterrupt:
        pass  # the wanted end
    except SystemExit as ended:
        if ended.code != command.INTERRUPTED:
            raise
    finally:
        server.server_close()


def can_open() -> bool:
    """Tell whether a browser with a window can be opened: a text browser would take over the terminal."""
    if sys.platform.startswith("linux") and not (os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY")):
        return False
    try:
        webbrowser.get()
    except webbrowser.Error:
        return False
    return True


def main(arguments: List[str]) -> None:
    """Run the command line."""
    parser = command.Parser(module="viewer.serve",
                            description="Serve a page on 127.0.0.1 until Ctrl-C.")
    parser.add_argument("directory", help="what scripts.viewer.page wrote")
    parser.add_argument("--port", type=int, help=f"by default {FIRST_PORT} or the next free one; 0: any")
    parser.add_argument("--no-browser", action="store_true", help="only print the address")
    options = parser.parse_args(arguments)
    serve(options.directory, options.port, not options.no_browser)


if __name__ == "__main__":
    command.run(main)
