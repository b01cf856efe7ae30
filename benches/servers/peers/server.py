"""The tools on the official Python SDK: python server.py PORT STUB_PORT"""

import asyncio
import sys
from typing import Annotated, Any

import httpx
import uvicorn
from mcp.server.mcpserver import MCPServer
from pydantic import BaseModel, Field

PORT, STUB = map(int, sys.argv[1:3])
server = MCPServer("bench", log_level="ERROR")
client = httpx.AsyncClient(base_url=f"http://127.0.0.1:{STUB}")


class Number(BaseModel):
    result: int


class Text(BaseModel):
    result: str


class Processed(BaseModel):
    result: dict[str, Any]


@server.tool(description="Calculates a Fibonacci number.")
def calculate_fibonacci(n: Annotated[int, Field(ge=0, le=90)]) -> Number:
    a, b = 0, 1
    for _ in range(n):
        a, b = b, a + b
    return Number(result=a)


@server.tool(description="Fetches data of an API.")
async def fetch_external_data(
    endpoint: Annotated[str, Field(min_length=1, max_length=100, pattern=r"^[A-Za-z0-9/]+$")],
) -> Text:
    answer = await client.get(f"/{endpoint}")
    return Text(result=answer.text)


@server.tool(description="Turns the texts of an object into upper case.")
def process_json_data(data: dict[str, Any]) -> Processed:
    upper = {key: value.upper() if isinstance(value, str) else value for key, value in data.items()}
    return Processed(result=upper)


@server.tool(description="Takes as long as a query would.")
async def simulate_database_query(
    query: Annotated[str, Field(min_length=1, max_length=1000)],
    delay_ms: Annotated[int, Field(ge=0, le=1000)],
) -> Text:
    await asyncio.sleep(delay_ms / 1000)
    return Text(result=f"ran {query} in {delay_ms} ms")


app = server.streamable_http_app(json_response=True)
uvicorn.run(app, host="127.0.0.1", port=PORT, log_level="error", access_log=False)
