-- What is kept under a name.
--
-- KEYS: the place of the text. Answer: its version, the text; or nothing.

local kept = redis.call('HMGET', KEYS[1], 'version', 'text')
if kept[1] then
  return kept
end
return {}
