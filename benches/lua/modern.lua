-- tools/call as a client of 2026-07-28 sends it: no session, the method and name mirrored in headers.

local here = debug.getinfo(1, "S").source:match("^@(.*/)") or "./"
local call = dofile(here .. "call.lua")

local function headers(tool)
    return {
        ["Content-Type"] = "application/json",
        ["Accept"] = "application/json, text/event-stream",
        ["MCP-Protocol-Version"] = "2026-07-28",
        ["Mcp-Method"] = "tools/call",
        ["Mcp-Name"] = tool,
    }
end

call.install({
    headers = headers,
    meta = ',"_meta":{"io.modelcontextprotocol/protocolVersion":"2026-07-28"'
        .. ',"io.modelcontextprotocol/clientCapabilities":{}'
        .. ',"io.modelcontextprotocol/clientInfo":{"name":"wrk","version":"4"}}',
})
