-- Takes away a text of this version.
--
-- KEYS: as in put.lua. ARGV: its name; the version.
-- Answer: 1, or 0 where another version is there, or nothing.

if redis.call('HGET', KEYS[2], 'version') ~= ARGV[2] then
  return 0
end
redis.call('DEL', KEYS[2])
redis.call('ZREM', KEYS[1], ARGV[1])
return 1
