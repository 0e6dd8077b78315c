-- wrk's script for benchmarks/load.py: arguments METHOD BODY_FILE RATE "Name: value"...
-- It reports as JSON, in microseconds: wrk's own text rounds to three digits and mixes units.

local ffi = require("ffi")
ffi.cdef([[
   typedef struct { long seconds, nanoseconds; } moment;
   int clock_gettime(int clock, moment *now);
]])
local MONOTONIC = 1
local moment = ffi.new("moment")

local function now()
   ffi.C.clock_gettime(MONOTONIC, moment)
   return tonumber(moment.seconds) + tonumber(moment.nanoseconds) / 1e9
end

-- The times of requests are fixed beforehand, and any free connection sends the next one: a server
-- that is slow for a while gets no fewer requests. `behind`: the largest delay, in seconds.
function pace()
   behind = 0
   local start, count = now(), 0
   function delay()
      local wait = start + count / rate - now()
      count = count + 1
      behind = math.max(behind, -wait)
      return math.max(0, math.floor(wait * 1000 + 0.5))
   end
end

local threads = {}
function setup(thread)
   table.insert(threads, thread)
end

function init(args)
   wrk.method = args[1]
   local file = assert(io.open(args[2], "rb"))
   local body = file:read("*a")
   file:close()
   if #body > 0 then wrk.body = body end
   rate = tonumber(args[3])
   if rate > 0 then pace() end
   for i = 4, #args do
      local name, value = args[i]:match("^(.-): (.*)$")
      wrk.headers[name] = value
   end
end

function done(summary, latency, requests)
   local errors, behind = summary.errors, 0
   for _, thread in ipairs(threads) do behind = math.max(behind, thread:get("behind") or 0) end
   local report = '{"requests": %d, "microseconds": %d, "p50": %d, "p99": %d, "bad_statuses": %d, '
      .. '"connect_errors": %d, "read_errors": %d, "write_errors": %d, "timeouts": %d, "behind": %d}\n'
   io.write(report:format(
      summary.requests, summary.duration, latency:percentile(50), latency:percentile(99),
      errors.status, errors.connect, errors.read, errors.write, errors.timeout,
      behind * 1e6
   ))
end
