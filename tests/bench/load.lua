-- load.lua - one kind of request for wrk, and its figures as one line of JSON
--
--     wrk … -s load.lua URL -- [POST BODY]
--
-- There is no request() here: wrk then formats the request once and its own work stays small.
function init(arguments)
    if arguments[1] == "POST" then
        wrk.method = "POST"
        wrk.body = arguments[2]
        wrk.headers["Content-Type"] = "application/json"
    end
end

function done(summary, latency, requests)
    local errors = summary.errors
    io.write(string.format(
        '\n{"requests":%d,"seconds":%.6f,"p50_us":%.0f,"p99_us":%.0f,"bad_status":%d,"broken":%d}\n',
        summary.requests, summary.duration / 1e6, latency:percentile(50), latency:percentile(99), errors.status,
        errors.connect + errors.read + errors.write + errors.timeout))
end
