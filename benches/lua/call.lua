-- One closed loop of tools/call requests for wrk: fresh ids, every reply checked, a JSON line at the end.
--
-- The environment says what to call:
--   BENCH_TOOLS     names of tools, separated by commas; calls go round them
--   BENCH_SESSIONS  ids of legacy sessions, likewise; empty where there are none
--   BENCH_ARGUMENT  length of the text argument, in bytes
--   BENCH_TOKEN     the bearer token of the caller; empty where nobody asks for one

local call = {}

-- Ids have one width, so that the head with its Content-Length is written once.
local FIRST_ID = 100000000
local PLACEHOLDER = FIRST_ID .. "}"

local function list(name)
    local items = {}
    for item in (os.getenv(name) or ""):gmatch("[^,]+") do
        items[#items + 1] = item
    end
    return items
end

-- The HTTP request for one tool in one session, up to the id.
-- The id is the last member, as the TypeScript SDK writes it: one concatenation makes a request.
local function everything_before_the_id(era, tool, session, text)
    local body = '{"jsonrpc":"2.0","method":"tools/call","params":{"name":"' .. tool
        .. '","arguments":{"text":"' .. text .. '"}' .. era.meta .. '},"id":' .. PLACEHOLDER
    local headers = era.headers(tool, session)
    local token = os.getenv("BENCH_TOKEN") or ""
    if token ~= "" then
        headers["Authorization"] = "Bearer " .. token
    end
    local request = wrk.format("POST", nil, headers, body)
    return request:sub(1, -(#PLACEHOLDER + 1))
end

-- Defines wrk's hooks for an era: `headers(tool, session)` and `meta`, the text after the arguments.
function call.install(era)
    local requests = {}
    local sent = 0

    function init()
        local tools, sessions = list("BENCH_TOOLS"), list("BENCH_SESSIONS")
        local text = ("x"):rep(tonumber(os.getenv("BENCH_ARGUMENT") or "32"))
        for i = 0, math.max(#tools, #sessions) - 1 do
            local tool, session = tools[i % #tools + 1], sessions[i % math.max(#sessions, 1) + 1]
            requests[i] = everything_before_the_id(era, tool, session, text)
        end
        requests.count = math.max(#tools, #sessions)
    end

    function request()
        sent = sent + 1
        return requests[sent % requests.count] .. (FIRST_ID + sent) .. "}"
    end

    -- Global, because `done` reads them from the thread.
    bad_status, bad_body = 0, 0

    function response(status, _, body)
        if status ~= 200 then
            bad_status = bad_status + 1
        elseif not body:find('"result"', 1, true) or body:find('"isError":true', 1, true) then
            bad_body = bad_body + 1
        end
    end

    local threads = {}

    function setup(thread)
        threads[#threads + 1] = thread
    end

    function done(summary, latency)
        local bad = { status = 0, body = 0 }
        for _, thread in ipairs(threads) do
            bad.status = bad.status + thread:get("bad_status")
            bad.body = bad.body + thread:get("bad_body")
        end
        local errors = summary.errors
        io.write(string.format(
            'BENCH {"requests":%d,"seconds":%.6f,"p50_us":%d,"p99_us":%d,"bad_status":%d,"bad_body":%d,"broken":%d}\n',
            summary.requests, summary.duration / 1e6, latency:percentile(50), latency:percentile(99),
            bad.status, bad.body, errors.connect + errors.read + errors.write + errors.timeout))
    end
end

return call
