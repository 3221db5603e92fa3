"""The tokens that a registry such as GitHub's asks for: a server that signs them, whom a real registry trusts.

The token is https://distribution.github.io/distribution/spec/auth/jwt/, signed with RS256.
"""

import base64
import json
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any
from urllib.parse import parse_qs, urlsplit

ISSUER, SERVICE = "tests", "registry"


@contextmanager
def token_server(folder: Path, user: str, password: str) -> Iterator[dict[str, Any]]:
    """Yields the registry's `auth` configuration while a server gives tokens to that user alone."""
    key, certificate = folder / "key.pem", folder / "certificate.pem"
    names = ["-keyout", str(key), "-out", str(certificate), "-subj", "/CN=tests"]
    make = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", *names]
    subprocess.run(make, check=True, capture_output=True)
    login = f"Basic {base64.b64encode(f'{user}:{password}'.encode()).decode()}"

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            if self.headers["Authorization"] != login:
                self.send_error(401)
                return
            asked = parse_qs(urlsplit(self.path).query)
            body = json.dumps({"token": _token(key, certificate, asked.get("scope", [""])[0])}).encode()
            self.send_response(200)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: Any) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        realm = f"http://127.0.0.1:{server.server_port}/token"
        token = {"realm": realm, "service": SERVICE, "issuer": ISSUER, "rootcertbundle": str(certificate)}
        yield {"token": token}
        server.shutdown()


def _token(key: Path, certificate: Path, scope: str) -> str:
    kind, _, rest = scope.partition(":")
    name, _, actions = rest.rpartition(":")
    lines = certificate.read_text().splitlines()
    header = {"typ": "JWT", "alg": "RS256", "x5c": ["".join(line for line in lines if not line.startswith("-----"))]}
    now = int(time.time())
    claims = {"iss": ISSUER, "aud": SERVICE, "sub": "user", "nbf": now - 60, "exp": now + 600, "jti": "1", "iat": now}
    claims |= {"access": [{"type": kind, "name": name, "actions": actions.split(",")}]}
    signed = f"{_base64(json.dumps(header).encode())}.{_base64(json.dumps(claims).encode())}"
    sign = ["openssl", "dgst", "-sha256", "-sign", str(key)]
    signature = subprocess.run(sign, input=signed.encode(), check=True, capture_output=True).stdout
    return f"{signed}.{_base64(signature)}"


def _base64(content: bytes) -> str:
    return base64.urlsafe_b64encode(content).decode().rstrip("=")
