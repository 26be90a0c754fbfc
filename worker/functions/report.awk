#!/usr/bin/awk -f
# report - what a web server's access log says: the busiest paths, status codes, bytes
#
# Event: {"log": "lines in the common or combined format", "top": 10, "pace": 100} (top and pace may be left out). With a pace it
# reads so many lines a second at most, for machines with other things to do, and for those who want to see it at work.
# Result: {"lines", "unread", "bytes", "statuses": {"200": n, ...}, "paths": [{"path", "requests", "bytes"}, ...]}
# Lines in another format are counted as unread. The log tells, twenty times, how far it is.
#
# The event has been checked to be JSON before it comes here. With escaped backslashes and quotes put aside (as \001 and \002,
# bytes that no JSON has), a string ends at the next quote, and that is how the event is taken apart.

BEGIN {
    RS = "\001" # no JSON has this byte: the event is one record
    progress = "JOBGATE_PROGRESS_FD" in ENVIRON ? "/dev/fd/" ENVIRON["JOBGATE_PROGRESS_FD"] : ""
}

{
    read_event($0)
    top = read_number("top", 10, 1000)
    pace = read_number("pace", 0, 1000000)
    count_lines(text("log"))
    print_report(top)
    done = 1
    exit 0
}

END {
    if (!done && !refused)
        refuse("standard input is empty")
    if (refused)
        exit 65
}

function refuse(words) {
    print "report: " words | "cat 1>&2"
    close("cat 1>&2")
    refused = 1
    exit 65
}

# ---- the event: members of the body go to value[] as they are written ----

function read_event(json,  at, name) {
    gsub(/\\\\/, "\001", json)
    gsub(/\\"/, "\002", json)
    if (!match(json, /^[{]"jobId":"[^"]*","body":/))
        refuse("standard input is no {\"jobId\":\"...\",\"body\":...}")
    json = substr(json, RLENGTH + 1)
    sub(/^[ \t\r\n]+/, "", json)
    if (substr(json, 1, 1) != "{")
        refuse("the event is {\"log\": \"...\"}")
    json = substr(json, 2)
    while (match(json, /^[ \t\r\n,]*"/)) {
        json = substr(json, RLENGTH + 1)
        at = index(json, "\"")
        name = substr(json, 1, at - 1)
        json = substr(json, at + 1)
        sub(/^[ \t\r\n]*:[ \t\r\n]*/, "", json)
        if (name != "log" && name != "top" && name != "pace")
            refuse("the event has \"log\", \"top\" and \"pace\", and nothing else")
        if (substr(json, 1, 1) == "\"") {
            at = index(substr(json, 2), "\"") + 1
            value[name] = substr(json, 1, at)
            json = substr(json, at + 1)
        } else {
            match(json, /^[^,} \t\r\n]*/)
            value[name] = substr(json, 1, RLENGTH)
            json = substr(json, RLENGTH + 1)
        }
    }
}

function read_number(name, otherwise, most) {
    if (!(name in value))
        return otherwise
    if (value[name] !~ /^[0-9]+$/ || value[name] + 0 > most)
        refuse("\"" name "\" is a number from 0 to " most)
    return value[name] + 0
}

# A string with its escapes undone, but for \u, which go into the result as they are; quoted() puts
# back the backslash (\001) and the quote.
function text(name,  s) {
    s = value[name]
    if (substr(s, 1, 1) != "\"")
        refuse("the event is {\"log\": \"...\"}")
    s = substr(s, 2, length(s) - 2)
    gsub(/\\n/, "\n", s)
    gsub(/\002/, "\"", s)
    gsub(/\\\//, "/", s)
    gsub(/\\[trbf]/, " ", s)
    return s
}

function quoted(s) {
    gsub(/"/, "\\\"", s)
    gsub(/\001/, "\\\\", s)
    return "\"" s "\""
}

# ---- the log ----

function count_lines(log_text,  i, n, lines, told) {
    n = split(log_text, lines, "\n")
    if (n > 0 && lines[n] == "")
        n--
    for (i = 1; i <= n; i++) {
        count_line(lines[i])
        if (int(i * 20 / n) > told) {
            told = int(i * 20 / n)
            tell_progress(told * 5, i " of " n " lines")
            tell_log(i " of " n " lines, " total["unread"] + 0 " unread")
            if (pace > 0)
                system("sleep " n / 20 / pace)
        }
    }
    total["lines"] = n
}

# host ident user [time] "METHOD path PROTOCOL" status bytes ...
function count_line(line,  request, words, path, after) {
    if (!match(line, /\] "[A-Z]+ [^ "]+[^"]*" [0-9][0-9][0-9] ([0-9]+|-)/)) {
        total["unread"]++
        return
    }
    request = substr(line, RSTART + 3, RLENGTH - 3)
    match(request, /" /)
    after = substr(request, RSTART + 2)
    split(request, words, " ")
    path = words[2]
    sub(/[?#"].*/, "", path)
    split(after, words, " ")
    statuses[words[1]]++
    requests[path]++
    bytes[path] += words[2]
    total["bytes"] += words[2]
}

function tell_log(words) {
    print words | "cat 1>&2"
    close("cat 1>&2")
}

function tell_progress(percent, words) {
    if (progress == "")
        return
    print percent " " words > progress
    close(progress)
}

# ---- the result ----

function print_report(top,  i, line) {
    printf "{\"lines\":%d,\"unread\":%d,\"bytes\":%.0f,\"statuses\":{", total["lines"], total["unread"], total["bytes"]
    for (i = 100; i <= 999; i++)
        if (i in statuses) {
            printf "%s\"%d\":%d", line, i, statuses[i]
            line = ","
        }
    printf "},\"paths\":["
    print_paths(top)
    print "]}"
}

# The busiest first, among equals by name: the same log gives the same report.
function print_paths(top,  i, path, best) {
    for (i = 1; i <= top; i++) {
        best = ""
        for (path in requests)
            if (best == "" || requests[path] > requests[best] || (requests[path] == requests[best] && path < best))
                best = path
        if (best == "")
            return
        printf "%s{\"path\":%s,\"requests\":%d,\"bytes\":%.0f}", (i > 1 ? "," : ""), quoted(best), requests[best], bytes[best]
        delete requests[best]
    }
}
