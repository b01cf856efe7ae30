-- Keeps a text on a shelf for so many milliseconds, as the version after this one.
--
-- `shelf`: the names of the shelf, by when they end in milliseconds. `place`: where the text goes.
local function keep(shelf, place, name, version, text, lasting)
  -- By the clock, so that what is put here anew never has a version of before.
  local seconds, nanos = clock('')
  local next = string.format('%.0f', math.max(tonumber(version) + 1, seconds * 1e6 + nanos / 1e3))
  redis.call('DEL', place)
  redis.call('HSET', place, 'version', next, 'text', text)
  redis.call('PEXPIRE', place, lasting)
  redis.call('ZADD', shelf, string.format('%.0f', millis('') + lasting), name)
  if redis.call('PTTL', shelf) < lasting then
    redis.call('PEXPIRE', shelf, lasting)
  end
end

