"""A list of tasks for each caller, and the body mass index: a server with the official Python SDK.

It knows nothing of keys, roles or limits: the gateway in front of it does, and says who calls.
"""

from typing import Annotated

from mcp.server import MCPServer
from mcp.server.mcpserver import Context
from mcp.types import ToolAnnotations
from pydantic import BaseModel, Field

server = MCPServer("tasks")
tasks: dict[str, list[str]] = {}
"""By the id of the caller. A server that keeps more would use a database."""

READS = ToolAnnotations(readOnlyHint=True, destructiveHint=False, idempotentHint=True, openWorldHint=False)
ADDS = ToolAnnotations(readOnlyHint=False, destructiveHint=False, idempotentHint=False, openWorldHint=False)


class Tasks(BaseModel):
    owner: str = Field(description="Whose they are")
    tasks: list[str] = Field(description="What is to be done, oldest first")


class Index(BaseModel):
    bmi: float = Field(description="Kilograms per square metre, to one decimal")
    category: str = Field(description="As the World Health Organization calls it")


def caller(context: Context) -> dict:
    """Who calls, as the gateway says (`context: true`). A client cannot say it: the gateway takes out what
    one sends under this name."""
    told = (context.request_context.meta or {}).get("dev.toolgate/context")
    if told is None:
        raise ValueError("this server works behind the gateway only")
    return told["caller"]


@server.tool(title="List my tasks", annotations=READS)
def list_tasks(context: Context) -> Tasks:
    """Lists the tasks of the person who asks. Use it to see what is to be done; nobody else's tasks can be
    seen. Takes nothing. Returns whose they are and the tasks, oldest first; changes nothing."""
    who = caller(context)
    return Tasks(owner=who["subject"], tasks=tasks.get(who["id"], []))


@server.tool(title="Add a task", annotations=ADDS)
def add_task(
    context: Context,
    task: Annotated[str, Field(description="What is to be done", min_length=1, max_length=200)],
) -> Tasks:
    """Adds a task for the person who asks. Use it when that person wants to be reminded; not for notes of your
    own. Takes the task. Returns all tasks of that person; called twice it adds two."""
    who = caller(context)
    mine = tasks.setdefault(who["id"], [])
    if len(mine) >= 100:
        raise ValueError("there are 100 tasks already; do some first")
    mine.append(task)
    return Tasks(owner=who["subject"], tasks=mine)


@server.tool(title="Body mass index", annotations=READS)
def bmi(
    kilograms: Annotated[float, Field(description="The weight in kilograms", ge=1, le=700)],
    metres: Annotated[float, Field(description="The height in metres", ge=0.3, le=3)],
) -> Index:
    """Computes the body mass index of an adult. Use it when weight and height are known; it is no diagnosis.
    Takes both in kilograms and metres. Returns the index and its category; changes nothing."""
    index = kilograms / metres**2
    for below, category in ((18.5, "underweight"), (25, "normal"), (30, "pre-obesity")):
        if index < below:
            return Index(bmi=round(index, 1), category=category)
    return Index(bmi=round(index, 1), category="obesity")


if __name__ == "__main__":
    server.run()
