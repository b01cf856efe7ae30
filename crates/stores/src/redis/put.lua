-- Keeps a text, if what is there has the version that is expected.
--
-- KEYS: the names of the shelf, by when they end in milliseconds; the place of the text.
-- ARGV: its name; the version, 0 where nothing may be there; the text; for how many milliseconds.
-- Answer: 1, or 0 where another version is there.

local version = redis.call('HGET', KEYS[2], 'version') or '0'
if version ~= ARGV[2] then
  return 0
end
local lasting = tonumber(ARGV[4])
-- By the clock, so that what is put here anew never has a version of before.
local seconds, nanos = clock('')
local next = string.format('%.0f', math.max(tonumber(version) + 1, seconds * 1e6 + nanos / 1e3))
redis.call('DEL', KEYS[2])
redis.call('HSET', KEYS[2], 'version', next, 'text', ARGV[3])
redis.call('PEXPIRE', KEYS[2], ARGV[4])
redis.call('ZADD', KEYS[1], string.format('%.0f', millis('') + lasting), ARGV[1])
if redis.call('PTTL', KEYS[1]) < lasting then
  redis.call('PEXPIRE', KEYS[1], ARGV[4])
end
return 1
