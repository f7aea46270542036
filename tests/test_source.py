"""Files and web addresses: what is read, what is refused, and in which words. Servers are on 127.0.0.1 only."""

from __future__ import annotations

import http.server
import os
import socket
import threading
import time

import pytest

from timeglass import DataError
from timeglass.read import source
from timeglass.read.reading import read_series
from timeglass.read.source import is_address, read_bytes

CSV = b"Month,Sunspots\n1749-01,58.0\n1749-02,62.6\n"
SECRET = "s3cr3t"


class _Answers(http.server.BaseHTTPRequestHandler):
    """/data.csv is CSV; /to/URL redirects there; /hops/N does so N times; the others go wrong in their own way."""

    def log_message(self, *words):
        pass

    def _answer(self, status: int, body: bytes = b"", reason: str | None = None, **headers: str) -> None:
        self.send_response(status, reason)
        for name, value in {"Content_Length": str(len(body)), **headers}.items():
            self.send_header(name.replace("_", "-"), value)
        self.end_headers()
        self.wfile.write(body)

    def do_GET(self):
        path = self.path
        if path.startswith("/to/"):
            self._answer(302, Location=path.removeprefix("/to/"))
        elif path.startswith("/with-secret/"):
            self._answer(302, Location=f"{path.removeprefix('/with-secret/')}://name:{SECRET}@timeglass.invalid/")
        elif path.startswith("/hops/"):
            left = int(path.removeprefix("/hops/")) - 1
            self._answer(302, Location=f"/hops/{left}" if left else "/data.csv")
        elif path == "/data.csv":
            self._answer(200, CSV)
        elif path == "/escape":
            self._answer(404, reason="\x1b[31mGone\x07")
        elif path == "/cut":
            self._answer(200, CSV, Content_Length="1000")
        elif path == "/cut-chunk":
            self._answer(200, b"5\r\nMonth\r\n9\r\n,Sun", Transfer_Encoding="chunked")
        elif path == "/nonsense":
            self.wfile.write(b"this is not HTTP\r\n\r\n")
        elif path == "/long-header":
            self.wfile.write(b"HTTP/1.1 200 OK\r\nX: " + b"x" * 70_000 + b"\r\n\r\n")
        elif path == "/drip":
            self._drip()
        else:
            self._answer(404)

    def _drip(self) -> None:
        self.send_response(200)
        self.send_header("Content-Length", "1000")
        self.end_headers()
        try:
            for _ in range(60):
                self.wfile.write(b"x")
                time.sleep(0.05)
        except OSError:
            pass  # the reader has gone, as it should


@pytest.fixture(scope="module")
def server():
    """The address of a server on this machine."""
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), _Answers) as serving:
        thread = threading.Thread(target=serving.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        yield f"http://127.0.0.1:{serving.server_port}"
        serving.shutdown()
        thread.join()


@pytest.fixture(autouse=True)
def _no_proxy(monkeypatch):
    monkeypatch.setenv("no_proxy", "*")


def refusal(where: str, *, private: bool = True) -> str:
    """The message with which it is refused: one line, no control characters."""
    with pytest.raises(DataError) as caught:
        read_bytes(where, private=private)
    message = str(caught.value)
    assert message.isprintable()
    return message


# ---- addresses


def test_is_address():
    assert all(map(is_address, ["http://a/b", "https://a", "file:///etc/passwd", "://"]))
    assert not any(map(is_address, ["data.csv", "/tmp/http:/data.csv", r"C:\data.csv", ""]))


def test_bytes_and_a_series_from_an_address(server):
    assert read_bytes(f"{server}/data.csv", private=True) == (CSV, f"{server}/data.csv")
    series = read_series(f"{server}/data.csv", private=True)
    assert series.values.tolist() == [58.0, 62.6]
    assert series.source == f"{server}/data.csv"


def test_this_machine_is_refused_unless_asked_for(server):
    assert refusal(f"{server}/data.csv", private=False) == (
        f"{server}/data.csv leads to 127.0.0.1, on this machine or a private network: "
        "use --allow-private-address if you mean that"
    )


@pytest.mark.parametrize(
    "host",
    [
        "localhost", "127.1.2.3", "0.0.0.0", "[::1]", "[::]", "10.0.0.1", "172.16.0.1", "169.254.169.254", "100.64.0.1",
        "[fe80::1]", "[fd00::1]", "[::ffff:127.0.0.1]", "[::ffff:10.0.0.1]", "2130706433", "0x7f000001",
    ],
)  # fmt: skip
def test_private_addresses_in_every_spelling(host):
    message = refusal(f"http://{host}:9/data.csv", private=False)
    assert "on this machine or a private network: use --allow-private-address" in message


def test_a_name_that_leads_to_a_private_address_is_refused(monkeypatch):
    def lookup(host, port, *rest, **more):
        return [
            (socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, port)) for address in ("93.184.216.34", "10.1.2.3")
        ]

    monkeypatch.setattr(socket, "getaddrinfo", lookup)
    assert "http://example.com/x leads to 10.1.2.3" in refusal("http://example.com/x", private=False)


