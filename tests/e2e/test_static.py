"""The binary needs nothing of its machine: no loader, no C library, no modules for names, no time zones."""

from __future__ import annotations

import json
import os
import socketserver
import struct
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest
from harness.cloud import Cloud
from harness.engine import Engine
from harness.method import AuthMethod
from harness.namespace import Namespace
from harness.places import plugin_binary, version_of
from harness.root import Root, RootServer, is_static, need_root

#: Where distributions keep the CA certificates.
_BUNDLES = {"Alpine": "/etc/ssl/cert.pem", "Debian": "/etc/ssl/certs/ca-certificates.crt",
            "RHEL": "/etc/pki/tls/certs/ca-bundle.crt", "RHEL, Alibaba Cloud Linux": "/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem"}


@pytest.fixture
def root(tmp_path: Path) -> Root:
    """An empty root, but for the plugin."""
    if not is_static(plugin_binary()):
        if os.environ.get("CI") == "true" and not os.environ.get("PLUGIN_BINARY"):
            pytest.fail("the release build asks for a loader")
        pytest.skip("this build is not static")
    need_root("another root file system")
    return Root(tmp_path / "root", plugin_binary())


def test_it_starts_in_an_empty_root(root: Root) -> None:
    done = root.run("--version")
    assert done.stdout.split() == ["vault-plugin-alicloud", version_of(plugin_binary())], done
    assert "plugin register" in root.run("--help").stdout


@pytest.mark.parametrize("distribution", ["Alpine", "Debian"])
def test_mounts_are_served_in_a_root_without_a_c_library(root: Root, cloud: Cloud, distribution: str) -> None:
    server = RootServer(root, cloud, _BUNDLES[distribution])
    try:
        server.start()
        server.register()
        server.register(kind="auth")
        engine, method = Engine(server, cloud, "rooted"), AuthMethod(server, cloud, "rooted")
        engine.configure().ok()
        lease_id = engine.creds(engine.full_role()).ok().lease_id
        method.login(method.bound()).ok()
        engine.revoke(lease_id).ok()
    finally:
        server.stop()


def _sign(root: Root, cloud: Cloud) -> tuple[int, str]:
    """Has a role assumed, which is a call over TLS."""
    done = root.run("sign", "-role=dev", "-region=cn-hangzhou", HTTPS_PROXY=cloud.proxy,
                    ALICLOUD_ACCESS_KEY=cloud.access_key, ALICLOUD_SECRET_KEY=cloud.secret_key,
                    ALICLOUD_ROLE_ARN=cloud.arn("vault-target"))
    return done.returncode, done.stdout + done.stderr


@pytest.mark.parametrize("place", _BUNDLES.values(), ids=_BUNDLES)
def test_ca_certificates_are_found_where_distributions_keep_them(root: Root, cloud: Cloud, place: str) -> None:
    code, text = _sign(root, cloud)
    assert code == 1 and "no CA certificates" in text and "SSL_CERT_FILE" in text, text
    root.put(place, Path(cloud.ca_file).read_text("utf-8"))
    code, text = _sign(root, cloud)
    assert code == 0 and "identity_request_url" in text, text


class _NameServer(socketserver.BaseRequestHandler):
    """Knows `bao.internal.test` (A) and its alias (CNAME), and says NXDOMAIN for all else."""

    def handle(self) -> None:
        """One question over UDP (RFC 1035)."""
        question, socket = self.request
        name, position = [], 12
        while length := question[position]:
            name.append(question[position + 1:position + 1 + length].decode().lower())
            position += 1 + length
        kind, = struct.unpack_from(">H", question, position + 1)
        asked = question[12:position + 5]
        pointer, address = b"\xc0\x0c", b"\x00\x01\x00\x01\x00\x00\x00\x3c\x00\x04" + bytes([127, 0, 0, 1])
        answers: list[bytes] = []
        known = ".".join(name) in ("bao.internal.test", "alias.internal.test")
        if known and kind == 1:
            if name[0] == "alias":
                real = b"\x03bao\xc0" + bytes([12 + 1 + len("alias")])
                answers.append(pointer + b"\x00\x05\x00\x01\x00\x00\x00\x3c" + struct.pack(">H", len(real)) + real)
                pointer = b"\xc0" + bytes([12 + len(asked) + 12])
            answers.append(pointer + address)
        header = question[:2] + struct.pack(">HHHHH", 0x8180 if known else 0x8183, 1, len(answers), 0, 0)
        socket.sendto(header + asked + b"".join(answers), self.client_address)


class _Bao(BaseHTTPRequestHandler):
    """A server that lets everybody log in."""

    def do_PUT(self) -> None:
        """A login."""
        self.rfile.read(int(self.headers["Content-Length"]))
        body = json.dumps({"auth": {"client_token": "t", "policies": [], "lease_duration": 60, "renewable": True}}).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *arguments: object) -> None:
        """Says nothing."""


@pytest.fixture
def port() -> Iterator[int]:
    """A network of its own with a name server at port 53; the port of a server in it."""
    need_root("a network namespace")
    with Namespace():
        with (socketserver.ThreadingUDPServer(("127.0.0.1", 53), _NameServer) as names,
              HTTPServer(("127.0.0.1", 0), _Bao) as bao):
            for server in (names, bao):
                threading.Thread(target=server.serve_forever, daemon=True).start()
            yield bao.server_port
            names.shutdown()
            bao.shutdown()


def test_names_are_resolved_with_nothing_but_resolv_conf_and_hosts(root: Root, port: int) -> None:
    def login(host: str) -> tuple[int, str]:
        done = root.run("login", "-role=dev", "-region=cn-hangzhou", "-token-only", f"-address=http://{host}:{port}",
                        ALICLOUD_ACCESS_KEY="LTAI", ALICLOUD_SECRET_KEY="secret")
        return done.returncode, done.stdout + done.stderr

    # Neither file is there: the C library asks a name server on the same machine then, and so does the plugin.
    assert login("bao.internal.test") == (0, "t\n")
    root.put("/etc/nsswitch.conf", "hosts: mymachines sss [!UNAVAIL=return] files\ngroup: sss\n")
    root.put("/etc/resolv.conf", "nameserver 127.0.0.1\nsearch example.org internal.test\n")
    for host in ("bao.internal.test", "alias.internal.test", "bao"):
        assert login(host) == (0, "t\n"), host
    code, text = login("nobody.internal.test")
    assert code == 1 and "the name cannot be resolved: it does not exist" in text, text
    root.put("/etc/resolv.conf", "nameserver 127.0.0.9\n")
    code, text = login("bao.internal.test")
    assert code == 1 and "no name server of /etc/resolv.conf answers" in text, text
    root.put("/etc/hosts", "127.0.0.1 bao.internal.test\n")
    assert login("bao.internal.test") == (0, "t\n")
