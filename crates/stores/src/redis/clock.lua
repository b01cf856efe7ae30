-- The time: what is given as SECONDS.NANOSECONDS, or, for nothing, that of the server.
local function clock(given)
  if given == '' then
    local time = redis.call('TIME')
    return tonumber(time[1]), tonumber(time[2]) * 1000
  end
  local seconds, nanos = string.match(given, '^(%d+)%.(%d+)$')
  return tonumber(seconds), tonumber(nanos)
end

-- The same in whole milliseconds.
local function millis(given)
  local seconds, nanos = clock(given)
  return seconds * 1000 + math.floor(nanos / 1e6)
end

