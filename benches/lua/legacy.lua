-- tools/call as a client of 2025-11-25 sends it, in sessions that were opened beforehand.

local here = debug.getinfo(1, "S").source:match("^@(.*/)") or "./"
local call = dofile(here .. "call.lua")

local function headers(_, session)
    return {
        ["Content-Type"] = "application/json",
        ["Accept"] = "application/json, text/event-stream",
        ["MCP-Protocol-Version"] = "2025-11-25",
        ["Mcp-Session-Id"] = session,
    }
end

call.install({ headers = headers, meta = "" })
