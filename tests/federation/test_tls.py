"""A node whose certificate has expired is not asked; one that is the same but for its dates is."""

from __future__ import annotations

import datetime as dt
import os
import ssl
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from ipaddress import IPv4Address
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

ASKING = """
import asyncio, sys
from federation.fanout import Ask, Fanout
from federation.settings import Limits

async def main():
    fanout = Fanout(Limits())
    reply = (await fanout.ask({"n": Ask(sys.argv[1])}, 60))["n"]
    await fanout.close()
    print(reply.status.value, reply.detail)

asyncio.run(main())
"""


def certificate(folder: Path, days: tuple[int, int]) -> Path:
    """A certificate of 127.0.0.1 that its holder signed, valid between these days from now, with its key."""
    key, now = ec.generate_private_key(ec.SECP256R1()), dt.datetime.now(dt.UTC)
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "127.0.0.1")])
    made = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now + dt.timedelta(days[0]))
        .not_valid_after(now + dt.timedelta(days[1]))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(IPv4Address("127.0.0.1"))]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    plain = serialization.NoEncryption()
    secret = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, plain)
    path = folder / "node.pem"
    path.write_bytes(secret + made.public_bytes(serialization.Encoding.PEM))
    return path


class Answering(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.end_headers()
        self.wfile.write(b"{}")

    def log_message(self, *_: object) -> None:
        pass


@contextmanager
def node(pem: Path) -> Iterator[str]:
    server = HTTPServer(("127.0.0.1", 0), Answering)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(pem)
    server.socket = context.wrap_socket(server.socket, server_side=True)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"https://127.0.0.1:{server.server_address[1]}/x"
    finally:
        server.shutdown()
        thread.join(20)
        server.server_close()


@pytest.mark.parametrize(
    ("days", "said"),
    [((-2, 2), "answered"), ((-9, -2), "unreachable"), ((2, 9), "unreachable")],
    ids=["valid", "expired", "not yet"],
)
def test_a_node_is_asked_while_its_certificate_is_valid(tmp_path: Path, days: tuple[int, int], said: str) -> None:
    pem = certificate(tmp_path, days)
    with node(pem) as url:
        command = [sys.executable, "-c", ASKING, url]
        trusting = {**os.environ, "SSL_CERT_FILE": str(pem)}
        asked = subprocess.run(command, capture_output=True, text=True, env=trusting, timeout=120, check=True)
    status, _, detail = asked.stdout.splitlines()[-1].partition(" ")
    assert status == said
    assert ("Certificate" in detail) is (said == "unreachable")
