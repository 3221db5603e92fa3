"""Small servers that only answer: an OpenID provider of its keys, a pod of its role, an old MLflow of its version."""

import base64
import json
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.hazmat.primitives.hashes import SHA256

CLIENT = "agent-training"
Answers = Mapping[str, Any]


@contextmanager
def serving(answers: Answers, token: str = "") -> Iterator[str]:
    """Yields the address of a server that answers GET by path, with JSON or a status; token: what it wants to see."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            answer = answers.get(self.path, 404)
            if token and self.headers.get("Authorization") != token:
                answer = 401
            body = (
                b"" if isinstance(answer, int) else answer if isinstance(answer, bytes) else json.dumps(answer).encode()
            )
            self.send_response(answer if isinstance(answer, int) else 200)
            self.send_header("content-type", "application/json")
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()


class OpenIdProvider:
    """Signs web identities; `answers` is what it publishes of itself, for `serving`."""

    def __init__(self) -> None:
        self.key = rsa.generate_private_key(65537, 2048)
        self.answers: dict[str, Any] = {}

    def published_at(self, address: str) -> None:
        numbers = self.key.public_key().public_numbers()
        parts = {"n": _text(numbers.n.to_bytes(256, "big")), "e": _text(numbers.e.to_bytes(3, "big"))}
        self.answers["/keys"] = {"keys": [{"kty": "RSA", "kid": "1", "use": "sig", "alg": "RS256", **parts}]}
        self.answers["/.well-known/openid-configuration"] = {
            "issuer": address,
            "jwks_uri": f"{address}/keys",
            "token_endpoint": f"{address}/token",
            "authorization_endpoint": f"{address}/authorize",
        }

    def identity(self, policy: str) -> str:
        """Returns a token for which MinIO gives keys with that policy, for an hour."""
        claims = {"aud": CLIENT, "azp": CLIENT, "sub": "pod", "policy": policy, "exp": int(time.time()) + 3600}
        parts = ({"alg": "RS256", "typ": "JWT", "kid": "1"}, claims)
        signed = ".".join(_text(json.dumps(part).encode()) for part in parts)
        return f"{signed}.{_text(self.key.sign(signed.encode(), padding.PKCS1v15(), SHA256()))}"


def _text(content: bytes) -> str:
    return base64.urlsafe_b64encode(content).rstrip(b"=").decode()
