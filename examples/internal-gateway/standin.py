"""Answers as the HTTP API of a CRM could: searches contacts.json, persons and all."""

import json
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

CONTACTS = json.loads((Path(__file__).parent / "contacts.json").read_text())
ADDRESS = "127.0.0.1:8098"
KEY = "Bearer crm-example-key"


class Handler(BaseHTTPRequestHandler):
    def do_GET(self):
        url = urlsplit(self.path)
        query = {name: values[0] for name, values in parse_qs(url.query).items()}
        if self.headers["Authorization"] != KEY:
            self.answer(401, {"message": "wrong key"})
        elif url.path == "/v2/contacts":
            self.answer(200, found(query.get("q", ""), int(query.get("offset", "0"))))
        else:
            self.answer(404, {"message": "not found"})

    def answer(self, status, value):
        body = json.dumps(value).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


def found(words, offset):
    """One page of contacts whose name, company or notes hold the words."""
    texts = [(" ".join((one["name"], one["company"], one["notes"])), one) for one in CONTACTS]
    all_found = [one for text, one in texts if words.lower() in text.lower()]
    page = all_found[offset : offset + 2]
    after = offset + len(page)
    return {"contacts": page, "next": str(after) if after < len(all_found) else None}


if __name__ == "__main__":
    host, port = ADDRESS.split(":")
    ThreadingHTTPServer((host, int(port)), Handler).serve_forever()
