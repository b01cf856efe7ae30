"""A person who signs in where a client asks for it, and a client that asks itself."""

import base64
import hashlib
import json
import secrets
import subprocess
import urllib.parse
import urllib.request
from pathlib import Path

from expectations import Failed

ROOT = Path(__file__).parents[3]
NODE = ROOT / "tests/node/node_modules/node/bin/node"
BROWSER = ROOT / "tests/node/oauth/browser.mjs"
PATIENCE_S = 30
BACK = "http://127.0.0.1:3000/callback"


class Browser:
    """Signs in at `toolgate dev-issuer`, which asks for a name and no password."""

    def __init__(self, user="ada"):
        self._user = user

    def signs_in(self, url):
        """Does at `url` what a person does there, and brings the answer to the client that waits."""
        back = urllib.parse.parse_qs(urllib.parse.urlsplit(url).query)["redirect_uri"][0]
        with urllib.request.urlopen(self._visit(url, back), timeout=PATIENCE_S):
            pass

    def token(self, issuer, resource):
        """A token for `resource` with all scopes that there are: registration, PKCE, code, token."""
        found = _json(f"{issuer}/.well-known/oauth-authorization-server")
        about = {"redirect_uris": [BACK], "token_endpoint_auth_method": "none"}
        client = _json(found["registration_endpoint"], json.dumps(about), "application/json")
        verifier = secrets.token_urlsafe(32)
        digest = hashlib.sha256(verifier.encode()).digest()
        asked = {
            "response_type": "code",
            "client_id": client["client_id"],
            "redirect_uri": BACK,
            "code_challenge": base64.urlsafe_b64encode(digest).rstrip(b"=").decode(),
            "code_challenge_method": "S256",
            "scope": " ".join(found["scopes_supported"]),
            "resource": resource,
        }
        url = f"{found['authorization_endpoint']}?{urllib.parse.urlencode(asked)}"
        answer = urllib.parse.parse_qs(urllib.parse.urlsplit(self._visit(url, BACK)).query)
        if "code" not in answer:
            raise Failed(f"{self._user} could not sign in for {resource}: {answer}")
        redeemed = {
            "grant_type": "authorization_code",
            "code": answer["code"][0],
            "code_verifier": verifier,
        } | {key: asked[key] for key in ("client_id", "redirect_uri", "resource")}
        form = urllib.parse.urlencode(redeemed)
        kind = "application/x-www-form-urlencoded"
        return _json(found["token_endpoint"], form, kind)["access_token"]

    def _visit(self, url, back):
        command = [NODE, BROWSER, url, back, self._user]
        done = subprocess.run(command, capture_output=True, check=True, text=True, timeout=PATIENCE_S)
        return done.stdout.strip()


def _json(url, body=None, kind=None):
    data = None if body is None else body.encode()
    request = urllib.request.Request(url, data, {"Content-Type": kind} if kind else {})
    with urllib.request.urlopen(request, timeout=PATIENCE_S) as answer:
        return json.load(answer)
