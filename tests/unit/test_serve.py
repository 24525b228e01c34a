"""The page's server: its directory's files to this machine's browser, and nothing else to anyone."""
import os
import signal
import socket
import subprocess
import sys

import pytest

from scripts import Fault
from scripts.viewer import serve
from scripts.viewer.chromium import Serving
from tests.needs import ROOT


@pytest.fixture
def site(tmp_path):
    root = tmp_path / "page"
    (root / "model").mkdir(parents=True)
    (root / "index.html").write_text("<p>page</p>")
    (root / "model" / "model.json").write_text("{}")
    (root / "model" / "a b ü.bin").write_bytes(b"\0\1\2")
    (root / ".hidden").write_text("hidden")
    (tmp_path / "secret.txt").write_text("secret")
    (tmp_path / "page-2").mkdir()
    (tmp_path / "page-2" / "secret.txt").write_text("secret")
    (root / "out.txt").symlink_to(tmp_path / "secret.txt")
    (root / "up").symlink_to(tmp_path)
    with Serving(root) as address:
        yield int(address.rsplit(":", 1)[1].strip("/"))


def ask(port, target, method="GET", host=None, version="HTTP/1.1", headers=(), raw=None):
    """Send one request as it stands; return (status, headers, body)."""
    lines = [f"{method} {target} {version}"]
    if host is not False:
        lines.append("Host: " + (host or f"127.0.0.1:{port}"))
    request = raw if raw is not None else \
        ("\r\n".join(lines + list(headers) + ["Connection: close", "", ""])).encode("utf-8")
    with socket.create_connection(("127.0.0.1", port), 10) as connection:
        connection.sendall(request)
        answer = b""
        for piece in iter(lambda: connection.recv(65536), b""):
            answer += piece
    head, _, body = answer.partition(b"\r\n\r\n")
    status, *fields = head.decode("latin-1").split("\r\n")
    return int(status.split()[1]), dict(field.split(": ", 1) for field in fields), body


def test_files_are_served_with_their_types(site):
    for target, kind, content in (("/", "text/html; charset=utf-8", b"<p>page</p>"),
                                  ("/index.html?x=1", "text/html; charset=utf-8", b"<p>page</p>"),
                                  ("/model/model.json", "application/json", b"{}"),
                                  ("/model/a%20b%20%C3%BC.bin", "application/octet-stream", b"\0\1\2")):
        status, headers, body = ask(site, target)
        assert (status, headers["Content-Type"], body) == (200, kind, content)
        assert headers["Content-Length"] == str(len(content)) and headers["X-Content-Type-Options"] == "nosniff"


def test_head_answers_without_the_body(site):
    status, headers, body = ask(site, "/", method="HEAD")
    assert (status, headers["Content-Length"], body) == (200, "11", b"")


@pytest.mark.parametrize("target", [
    "/../secret.txt", "/../../../../etc/passwd", "/model/../../secret.txt", "/%2e%2e/secret.txt", "/..%2fsecret.txt",
    "/%2e%2e%2f%2e%2e%2fetc%2fpasswd", "/..%5csecret.txt", "/..\\secret.txt", "//etc/passwd", "/model/%00",
    "/index.html%00.txt", "/out.txt", "/up/secret.txt", "/up/page-2/secret.txt", "/../page-2/secret.txt", "/.hidden",
    "/%2ehidden", "/model", "/model/", "/no", "*", "http://127.0.0.1/../secret.txt", "/./index.html",
    "/model//model.json",
    "/%c0%ae%c0%ae/secret.txt", "/%252e%252e/secret.txt", "//[", "//[/index.html", "//127.0.0.1/index.html", "/[::1]",
    "/" + "x" * 5000, "/" + "x/" * 3000, "/%ff%fe"])
def test_nothing_outside_the_directory_can_be_read(site, target):
    status, headers, body = ask(site, target)
    assert status in (400, 404)
    assert b"secret" not in body and b"root:" not in body and b"hidden" not in body


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "OPTIONS", "PATCH", "CONNECT", "TRACE", "PROPFIND"])
def test_other_methods_are_refused(site, method):
    status, headers, body = ask(site, "/", method=method, headers=["Content-Length: 0"])
    assert (status, body) == (405, b"this server answers GET and HEAD only\n")


