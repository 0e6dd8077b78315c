-- wrk's script for benchmarks/load.py: arguments METHOD BODY_FILE PAUSE "Name: value"...
-- It reports as JSON, in microseconds: wrk's own text rounds to three digits and mixes units.

function init(args)
   wrk.method = args[1]
   local file = assert(io.open(args[2], "rb"))
   local body = file:read("*a")
   file:close()
   if #body > 0 then wrk.body = body end
   -- Milliseconds between two requests of a connection, on average; spread, for no two in step.
   local pause = tonumber(args[3])
   if pause > 0 then
      function delay() return math.random(0, 2 * pause) end
   end
   for i = 4, #args do
      local name, value = args[i]:match("^(.-): (.*)$")
      wrk.headers[name] = value
   end
end

function done(summary, latency, requests)
   local errors = summary.errors
   local report = '{"requests": %d, "microseconds": %d, "p50": %d, "p99": %d, "bad_statuses": %d, '
      .. '"connect_errors": %d, "read_errors": %d, "write_errors": %d, "timeouts": %d}\n'
   io.write(report:format(
      summary.requests, summary.duration, latency:percentile(50), latency:percentile(99),
      errors.status, errors.connect, errors.read, errors.write, errors.timeout
   ))
end