def test_a_name_that_changes_its_address_after_the_check_is_refused(server, monkeypatch):
    """DNS rebinding: the look-up for the check says a public address, the one for the connection says this machine."""
    port = int(server.rpartition(":")[2])
    answers = iter(["93.184.216.34"])

    def lookup(host, *rest, **more):
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (next(answers, "127.0.0.1"), port))]

    monkeypatch.setattr(socket, "getaddrinfo", lookup)
    assert "127.0.0.1" in refusal(f"http://example.com:{port}/data.csv", private=False)


@pytest.mark.parametrize("hops", [1, 5])
def test_up_to_five_redirects(server, hops):
    assert read_bytes(f"{server}/hops/{hops}", private=True) == (CSV, f"{server}/data.csv")


def test_a_sixth_redirect_is_refused(server):
    message = refusal(f"{server}/hops/6")
    assert f"{server}/hops/6" in message
    assert "redirect" in message


@pytest.mark.parametrize("target", ["ftp://127.0.0.1/data.csv", "file:///etc/passwd", "gopher://x/", "data:,1"])
def test_a_redirect_to_another_kind_of_address_is_refused(server, target):
    message = refusal(f"{server}/to/{target}")
    assert target in message
    assert message.count("check the address") <= 1


def test_a_redirect_to_a_private_address_is_refused(server, monkeypatch):
    """From an address that passes to one that does not: each is looked up and checked."""
    port = int(server.rpartition(":")[2])
    asked = []

    def global_first(self):
        asked.append(str(self))
        return str(self) != "127.0.0.2"

    monkeypatch.setattr("ipaddress.IPv4Address.is_global", property(global_first))
    message = refusal(f"{server}/to/http://127.0.0.2:{port}/data.csv", private=False)
    assert "127.0.0.1" in asked
    assert f"http://127.0.0.2:{port}/data.csv leads to 127.0.0.2" in message
    assert "cannot be reached" not in message


def test_what_cannot_be_found(server):
    assert refusal(f"{server}/none.csv") == f"{server}/none.csv answered 404 Not Found: check the address"


def test_unknown_host():
    message = refusal("http://timeglass.invalid/data.csv", private=False)
    assert message.startswith("http://timeglass.invalid/data.csv cannot be reached: ")
    assert message.endswith("; check the address and the connection, or download it and give its path")


def test_refused_connection():
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        address = f"http://127.0.0.1:{free.getsockname()[1]}/data.csv"
        message = refusal(address)
    assert message.startswith(f"{address} cannot be reached: Connection refused; check")


