-- Takes tokens out of every bucket, or out of none.
--
-- KEYS: buckets. Each holds the theoretical arrival time of its next event (ITU-T I.371, annex A) as
-- SECONDS.NANOSECONDS; one that is full is not there.
-- ARGV: how many tokens; the time, or nothing for the server's own; then for each bucket the
-- nanoseconds between two tokens and those that it takes to fill up.
-- Answer: for each bucket, up to the first that refuses, the nanoseconds after which it is full; of the
-- one that refuses, with a minus before it, those after which it has enough.
--
-- Numbers are doubles. Differences of times are exact below 2^53 nanoseconds, 104 days.

local seconds, nanos = clock(ARGV[2])
local cost = tonumber(ARGV[1])
local ahead, answer = {}, {}
for i, key in ipairs(KEYS) do
  local interval, burst = tonumber(ARGV[2 * i + 1]), tonumber(ARGV[2 * i + 2])
  local from, kept = 0, redis.call('GET', key)
  if kept then
    local s, n = string.match(kept, '^(%d+)%.(%d+)$')
    from = math.max((tonumber(s) - seconds) * 1e9 + tonumber(n) - nanos, 0)
  end
  ahead[i] = from + interval * cost
  if ahead[i] > burst then
    answer[i] = string.format('-%.0f', ahead[i] - burst)
    return answer
  end
  answer[i] = string.format('%.0f', ahead[i])
end

for i, key in ipairs(KEYS) do
  local sum = nanos + ahead[i]
  local over = math.floor(sum / 1e9)
  local arrival = string.format('%.0f.%09.0f', seconds + over, sum - over * 1e9)
  -- A second longer than it matters.
  redis.call('SET', key, arrival, 'PX', string.format('%.0f', math.ceil(ahead[i] / 1e6) + 1000))
end
return answer
