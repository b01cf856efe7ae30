"""Answers as GitHub's REST API does for two repositories, from the files in recorded/."""

from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

RECORDED = Path(__file__).parent / "recorded"
ADDRESS = "127.0.0.1:8099"


class Handler(BaseHTTPRequestHandler):
    def do_GET(self):
        url = urlsplit(self.path)
        page = parse_qs(url.query).get("page", ["1"])[0]
        if url.path == "/search/repositories" and page == "1":
            link = f'<http://{ADDRESS}{self.path}&page=2>; rel="next"'
            self.answer(200, "search.json", "application/json", link)
        elif url.path == "/search/repositories":
            self.answer(200, "search-2.json", "application/json")
        elif url.path == "/repos/acme/shop/contents/README.md":
            self.answer(200, "README.md", "application/vnd.github.raw+json; charset=utf-8")
        elif url.path == "/repos/acme/shop/readme":
            self.answer(200, "readme.json", "application/json; charset=utf-8")
        else:
            self.answer(404, "not-found.json", "application/json")

    def answer(self, status, name, kind, link=None):
        body = (RECORDED / name).read_bytes()
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        if link:
            self.send_header("Link", link)
        self.end_headers()
        self.wfile.write(body)


if __name__ == "__main__":
    host, port = ADDRESS.split(":")
    ThreadingHTTPServer((host, int(port)), Handler).serve_forever()
