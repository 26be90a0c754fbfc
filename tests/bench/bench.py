#!/usr/bin/python3
"""make bench: every row of the performance promise as a ratio, measured side by side in one run. See README.md."""

import argparse
import json
import os
import platform
import shutil
import signal
import sys

import picture
import rows
import rows_large
from installation import Installation, disk_folder, file_system
from load import Broken


def arguments():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--build", default=".", help="the build folder (default: here)")
    parser.add_argument("--rows", help="only these, as in 1,2,10")
    parser.add_argument("--rounds", type=int, default=5, help="rounds of each side (default 5)")
    parser.add_argument("--seconds", type=int, default=3, help="length of a round (default 3)")
    parser.add_argument("--dir", help="work below this folder; it must be on a disk")
    parser.add_argument("--out", default="bench-results", help="folder for results.json, .txt and .svg")
    parser.add_argument("--large", action="store_true", help="the rows with many jobs stored, instead of the others")
    parser.add_argument("--jobs", type=int, default=1000000, help="how many those are (default 1,000,000)")
    parser.add_argument("--strict", action="store_true", help="exit 1 when a row misses its bar")
    parser.add_argument("--keep", action="store_true", help="leave the working folder for a look")
    return parser.parse_args()


def figure(value, unit):
    text = f"{value:,.0f}" if unit == "/s" else f"{value:.2f}"
    return text + ("" if unit == "/s" else " ") + unit


def verdict(result):
    if result.reaches(result.row.aim):
        return "aim reached"
    return "pass" if result.reaches(result.row.must) else "MISSED"


def table(results):
    sign = lambda row: "≥" if row.higher_is_better else "≤"
    lines = [("row", "what", "ours", "against", "", "ratio", "must", "aim", "", "note")]
    for r in results:
        lines.append((r.row.number, r.row.what, figure(r.ours, r.row.unit), r.row.against,
                      figure(r.theirs, r.row.unit), f"{r.ratio:.2f}", f"{sign(r.row)} {r.row.must:g}",
                      f"{sign(r.row)} {r.row.aim:g}", verdict(r), r.note))
    widths = [max(len(line[i]) for line in lines) for i in range(len(lines[0]))]
    right = (0, 2, 4, 5)
    return "\n".join("  ".join(cell.rjust(width) if i in right else cell.ljust(width)
                               for i, (cell, width) in enumerate(zip(line, widths))).rstrip() for line in lines)


def machine(folder):
    return (f"{os.cpu_count()} cores, {platform.system()} {platform.release()}, {file_system(folder)}, "
            f"load {os.getloadavg()[0]:.1f} at the start")


def warn_of_company():
    """Rows 4 and 5 wait for other processes again and again, and so for whatever else the machine does."""
    if os.getloadavg()[0] > 0.5 * os.cpu_count():
        print("bench: the machine is busy with something else: the ratios, rows 4 and 5 above all, will be worse than they are",
              file=sys.stderr)


def measure(bench, measures, chosen):
    results, broken = [], []
    for number in chosen:
        print(f"  row {number}: {rows.ROWS[number].what}", file=sys.stderr, flush=True)
        try:
            results.append(measures[number](bench))
        except Broken as reason:
            broken.append(f"row {number} could not be measured: {reason}")
            print("    " + broken[-1], file=sys.stderr)
    return results, broken


def write(options, results, text, about):
    os.makedirs(options.out, exist_ok=True)
    records = [{"row": r.row.number, "what": r.row.what, "against": r.row.against, "ours": r.ours, "theirs": r.theirs,
                "unit": r.row.unit, "ratio": r.ratio, "must": r.row.must, "aim": r.row.aim,
                "higher_is_better": r.row.higher_is_better, "verdict": verdict(r), "note": r.note} for r in results]
    with open(os.path.join(options.out, "results.json"), "w", encoding="utf-8") as file:
        json.dump({"about": about, "rows": records}, file, indent=1)
    with open(os.path.join(options.out, "results.txt"), "w", encoding="utf-8") as file:
        file.write(text + "\n")
    with open(os.path.join(options.out, "results.svg"), "w", encoding="utf-8") as file:
        file.write(picture.draw(records, about))


def main():
    options = arguments()
    measures = rows_large.MEASURE if options.large else rows.MEASURE
    chosen = options.rows.split(",") if options.rows else list(measures)
    unknown = set(chosen) - set(measures)
    if unknown:
        sys.exit(f"bench: no row {', '.join(sorted(unknown))} here; there are {', '.join(measures)}")
    for tool in ("lighttpd", "wrk"):
        if shutil.which(tool, path=os.environ.get("PATH", "") + ":/usr/sbin") is None:
            sys.exit(f"bench: {tool} is not installed")
    os.environ["PATH"] += ":/usr/sbin"
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, lambda *_: sys.exit(1))  # by way of `finally`: nothing is left behind
    warn_of_company()
    parent = disk_folder(options.dir)
    about = f"{options.rounds} rounds of {options.seconds} s, medians; {machine(parent)}"
    if options.large:
        bench = rows_large.LargeBench(options.build, parent, options.rounds, options.seconds, options.jobs)
    else:
        bench = rows.Bench(Installation(options.build, parent), options.rounds, options.seconds)
    try:
        results, broken = measure(bench, measures, chosen)
    finally:
        bench.close(options.keep)
    text = "\n".join([about, "", table(results), *broken])
    print(text)
    write(options, results, text, about)
    missed = [r for r in results if not r.reaches(r.row.must)]
    return 1 if broken or (options.strict and missed) else 0


if __name__ == "__main__":
    sys.exit(main())
