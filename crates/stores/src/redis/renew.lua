-- Counts calls that are still at work in for a while again.
--
-- KEYS: the leases of a cap for each. ARGV: as in start.lua; then a lease for each.

local now = millis(ARGV[1])
for i, key in ipairs(KEYS) do
  redis.call('ZADD', key, string.format('%.0f', now + tonumber(ARGV[2])), ARGV[2 + i])
  redis.call('PEXPIRE', key, ARGV[2])
end
return redis.status_reply('OK')
