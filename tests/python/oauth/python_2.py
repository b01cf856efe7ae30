"""The official Python client, from the first refusal to a renewed token.

    python python_2.py URL [--document CLIENT_ID_URL] --browser NODE SCRIPT

Does what node/oauth/typescript.mjs does.
"""

import argparse
import asyncio
import json
import subprocess
from urllib.parse import parse_qs, urlsplit

import httpx2
from mcp import Client
from mcp.client.auth import OAuthClientProvider
from mcp.client.streamable_http import streamable_http_client
from mcp.shared.auth import AuthorizationCodeResult, OAuthClientMetadata

REDIRECT = "http://127.0.0.1:3000/callback"


class Kept:
    """What a client keeps, and what it saw on the way."""

    def __init__(self):
        self.tokens = self.client = self.answer = None
        self.seen = []

    async def get_tokens(self):
        return self.tokens

    async def set_tokens(self, tokens):
        self.seen.append(f"{'granted' if self.answer else 'renewed'} {tokens.scope}")
        self.tokens, self.answer = tokens, None

    async def get_client_info(self):
        return self.client

    async def set_client_info(self, client):
        documented = str(client.client_id).startswith("https://")
        self.seen.append("named by document" if documented else "registered")
        self.client = client


async def exercise(options):
    kept = Kept()

    async def visit(url):
        node, script = options.browser
        ran = await asyncio.to_thread(
            subprocess.run, [node, script, url, REDIRECT], capture_output=True, text=True, timeout=30
        )
        if ran.returncode != 0:
            raise AssertionError(ran.stderr)
        kept.answer = parse_qs(urlsplit(ran.stdout.strip()).query)

    async def answered():
        said = {name: values[0] for name, values in kept.answer.items()}
        return AuthorizationCodeResult(
            code=said.get("code", ""), state=said.get("state"), iss=said.get("iss")
        )

    provider = OAuthClientProvider(
        options.url,
        OAuthClientMetadata(
            client_name="Testbed",
            redirect_uris=[REDIRECT],
            grant_types=["authorization_code", "refresh_token"],
            token_endpoint_auth_method="none",
        ),
        kept,
        redirect_handler=visit,
        callback_handler=answered,
        client_metadata_url=options.document,
    )
    async with httpx2.AsyncClient(auth=provider, timeout=30) as http:
        async with Client(streamable_http_client(options.url, http_client=http)) as client:

            async def call(name):
                result = await client.call_tool(name, {})
                if result.is_error or result.content[0].text != name:
                    raise AssertionError(result)
                kept.seen.append(f"called {name}")

            await call("read")
            await call("write")
            await asyncio.sleep(kept.tokens.expires_in + 1)
            await call("read")
    print(json.dumps(kept.seen))


parser = argparse.ArgumentParser(usage=__doc__)
parser.add_argument("url")
parser.add_argument("--document")
parser.add_argument("--browser", nargs=2, required=True)
asyncio.run(asyncio.wait_for(exercise(parser.parse_args()), 60))
