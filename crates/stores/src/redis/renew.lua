-- Counts calls that are still at work in for a while again.
--
-- KEYS: the leases of a cap for each. ARGV: as in start.lua; then a lease for each.

local now
if ARGV[1] == '' then
  local time = redis.call('TIME')
  now = tonumber(time[1]) * 1000 + math.floor(tonumber(time[2]) / 1000)
else
  local s, n = string.match(ARGV[1], '^(%d+)%.(%d+)$')
  now = tonumber(s) * 1000 + math.floor(tonumber(n) / 1e6)
end

for i, key in ipairs(KEYS) do
  redis.call('ZADD', key, string.format('%.0f', now + tonumber(ARGV[2])), ARGV[2 + i])
  redis.call('PEXPIRE', key, ARGV[2])
end
return redis.status_reply('OK')
