"""Who vouches for the callers: an issuer of one signed token, on loopback."""

import base64
import json
import subprocess
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

SECONDS_VALID = 24 * 3600
KEY_ID = "bench"


class Issuer:
    """Serves its metadata and its key. A context manager: leaving it ends the server."""

    def __init__(self, resource: str, directory: Path) -> None:
        self._key = directory / "issuer.pem"
        _openssl("genrsa", "-out", str(self._key), "2048")
        modulus = _openssl("rsa", "-in", str(self._key), "-noout", "-modulus").decode().strip()
        number = bytes.fromhex(modulus.removeprefix("Modulus="))
        jwk = {"kty": "RSA", "use": "sig", "alg": "RS256", "kid": KEY_ID, "n": _encode(number), "e": "AQAB"}
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _Documents)
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"
        metadata = {
            "issuer": self.url,
            "jwks_uri": f"{self.url}/jwks",
            "authorization_endpoint": f"{self.url}/authorize",
            "token_endpoint": f"{self.url}/token",
            "response_types_supported": ["code"],
        }
        self._server.documents = {"/jwks": {"keys": [jwk]}}  # type: ignore[attr-defined]
        self._server.metadata = metadata  # type: ignore[attr-defined]
        self.token = self._sign(resource)

    def __enter__(self) -> "Issuer":
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()

    def _sign(self, resource: str) -> str:
        now = int(time.time())
        head = {"alg": "RS256", "typ": "at+jwt", "kid": KEY_ID}
        claims = {
            "iss": self.url,
            "aud": resource,
            "sub": "bench",
            "client_id": "bench",
            "roles": ["caller"],
            "iat": now,
            "exp": now + SECONDS_VALID,
        }
        signed = ".".join(_encode(json.dumps(part).encode()) for part in (head, claims))
        signature = _openssl("dgst", "-sha256", "-sign", str(self._key), given=signed.encode())
        return f"{signed}.{_encode(signature)}"


class _Documents(BaseHTTPRequestHandler):
    """Answers with the key, and to everything else with the metadata."""

    def do_GET(self) -> None:
        server: Any = self.server
        body = json.dumps(server.documents.get(self.path, server.metadata)).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Nobody reads it."""


def _encode(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def _openssl(*arguments: str, given: bytes | None = None) -> bytes:
    return subprocess.run(["openssl", *arguments], input=given, capture_output=True, check=True).stdout
