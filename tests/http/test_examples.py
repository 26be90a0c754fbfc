"""The example functions do something real, each from an event to a result."""

import base64
import struct
import zlib

import pytest

pytestmark = pytest.mark.only("lighttpd", "apache-cgi")

LOG = """\
192.0.2.1 - - [23/Nov/2026:05:09:00 +0000] "GET /a HTTP/1.1" 200 100
192.0.2.2 - me [23/Nov/2026:05:09:01 +0000] "GET /a?x=1 HTTP/1.1" 200 50 "-" "curl/8"
192.0.2.3 - - [23/Nov/2026:05:09:02 +0000] "POST /b HTTP/1.1" 404 7
what is this
"""


def png(width, height):
    """A grey image."""

    def chunk(kind, content):
        return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))

    rows = (b"\0" + b"\x80" * width) * height
    head = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")


def test_job_handler_says_what_the_samples_handler_does(api):
    document = api.run({"any": "thing"})
    assert document["function"] == "job_handler"
    result = document["result"]
    assert result["jobId"] == document["jobId"] and result["status"] == "Processed" and result["createdAt"]


def test_wordcount(api):
    result = api.run({"text": "to be or not to be\n"}, function="wordcount")["result"]
    assert result["words"] == 6 and result["different"] == 4
    assert result["top"][:2] == [{"word": "be", "count": 2}, {"word": "to", "count": 2}]


def test_primes(api):
    document = api.run({"below": 1_000_000}, function="primes")
    assert document["result"] == {"below": 1_000_000, "count": 78498, "largest": 999983}
    assert document["progress"]["percent"] == 100


def test_report(api):
    result = api.run({"log": LOG, "top": 1}, function="report")["result"]
    assert result["statuses"] == {"200": 2, "404": 1}
    assert result["unread"] == 1 and result["bytes"] == 157
    assert result["paths"] == [{"path": "/a", "requests": 2, "bytes": 150}]


def test_thumbnail(api):
    image = base64.b64encode(png(400, 300)).decode()
    document = api.run({"image": image, "width": 100, "height": 100}, function="thumbnail")
    assert document["status"] == "SUCCEEDED", document
    result = document["result"]
    assert (result["contentType"], result["width"], result["height"]) == ("image/png", 100, 75)
    smaller = base64.b64decode(result["data"])
    assert struct.unpack(">II", smaller[16:24]) == (100, 75)


@pytest.mark.parametrize("function", ["wordcount", "primes", "report", "thumbnail"])
def test_wrong_event_is_refused_for_good(api, function):
    document = api.run({"nothing": "of use"}, function=function)
    assert document["status"] == "FAILED" and document["attempts"] == 1
    assert "65" in document["error"]["message"], document["error"]
    assert api.get(f"/job/{document['jobId']}/log").body.startswith(function.encode() + b": ")
