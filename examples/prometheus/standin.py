"""Answers as Prometheus' HTTP API does to the queries of gateway.yaml, from the files in recorded/."""

from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import parse_qs

RECORDED = Path(__file__).parent / "recorded"
ADDRESS = "127.0.0.1:9090"
ANSWERS = {
    "up": "up.json",
    "sum by (job, code) (rate(http_requests_total[5m]))": "http_requests_total.json",
    "avg_over_time(up[1h])[15m:5m]": "over-time.json",
}


class Handler(BaseHTTPRequestHandler):
    def do_POST(self):
        form = parse_qs(self.rfile.read(int(self.headers["Content-Length"])).decode())
        known = ANSWERS.get(form.get("query", [""])[0])
        if self.path != "/api/v1/query":
            self.answer(404, b"404 page not found\n", "text/plain; charset=utf-8")
        elif known:
            self.answer(200, (RECORDED / known).read_bytes())
        else:
            self.answer(400, (RECORDED / "bad-query.json").read_bytes())

    def answer(self, status, body, kind="application/json"):
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


if __name__ == "__main__":
    host, port = ADDRESS.split(":")
    ThreadingHTTPServer((host, int(port)), Handler).serve_forever()
