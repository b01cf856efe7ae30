"""Three MCP servers in one file, with canned answers: stand-ins for those of an organisation.

    python3 servers.py github|jira|database

They speak revision 2025-11-25 on standard input and output, and need nothing but Python.
"""

import json
import sys

VERSION = "2025-11-25"


def text(about):
    """An argument."""
    return {"type": "string", "description": about, "minLength": 1, "maxLength": 200}


REPO = text("The repository, as OWNER/NAME")
SERVERS = {
    "github": {
        "search_repos": (
            "Finds repositories by a word in their name. Use it before get_file, when only the topic of a"
            " repository is known. Takes the word. Returns one name on each line; changes nothing.",
            {"query": text("A word of the name")},
            "acme/shop\nacme/shop-api",
        ),
        "get_file": (
            "Reads one file of a repository. Use it when the repository and path are known. Takes both."
            " Returns the text of the file; changes nothing.",
            {"repo": REPO, "path": text("The path within it")},
            "# Shop\nThe shop of Acme.",
        ),
        "create_pr": (
            "Opens a pull request. Use it once a branch is pushed and somebody asked for a review. Takes the"
            " repository, branch and title. Returns the number of the new pull request.",
            {"repo": REPO, "branch": text("The branch to merge"), "title": text("What the pull request is called")},
            "opened #7",
        ),
        "delete_repo": (
            "Deletes a repository and all that is in it, for good. Takes its name. Returns nothing.",
            {"repo": REPO},
            "deleted",
        ),
    },
    "jira": {
        "search_issues": (
            "Finds issues by a word in their summary. Use it to see what is known of a problem. Takes the"
            " word. Returns one issue on each line, key first; changes nothing.",
            {"query": text("A word of the summary")},
            "SHOP-12 The cart forgets its coupon",
        ),
    },
    "database": {
        "sales_by_region": (
            "Sums the sales of one month by region. Use it for questions about revenue. Takes the month as"
            " YYYY-MM. Returns one region and amount in euros on each line; changes nothing.",
            {"month": {"type": "string", "description": "As YYYY-MM", "pattern": r"^\d{4}-\d{2}$"}},
            "north 1200\nsouth 900",
        ),
    },
}
WRITES = {"create_pr": False, "delete_repo": True}


def tool(name, about, properties):
    """One tool as lists show it."""
    schema = {"type": "object", "properties": properties, "required": list(properties), "additionalProperties": False}
    hints = {"readOnlyHint": name not in WRITES, "destructiveHint": WRITES.get(name, False), "openWorldHint": False}
    return {"name": name, "description": about, "inputSchema": schema, "annotations": hints}


def answer(server, request):
    """The result of a request, or the error."""
    tools = SERVERS[server]
    params = request.get("params", {})
    match request["method"]:
        case "initialize":
            info = {"name": f"{server}-stand-in", "version": "1.0.0"}
            return {"result": {"protocolVersion": VERSION, "capabilities": {"tools": {}}, "serverInfo": info}}
        case "ping":
            return {"result": {}}
        case "tools/list":
            return {"result": {"tools": [tool(name, about, takes) for name, (about, takes, _) in tools.items()]}}
        case "tools/call" if params.get("name") in tools:
            content = [{"type": "text", "text": tools[params["name"]][2]}]
            return {"result": {"content": content, "isError": False}}
        case "tools/call":
            return {"error": {"code": -32602, "message": f"no such tool: {params.get('name')}"}}
    return {"error": {"code": -32601, "message": f"no such method: {request['method']}"}}


def main():
    if len(sys.argv) != 2 or sys.argv[1] not in SERVERS:
        sys.exit(f"usage: servers.py {'|'.join(SERVERS)}")
    for line in sys.stdin:
        request = json.loads(line)
        if "id" in request and "method" in request:
            print(json.dumps({"jsonrpc": "2.0", "id": request["id"], **answer(sys.argv[1], request)}), flush=True)


main()
