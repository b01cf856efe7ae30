-- Gives back tokens that were taken for what did not happen in the end.
--
-- KEYS and ARGV: as in take.lua.

local seconds, nanos = clock(ARGV[2])
local cost = tonumber(ARGV[1])
for i, key in ipairs(KEYS) do
  local kept = redis.call('GET', key)
  if kept then
    local s, n = string.match(kept, '^(%d+)%.(%d+)$')
    local from = (tonumber(s) - seconds) * 1e9 + tonumber(n) - nanos
    local ahead = from - tonumber(ARGV[2 * i + 1]) * cost
    if ahead <= 0 then
      redis.call('DEL', key)
    else
      local sum = nanos + ahead
      local over = math.floor(sum / 1e9)
      local arrival = string.format('%.0f.%09.0f', seconds + over, sum - over * 1e9)
      redis.call('SET', key, arrival, 'PX', string.format('%.0f', math.ceil(ahead / 1e6) + 1000))
    end
  end
end
return redis.status_reply('OK')
