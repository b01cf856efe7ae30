-- Keeps a text, if what is there has the version that is expected and the shelf has room.
--
-- KEYS, ARGV: as in put.lua; then how many texts the shelf holds, and how many bytes.
-- Answer: 1; 0 where another version is there; 2 where there is no room.

local before = redis.call('HMGET', KEYS[2], 'version', 'text')
local version = before[1] or '0'
if version ~= ARGV[2] then
  return 0
end
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', string.format('%.0f', millis('')))
local count, bytes = 0, #ARGV[3]
for _, name in ipairs(redis.call('ZRANGE', KEYS[1], 0, -1)) do
  if name ~= ARGV[1] then
    -- In the slot of the shelf, as both have its hash tag.
    local size = redis.call('HSTRLEN', KEYS[1] .. ':' .. name, 'text')
    if size > 0 then
      count, bytes = count + 1, bytes + size
    end
  end
end
if version == '0' and count >= tonumber(ARGV[5]) then
  return 2
end
if #ARGV[3] > #(before[2] or '') and bytes > tonumber(ARGV[6]) then
  return 2
end
keep(KEYS[1], KEYS[2], ARGV[1], version, ARGV[3], tonumber(ARGV[4]))
return 1