@pytest.mark.parametrize(
    "address",
    [
        "ftp://example.com/data.csv", "file:///etc/passwd", "file://localhost/etc/passwd", "gopher://x", "data://x",
        "javascript://x", "x://y", "://", "http://", "https:///data.csv",
    ],
)  # fmt: skip
def test_only_http_and_https(address):
    assert refusal(address, private=False) == f"{address}: expected an http or https address, or a file's path"


@pytest.mark.parametrize(
    "address",
    [
        "http://[::1", "http://127.0.0.1:99999/", "http://127.0.0.1:port/", "http://a..b/", f"http://{'a' * 300}.com/",
        "http://127.0.0.1:9/a b", "http://127.0.0.1:9/a\nb", "http://127.0.0.1:9/\x1b[31m", "http://127.0.0.1:9/größe",
        "http://127.0.0.1:9/?\udcff", "http://\u202e/",
    ],
)  # fmt: skip
def test_malformed_addresses(address):
    assert refusal(address).startswith("http://")


@pytest.mark.parametrize("path", ["/nonsense", "/cut", "/cut-chunk", "/long-header"])
def test_answers_that_are_damaged_or_cut_short(server, path):
    assert refusal(server + path).startswith(f"{server}{path} ")


def test_a_servers_own_words_cannot_reach_the_terminal(server):
    assert "answered 404" in refusal(f"{server}/escape")


@pytest.mark.parametrize(
    "place",
    ["a:s3cr3t@x.invalid", "s3cr3t@x.invalid", "a:b@s3cr3t@x.in", "a:s3cr3t@x:x", "a:s3cr3t@[::1", "s3cr3t@"],
)  # fmt: skip
@pytest.mark.parametrize("scheme", ["http", "https", "ftp"])
@pytest.mark.parametrize("private", [False, True])
def test_credentials_are_never_shown(scheme, place, private):
    assert SECRET not in refusal(f"{scheme}://{place}/data.csv", private=private)


@pytest.mark.parametrize("path", ["/data.csv", "/none.csv", "/hops/2", "/hops/9"])
def test_credentials_are_neither_shown_nor_looked_up(server, path, monkeypatch):
    looked_up = []
    lookup = socket.getaddrinfo

    def watched(host, *rest, **more):
        looked_up.append(host)
        return lookup(host, *rest, **more)

    monkeypatch.setattr(socket, "getaddrinfo", watched)
    try:
        _, name = read_bytes(server.replace("//", f"//name:{SECRET}@") + path, private=True)
    except DataError as error:
        name = str(error)
    assert SECRET not in name
    assert SECRET not in repr(looked_up)


@pytest.mark.parametrize("scheme", ["http", "ftp", "gopher"])
def test_credentials_in_a_redirect_are_never_shown(server, scheme):
    assert SECRET not in refusal(f"{server}/with-secret/{scheme}")


def test_too_many_bytes_from_an_address(server, monkeypatch):
    monkeypatch.setattr(source, "_MOST_BYTES", len(CSV) - 1)
    assert refusal(f"{server}/data.csv") == (
        f"{server}/data.csv sends more than {len(CSV) - 1} bytes: download it and give a shorter part"
    )
    monkeypatch.setattr(source, "_MOST_BYTES", len(CSV))
    assert read_bytes(f"{server}/data.csv", private=True)[0] == CSV


def test_an_answer_that_drips_in_is_given_up(server, monkeypatch):
    """Each byte comes within the limit for one, the whole would take hours."""
    monkeypatch.setattr(source, "_SECONDS", 0.3)
    began = time.monotonic()
    message = refusal(f"{server}/drip")
    assert time.monotonic() - began < 1.5
    assert message == f"{server}/drip takes longer than 0 s: download it and give its path"


def test_a_server_that_never_answers_is_given_up(monkeypatch):
    monkeypatch.setattr(source, "_SECONDS", 0.2)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        address = f"http://127.0.0.1:{silent.getsockname()[1]}/data.csv"
        began = time.monotonic()
        message = refusal(address)
    assert time.monotonic() - began < 1.5
    assert message.startswith(f"{address} cannot be reached: timed out; ")


