"""A small cloud in memory: projects with a quota, networks, machines, tags.

A huge machine finds no room when it is attached, so that there is something to undo.
"""

import json
import re
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Lock

ADDRESS = "127.0.0.1:8098"
LIMIT = 3
PROJECT = r"/projects/(?P<project>[a-z-]+)"

lock = Lock()
networks, machines = {}, {}
count = 0


def new(kind):
    global count
    count += 1
    return f"{kind}-{count}"


def quota(project, **_):
    used = sum(machine["project"] == project for machine in machines.values())
    return 200, {"free": LIMIT - used, "limit": LIMIT}


def resources(project, **_):
    mine = lambda all: [{"id": key, "name": it["name"]} for key, it in all.items() if it["project"] == project]
    return 200, {"networks": mine(networks), "machines": mine(machines)}


def create_network(project, body):
    key = new("net")
    networks[key] = {"project": project, "name": body["name"], "machines": []}
    return 201, {"id": key}


def delete_network(network, **_):
    if network in networks and networks[network]["machines"]:
        return 409, {"message": "the network still has machines"}
    return (200, {}) if networks.pop(network, None) else (404, {"message": "no such network"})


def create_machine(project, body):
    key = new("vm")
    machines[key] = {"project": project, "name": body["name"], "size": body["size"], "tags": []}
    return 201, {"id": key}


def delete_machine(machine, **_):
    return (200, {}) if machines.pop(machine, None) else (404, {"message": "no such machine"})


def attach(network, machine, **_):
    if machines[machine]["size"] == "huge":
        return 409, {"message": "no room for a machine of this size"}
    networks[network]["machines"].append(machine)
    return 200, {"address": f"10.0.0.{len(networks[network]['machines']) + 1}"}


def detach(network, machine, **_):
    networks[network]["machines"].remove(machine)
    return 200, {}


def tag(machine, tag, **_):
    if tag == "root":
        return 403, {"message": "this tag is reserved"}
    machines[machine]["tags"].append(tag)
    return 200, {"tag": tag}


ROUTES = [
    ("GET", PROJECT + "/quota", quota),
    ("GET", PROJECT + "/resources", resources),
    ("POST", PROJECT + "/networks", create_network),
    ("DELETE", r"/networks/(?P<network>[^/]+)", delete_network),
    ("POST", PROJECT + "/machines", create_machine),
    ("DELETE", r"/machines/(?P<machine>[^/]+)", delete_machine),
    ("PUT", r"/networks/(?P<network>[^/]+)/machines/(?P<machine>[^/]+)", attach),
    ("DELETE", r"/networks/(?P<network>[^/]+)/machines/(?P<machine>[^/]+)", detach),
    ("PUT", r"/machines/(?P<machine>[^/]+)/tags/(?P<tag>[^/]+)", tag),
]


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def answer(self):
        length = int(self.headers.get("Content-Length") or 0)
        body = json.loads(self.rfile.read(length) or b"{}")
        status, said = 404, {"message": "no such thing"}
        for verb, pattern, does in ROUTES:
            match = re.fullmatch(pattern, self.path)
            if match and verb == self.command:
                try:
                    with lock:
                        status, said = does(**match.groupdict(), **({"body": body} if verb == "POST" else {}))
                except KeyError:
                    pass
                break
        text = json.dumps(said).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)

    do_GET = do_POST = do_PUT = do_DELETE = answer

    def log_message(self, *_):
        pass


if __name__ == "__main__":
    host, port = ADDRESS.split(":")
    # Another port than that, 0 for any, as the first argument.
    server = ThreadingHTTPServer((host, int(sys.argv[1] if len(sys.argv) > 1 else port)), Handler)
    print(f"http://{host}:{server.server_port}", flush=True)
    server.serve_forever()
