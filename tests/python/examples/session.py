"""What one caller sees and does with one client, as `sessions` of an example.json declares it."""

import json

import jsonschema

from browser import Browser
from expectations import Failed, differs
from peer import Peer

LISTS = {"tools": "name", "resources": "uri", "templates": "uriTemplate", "prompts": "name"}


class Session:
    """Keys of a declaration: `endpoint`; `key` (a variable with a key of the gateway), or `user` and
    `issuer` (who signs in there); `answers` (what the user accepts each question with); `tools`,
    `resources`, `templates` and `prompts` (the names of all that are listed, as far as declared);
    `annotations` (of tools); and `does`, a list of steps.

    A step is `call`, `prompt` (both by name, `with` arguments) or `read` (a URI), and what it `gives`
    (of its structured result), `is` (all of that), `says` (in its text) or `refuses` with (a text).
    `"$NAME"` as an argument is that member of the structured result before, as with cursors.
    """

    def __init__(self, place, peer, told):
        self._place = place
        self._peer = peer
        told = {"endpoint": "http://127.0.0.1:8080/mcp"} | told
        self._told = json.loads(place.address(json.dumps(told)))
        self._before = {}
        self._tools = {}

    def run(self):
        """Goes through it; returns how many steps there were."""
        url = self._told["endpoint"]
        with Peer(self._peer, url, self._token(url), self._told.get("answers")) as peer:
            self._lists(peer.ask({"list": True}))
            for step in self._told.get("does", []):
                self._step(peer, step)
        return len(self._told.get("does", []))

    def _token(self, url):
        if "key" in self._told:
            return self._place.variable(self._told["key"])
        if "user" in self._told:
            return Browser(self._told["user"]).token(self._told["issuer"], url)
        return None

    def _lists(self, seen):
        self._tools = {tool["name"]: tool for tool in seen["tools"]}
        for kind, key in LISTS.items():
            if kind not in self._told:
                continue
            names = sorted(entry[key] for entry in seen[kind])
            if names != sorted(self._told[kind]):
                raise self._failed(kind, f"listed {names}")
        for name, expected in self._told.get("annotations", {}).items():
            if problem := differs(expected, self._tools[name].get("annotations", {})):
                raise self._failed(name, f"{problem} in its annotations")

    def _step(self, peer, step):
        asked = {key: step[key] for key in ("call", "read", "prompt") if key in step}
        asked["with"] = {key: self._value(value) for key, value in step.get("with", {}).items()}
        answer = peer.ask(asked)
        result = answer.get("result", {})
        structured = result.get("structuredContent")
        self._before = structured or {}
        if "refuses" in step:
            if not ("error" in answer or result.get("isError")):
                raise self._failed(step, f"was not refused: {answer}")
            if step["refuses"] not in json.dumps(answer, ensure_ascii=False):
                raise self._failed(step, f"was refused otherwise: {answer}")
            return
        if "error" in answer or result.get("isError"):
            raise self._failed(step, f"failed: {answer}")
        if "call" in step:
            self._fits(step, structured)
        if "says" in step and step["says"] not in _text(result):
            raise self._failed(step, f"says {_text(result)!r}")
        if "is" in step and step["is"] != structured:
            raise self._failed(step, f"is {structured}")
        if "gives" in step and (problem := differs(step["gives"], structured)):
            raise self._failed(step, f"{problem} in {structured}")

    def _value(self, value):
        named = isinstance(value, str) and value.startswith("$")
        return self._before[value[1:]] if named else value

    def _fits(self, step, structured):
        """A tool that promises a shape keeps it."""
        schema = self._tools.get(step["call"], {}).get("outputSchema")
        if schema is None:
            return
        if structured is None:
            raise self._failed(step, "no structured result, and the tool promises one")
        for problem in jsonschema.Draft202012Validator(schema).iter_errors(structured):
            raise self._failed(step, f"not as its schema says: {problem.message}")

    def _failed(self, step, problem):
        who = self._told.get("key") or self._told.get("user") or "anybody"
        return Failed(f"{self._peer} as {who}: {json.dumps(step, ensure_ascii=False)}: {problem}")


def _text(result):
    """All text of a result of a tool, a resource or a prompt."""
    parts = [*result.get("content", []), *result.get("contents", [])]
    parts += [message["content"] for message in result.get("messages", [])]
    return "\n".join(part.get("text", "") for part in parts)
