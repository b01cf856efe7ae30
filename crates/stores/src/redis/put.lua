-- Keeps a text, if what is there has the version that is expected.
--
-- KEYS: the names of the shelf, by when they end in milliseconds; the place of the text.
-- ARGV: its name; the version, 0 where nothing may be there; the text; for how many milliseconds.
-- Answer: 1, or 0 where another version is there.

local version = redis.call('HGET', KEYS[2], 'version') or '0'
if version ~= ARGV[2] then
  return 0
end
keep(KEYS[1], KEYS[2], ARGV[1], version, ARGV[3], tonumber(ARGV[4]))
return 1
