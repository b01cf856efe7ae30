-- All that is kept on a shelf.
--
-- KEYS: the names of the shelf, by when they end. ARGV: how many at most.
-- Answer: for each its name, its version, the text.

redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', string.format('%.0f', millis('')))
local answer = {}
for _, name in ipairs(redis.call('ZRANGE', KEYS[1], 0, tonumber(ARGV[1]) - 1)) do
  -- In the slot of the shelf, as both have its hash tag.
  local kept = redis.call('HMGET', KEYS[1] .. ':' .. name, 'version', 'text')
  if kept[1] then
    answer[#answer + 1] = { name, kept[1], kept[2] }
  end
end
return answer
