-- load.lua - the requests for wrk, and its figures as one line of JSON
--
--     wrk … -s load.lua URL -- [POST BODY | PATHS FILE]
--
-- Without PATHS there is no request(): wrk then formats the request once and its own work stays small. With PATHS, the
-- lines of the file are asked for in turn, each thread from another place on.
local threads = 0

function setup(thread)
    thread:set("number", threads)
    threads = threads + 1
end

function init(arguments)
    if arguments[1] == "POST" then
        wrk.method = "POST"
        wrk.body = arguments[2]
        wrk.headers["Content-Type"] = "application/json"
    elseif arguments[1] == "PATHS" then
        local requests = {}
        for path in io.lines(arguments[2]) do
            requests[#requests + 1] = wrk.format("GET", path)
        end
        local at = math.floor(#requests * number / 2)
        request = function()
            at = at % #requests + 1
            return requests[at]
        end
    end
end

function done(summary, latency, requests)
    local errors = summary.errors
    io.write(string.format(
        '\n{"requests":%d,"seconds":%.6f,"p50_us":%.0f,"p99_us":%.0f,"bad_status":%d,"broken":%d}\n',
        summary.requests, summary.duration / 1e6, latency:percentile(50), latency:percentile(99), errors.status,
        errors.connect + errors.read + errors.write + errors.timeout))
end