# ---- files


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_a_file_gives_its_bytes_and_its_path(folder):
    (folder / "data.csv").write_bytes(CSV)
    assert read_bytes("data.csv") == (CSV, "data.csv")
    assert read_bytes(str(folder / "data.csv")) == (CSV, str(folder / "data.csv"))


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("sunspot.csv", "no file sunspot.csv; that folder has sunspots.csv"),
        ("0123456", "no file 0123456; that folder has sunspots.csv"),  # nothing like it, but a CSV
        ("empty/data.csv", "no file empty/data.csv"),
        ("none/data.csv", "no file none/data.csv; the folder none does not exist either"),
    ],
)
def test_a_missing_file(folder, name, message):
    (folder / "sunspots.csv").write_bytes(CSV)
    (folder / "other.txt").write_bytes(CSV)
    (folder / "empty").mkdir()
    assert refusal(name) == message


def test_a_folder_that_cannot_be_listed(folder, monkeypatch):
    (folder / "closed").mkdir()

    def deny(self):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("pathlib.Path.iterdir", deny)
    assert refusal("closed/data.csv") == "no file closed/data.csv"


def test_a_folder(folder):
    (folder / "data.csv").mkdir()
    assert refusal("data.csv") == "data.csv is a folder: give the file itself"
    assert "is a folder" in refusal("")


@pytest.mark.parametrize("name", ["pipe.csv", "socket.csv", "/dev/zero", "/dev/null", "/dev/urandom"])
def test_pipes_sockets_and_devices(folder, name):
    os.mkfifo("pipe.csv")
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind("socket.csv")
        assert refusal(name) == f"{name} is not a regular file: save the data to a file first"


def test_an_unreadable_file(folder, monkeypatch):
    """Root may read everything, so the refusal is acted."""
    (folder / "data.csv").write_bytes(CSV)

    def deny(*rest, **more):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("pathlib.Path.read_bytes", deny)
    monkeypatch.setattr("pathlib.Path.open", deny)
    monkeypatch.setattr("io.open", deny)
    monkeypatch.setattr("os.open", deny)
    assert refusal("data.csv") == "data.csv cannot be read: Permission denied"


def test_too_many_bytes_in_a_file(folder):
    with (folder / "data.csv").open("wb") as file:
        file.truncate(300 * 2**20)  # sparse: takes no room
    assert refusal("data.csv") == (
        "data.csv has 314,572,800 bytes, this job reads at most 268,435,456: give a shorter part"
    )


def test_exactly_as_many_bytes_as_allowed(folder, monkeypatch):
    (folder / "data.csv").write_bytes(CSV)
    monkeypatch.setattr(source, "_MOST_BYTES", len(CSV))
    assert read_bytes("data.csv") == (CSV, "data.csv")
    monkeypatch.setattr(source, "_MOST_BYTES", len(CSV) - 1)
    assert f"data.csv has {len(CSV)} bytes" in refusal("data.csv")


@pytest.mark.parametrize("name", ["a\0b", "x" * 5000, "data.csv/inside", "loop"])
def test_impossible_paths(folder, name):
    (folder / "data.csv").write_bytes(CSV)
    (folder / "loop").symlink_to("loop")
    with pytest.raises(DataError, match=r"cannot be read|no file"):
        read_bytes(name)


@pytest.mark.parametrize("name", ["new\nline.csv", "esc\x1b[31mape.csv", "\u202evsc.csv", "tab\t.csv", "\u2028.csv"])
def test_hostile_names_are_shown_in_one_harmless_line(folder, name):
    assert "no file" in refusal(name)
    (folder / name).write_bytes(b"")
    assert "no file" in refusal(f"{name}x")  # names the closest, which is hostile
    with pytest.raises(DataError) as caught:
        read_series(name)
    assert str(caught.value).isprintable()
    assert "is empty (0 bytes)" in str(caught.value)