@pytest.mark.parametrize("host", ["evil.example", "evil.example:%d", "127.0.0.1.evil.example:%d", "localhost:1",
                                  "127.0.0.1", "[::1]:%d", "0.0.0.0:%d", False])
def test_other_host_names_are_refused(site, host):
    """A name of another site that resolves to this machine must not reach the page (DNS rebinding)."""
    status, headers, body = ask(site, "/", host=host and (host % site if "%d" in host else host))
    assert status == 421 and b"page" not in body


def test_localhost_is_this_machine_too(site):
    assert ask(site, "/", host=f"localhost:{site}")[0] == 200


@pytest.mark.parametrize("raw", [b"\r\n\r\n", b"GET\r\n\r\n", b"GET / HTTP/9.9\r\n\r\n",
                                 b"\x16\x03\x01\x00\xa5\x01\x00\r\n\r\n", b"GET " + b"/" * 70000 + b" HTTP/1.1\r\n\r\n",
                                 b"GET / HTTP/1.1\r\n" + b"A: b\r\n" * 200 + b"\r\n"])
def test_malformed_requests_end_without_a_file_and_the_server_lives_on(site, raw):
    with socket.create_connection(("127.0.0.1", site), 10) as connection:
        connection.sendall(raw)
        connection.shutdown(socket.SHUT_WR)
        answer = b""
        try:
            for piece in iter(lambda: connection.recv(65536), b""):
                answer += piece
        except ConnectionError:
            pass  # the server closed before it had read all of a long line
    assert b"<p>page</p>" not in answer
    assert ask(site, "/")[0] == 200


def test_it_listens_on_this_machine_only(site):
    with open("/proc/net/tcp") as stream:
        listening = [line.split()[1] for line in stream if line.split()[3] == "0A"]
    assert f"0100007F:{site:04X}" in listening
    assert f"00000000:{site:04X}" not in listening


def test_a_directory_without_a_page_and_a_port_that_is_taken_are_faults(tmp_path, site):
    with pytest.raises(Fault, match="holds no page"):
        serve.listen(str(tmp_path))
    (tmp_path / "index.html").write_text("")
    with pytest.raises(Fault, match=f"port {site} cannot be used .*--port$"):
        serve.listen(str(tmp_path), site)
    with pytest.raises(Fault, match="port 99999 cannot be used"):
        serve.listen(str(tmp_path), 99999)


def test_without_a_wish_the_next_free_port_is_taken(tmp_path):
    (tmp_path / "index.html").write_text("")
    first, second = serve.listen(str(tmp_path)), serve.listen(str(tmp_path))
    try:
        assert first.server_port != second.server_port
    finally:
        first.server_close()
        second.server_close()


def test_a_port_is_free_again_as_soon_as_its_server_ends(tmp_path):
    (tmp_path / "index.html").write_text("<p>page</p>")
    with Serving(tmp_path) as address:
        port = int(address.rsplit(":", 1)[1].strip("/"))
        assert ask(port, "/")[0] == 200  # the server closes first: its end of the connection lingers
    serve.listen(str(tmp_path), port).server_close()


def test_no_browser_is_opened_where_nobody_could_see_it(monkeypatch):
    monkeypatch.delenv("DISPLAY", raising=False)
    monkeypatch.delenv("WAYLAND_DISPLAY", raising=False)
    assert not serve.can_open()


@pytest.mark.parametrize("sent, status", [(signal.SIGINT, 0), (signal.SIGTERM, 143)])
def test_the_command_prints_its_address_and_ends_quietly(tmp_path, sent, status):
    (tmp_path / "index.html").write_text("<p>page</p>")
    process = subprocess.Popen([sys.executable, "-m", "scripts.viewer.serve", str(tmp_path), "--port", "0",
                                "--no-browser"], cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                               env=dict(os.environ, PYTHONUNBUFFERED="1"))
    line = process.stdout.readline().decode()
    assert line.startswith("http://127.0.0.1:") and line.endswith("(Ctrl-C ends)\n")
    assert ask(int(line.split(":")[2].split("/")[0]), "/")[2] == b"<p>page</p>"
    process.send_signal(sent)
    out, err = process.communicate(timeout=20)
    assert (process.returncode, out, err) == (status, b"", b"")
