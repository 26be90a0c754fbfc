"""The table as a picture: SVG by hand, readable on light and dark pages.

    python3 picture.py results.json [more.json…] > results.svg
"""

import json
import sys
from xml.sax.saxutils import escape

WIDTH, LEFT, RIGHT = 760, 272, 596  # the bars lie between LEFT and RIGHT
LINE, HEAD = 40, 64

STYLE = """
text { font: 13px system-ui, -apple-system, "Segoe UI", sans-serif; fill: #1f2328 }
.title { font-size: 15px; font-weight: 600 } .small { font-size: 11px } .small, .head { fill: #59636e }
.figure { font-weight: 600; font-variant-numeric: tabular-nums }
.track { fill: #eaeef2 } .good { fill: #2f7d6b } .pass { fill: #5b8fb9 } .missed { fill: #b35900 }
.must { stroke: #1f2328; stroke-width: 1.5 } .aim { stroke: #1f2328; stroke-width: 1.5; stroke-dasharray: 2 3 }
@media (prefers-color-scheme: dark) {
text { fill: #e6edf3 } .small, .head { fill: #9198a1 } .track { fill: #262c36 } .good { fill: #3fa58c }
.pass { fill: #6ca6d6 } .missed { fill: #e08b3a } .must, .aim { stroke: #e6edf3 } }
"""


def text(x, y, words, kind="", anchor="start"):
    return f'<text x="{x:g}" y="{y:g}" class="{kind}" text-anchor="{anchor}">{escape(words)}</text>'


def figure(value, unit):
    return f"{value:,.0f}{unit}" if unit == "/s" else f"{value:.2f} {unit}"


def bar(row, y):
    """One row: name and comparison at the left, the ratio as a bar with marks at the bar and the aim, figures at the right."""
    scale = max(row["must"], row["aim"], row["ratio"]) * 1.05
    at = lambda value: LEFT + (RIGHT - LEFT) * value / scale
    kind = {"aim reached": "good", "pass": "pass"}.get(row["verdict"], "missed")
    mark = lambda value, style: (f'<line class="{style}" x1="{at(value):.1f}" y1="{y - 3}" '
                                 f'x2="{at(value):.1f}" y2="{y + 17}"/>')
    return [text(16, y + 6, row["what"]), text(16, y + 20, "against " + row["against"], "small"),
            f'<rect class="track" x="{LEFT}" y="{y}" width="{RIGHT - LEFT}" height="14" rx="3"/>',
            f'<rect class="{kind}" x="{LEFT}" y="{y}" width="{at(row["ratio"]) - LEFT:.1f}" height="14" rx="3"/>',
            mark(row["must"], "must"), mark(row["aim"], "aim"),
            text(RIGHT + 14, y + 6, f'{row["ratio"]:.2f}', "figure"),
            text(RIGHT + 14, y + 20, figure(row["ours"], row["unit"]) + " : " + figure(row["theirs"], row["unit"]),
                 "small")]


def draw(rows, about):
    """rows as in results.json"""
    parts, y = [], HEAD
    for higher, words in ((True, "longer is better"), (False, "shorter is better")):
        chosen = [row for row in rows if row["higher_is_better"] == higher]
        if chosen:
            parts.append(text(LEFT, y, words, "head small"))
            y += 14
            for row in chosen:
                parts += bar(row, y)
                y += LINE
            y += 14
    height = y + 18
    told = "; ".join(f'{row["what"]}: {row["ratio"]:.2f} against {row["against"]}' for row in rows)
    return "\n".join([
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" width="{WIDTH}" height="{height}" '
        f'role="img"><title>Jobgate, side by side</title><desc>{escape(told)}</desc><style>{STYLE}</style>',
        text(16, 26, "Jobgate against the least that could do it", "title"),
        text(16, 44, "ratio of the two, side by side in one run. Line: what it must reach. Dotted: the aim.", "small"),
        *parts, text(16, height - 12, about, "small"), "</svg>", ""])


if __name__ == "__main__":
    runs = []
    for name in sys.argv[1:]:
        with open(name, encoding="utf-8") as source:
            runs.append(json.load(source))
    sys.stdout.write(draw([row for run in runs for row in run["rows"]], runs[0]["about"]))
