#!/usr/bin/env python3
"""wordcount - counts lines, words and characters of a text, and its commonest words

Event: {"text": "...", "top": 10} (top may be left out)
Result: {"lines", "words", "characters", "different", "top": [{"word", "count"}, ...]}
"""

import collections
import json
import re
import sys

EX_DATAERR = 65  # sysexits.h: to try again would not help


def refuse(words):
    print(f"wordcount: {words}", file=sys.stderr)
    sys.exit(EX_DATAERR)


def read_event():
    try:
        body = json.load(sys.stdin.buffer)["body"]
    except (ValueError, KeyError, TypeError):
        refuse('standard input is no {"jobId":"...","body":...}')
    if not isinstance(body, dict) or not isinstance(body.get("text"), str):
        refuse('the event is {"text": "..."}')
    top = body.get("top", 10)
    if not isinstance(top, int) or isinstance(top, bool) or not 0 <= top <= 1000:
        refuse('"top" is a number from 0 to 1000')
    return body["text"], top


def main():
    text, top = read_event()
    words = re.findall(r"\w+(?:['’-]\w+)*", text)
    counts = collections.Counter(word.lower() for word in words)
    # The commonest first, and among equals by the alphabet: the same text gives the same answer.
    order = sorted(counts.items(), key=lambda item: (-item[1], item[0]))
    json.dump(
        {
            "lines": len(text.splitlines()),
            "words": len(words),
            "characters": len(text),
            "different": len(counts),
            "top": [{"word": word, "count": count} for word, count in order[:top]],
        },
        sys.stdout,
    )
    print()


main()
