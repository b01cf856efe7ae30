-- Counts what was used, or refuses to.
--
-- KEYS: for each counter its own and the one that it shares with all that find no room; at last, how many
-- counters were begun today.
-- ARGV: how many counters may be begun in a day; then, for each counter, what may be used of calls, cost,
-- micros and bytes (nothing for no bound), what is used of calls, errors, cost, micros and bytes, the
-- seconds that it is kept, whether it may have a place of its own, and what the two are as JSON.
-- Answer: 0, or the number of the counter that refuses.

local FIELDS = { 'calls', 'errors', 'cost', 'micros', 'bytes' }
local WIDTH = 13
local begun = KEYS[#KEYS]
local most = tonumber(ARGV[1])

local function argument(i, at)
  return ARGV[1 + (i - 1) * WIDTH + at]
end

-- A counter of its own, while there is room for it.
local function place(i)
  if redis.call('EXISTS', KEYS[2 * i - 1]) == 1 then
    return KEYS[2 * i - 1], 12
  end
  local has_room = argument(i, 11) == '1' and tonumber(redis.call('GET', begun) or '0') < most
  if has_room then
    return KEYS[2 * i - 1], 12
  end
  return KEYS[2 * i], 13
end

local count = (#KEYS - 1) / 2
for i = 1, count do
  local used = redis.call('HMGET', place(i), 'calls', 'cost', 'micros', 'bytes')
  for at = 1, 4 do
    local bound = argument(i, at)
    if bound ~= '' then
      local after = tonumber(used[at] or '0')
      -- What is known before a call is never exceeded; of what is known after it, the call that
      -- reaches the bound is the last.
      if at <= 2 then
        after = after + tonumber(argument(i, at == 1 and 5 or 7))
      else
        after = after + 1
      end
      if after > tonumber(bound) then
        return i
      end
    end
  end
end

for i = 1, count do
  local key, is = place(i)
  if redis.call('EXISTS', key) == 0 then
    redis.call('HSET', key, 'is', argument(i, is))
    redis.call('EXPIRE', key, argument(i, 10))
    redis.call('INCR', begun)
    redis.call('EXPIRE', begun, 172800)
  end
  for at, field in ipairs(FIELDS) do
    local more = argument(i, 4 + at)
    if more ~= '0' then
      redis.call('HINCRBY', key, field, more)
    end
  end
end
return 0
