"""What the peers' scripts share: repeated timing, the JSON document, and one sentence where a library is missing."""

import importlib
import json
import sys
import time

MISSING = 3


def require(*names):
    """Imports modules (a list of them, of several names); ends the process with code 3 and one sentence that names those that are not installed."""
    modules, missing = [], []
    for name in names:
        try:
            modules.append(importlib.import_module(name))
        except ImportError:
            missing.append(name.split(".")[0])
    if missing:
        print(f"not installed here: {', '.join(missing)}; install with: python -m pip install {' '.join(missing)}", file=sys.stderr)
        sys.exit(MISSING)
    return modules if len(modules) > 1 else modules[0]


def seconds_of(call, rounds, warm_up=3):
    """Sorted seconds of each call."""
    for _ in range(warm_up):
        call()
    times = []
    for _ in range(rounds):
        start = time.perf_counter()
        call()
        times.append(time.perf_counter() - start)
    return sorted(times)


def median(values):
    """The middle value; of an even number, the mean of the two in the middle."""
    ordered, half = sorted(values), len(values) // 2
    return ordered[half] if len(ordered) % 2 else (ordered[half - 1] + ordered[half]) / 2


def p99(times):
    return times[min(len(times) - 1, -(-99 * len(times) // 100) - 1)]


def timed(arguments, what, times):
    """A pass of an encoder, in milliseconds, of sorted seconds."""
    milliseconds = [1e3 * time for time in times]
    return {
        "model": arguments.model, "pass": what, "batch": arguments.batch, "rounds": len(times), "best": milliseconds[0], "median": median(milliseconds), "p99": p99(milliseconds)}


def write(suite, program, threads, results):
    """The part of `merge-engine bench --json` that the runner reads."""
    json.dump({"suite": suite, "program": program, "threads": threads, "results": results}, sys.stdout, indent=2)
    print()
