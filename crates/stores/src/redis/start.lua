-- Counts a call in under every cap, or under none.
--
-- KEYS: the leases of each cap, by when they end in milliseconds.
-- ARGV: the time, or nothing for the server's own; for how many milliseconds; the lease; then how many
-- may be at work under each cap.
-- Answer: 0, or the number of the cap that is reached.

local now = millis(ARGV[1])
for i, key in ipairs(KEYS) do
  redis.call('ZREMRANGEBYSCORE', key, '-inf', string.format('%.0f', now))
  if redis.call('ZCARD', key) >= tonumber(ARGV[3 + i]) then
    return i
  end
end
for _, key in ipairs(KEYS) do
  redis.call('ZADD', key, string.format('%.0f', now + tonumber(ARGV[2])), ARGV[3])
  redis.call('PEXPIRE', key, ARGV[2])
end
return 0
