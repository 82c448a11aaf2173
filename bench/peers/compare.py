#!/usr/bin/env python3
"""Runs merge-engine and a peer, one process after the other in turn (A B A B ...), and prints the medians and their ratio.

    bench/peers/compare.py gemm --threads 2
    bench/peers/compare.py latency --peer onnxruntime --model minilm-32
    bench/peers/compare.py step --model bert-base --batch 16
    bench/peers/compare.py merge --method ties --turns 3
    bench/peers/compare.py latency --nuget --peer onnxruntime --model minilm-32
"""

import argparse
import json
import os
import shlex
import subprocess
import sys
import tempfile

import encoders
import merge
import report

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.normpath(os.path.join(HERE, "..", ".."))
ENGINE = os.path.join(ROOT, "bin", "merge-engine")
NUGET = os.path.join(ROOT, "artifacts", "bin", "MergeEngine.Peers", "release", "merge-engine-peers" + (".exe" if os.name == "nt" else ""))
PEERS = {"gemm": ["torch"], "step": ["torch"], "latency": ["torch", "onnxruntime"], "merge": ["mergekit"]}
# The shapes of which the peer's shares are in README.md.
SHAPES = "512x512x512,1024x1024x1024,2048x2048x2048,3072x3072x3072,50x768x768,50x3072x768,50x768x3072," \
    "400x3072x768,400x768x3072,1600x3072x768,1600x768x3072,2048x3072x768"
# What makes two results the same case, the figure that is compared, and whether more of it is better.
FIGURES = {"gemm": (("m", "n", "k"), "median_gflops", True), "step": (("model", "batch"), "median", False),
           "latency": (("model", "batch"), "median", False), "merge": (("method",), "seconds", False)}
# What is printed beside it, where both programs tell it: of the best round, and of the slowest in a hundred.
BESIDE = {"gemm": [("gflops", "best")], "step": [("best", "best"), ("p99", "p99")], "latency": [("best", "best"), ("p99", "p99")], "merge": []}
UNITS = {"gemm": "GFLOP/s", "step": "ms", "latency": "ms", "merge": "s"}


def words(command, option):
    try:
        parts = shlex.split(command)
    except ValueError as error:
        fail(f"{option} is '{command}': {str(error).lower()}")
    return parts or fail(f"{option} is '{command}', expected a command line")


def commands(arguments, models):
    """The engine's command line and the peer's."""
    threads, suite = ["--threads", str(arguments.threads)], arguments.suite
    python = [sys.executable, os.path.join(HERE, f"{suite}.py")]
    engine = words(arguments.engine, "--engine") if arguments.engine is not None else [ENGINE]
    if suite == "merge":
        options = [f"--method={method}" for method in arguments.method or merge.METHODS] + ["--directory", models, *threads]
        return [*python, "--program", "merge-engine", "--executable", *engine, *options], [*python, "--program", "mergekit", *options]
    options = ["--rounds", str(arguments.rounds)] if arguments.rounds else []
    if suite == "gemm":
        options += ["--shapes", arguments.shapes]
    else:
        options += ["--model", arguments.model, "--batch", str(arguments.batch or (32 if suite == "step" else 1))]
    runtime = ["--runtime", arguments.peer] if suite == "latency" else []
    peer = [NUGET, suite] if arguments.nuget else python
    return [*engine, "bench", suite, "--json", *options, *threads], [*peer, *options, *runtime, *threads]


def fail(sentence):
    sys.exit(f"compare.py: {sentence}")


def document(command, who, suite, threads, last_line):
    """What a program printed. Python ends with its reason, merge-engine begins with it."""
    # Some builds of PyTorch take the number of threads for their matrix products from here alone.
    environment = {**os.environ, **dict.fromkeys(["OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"], str(threads))}
    try:
        done = subprocess.run(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, encoding="utf-8", errors="replace")
    except OSError as error:
        fail(f"{who} did not start: {command[0]}: {error.strerror or error}")
    if done.returncode != 0:
        lines = done.stderr.strip().splitlines() or [f"exit code {done.returncode}"]
        print(f"compare.py: {who} did not run: {lines[-1 if last_line else 0]}", file=sys.stderr)
        sys.exit(report.MISSING if done.returncode == report.MISSING else 1)
    return checked(done.stdout, who, suite)


def checked(text, who, suite):
    """The document, once it has all that is compared; else one sentence that says what is not there."""
    try:
        found = json.loads(text)
    except ValueError:
        fail(f"{who} printed '{' '.join(text.split())[:40]}', expected the JSON document of merge-engine bench {suite} --json")
    results = found.get("results") if isinstance(found, dict) else None
    if not isinstance(results, list):
        fail(f"{who} printed JSON without a list 'results', expected that of merge-engine bench {suite} --json")
    if found.get("suite", suite) != suite:
        fail(f"{who} printed figures of '{found['suite']}', expected those of '{suite}'")
    keys, figure, _ = FIGURES[suite]
    for number, result in enumerate(results, 1):
        for key in (*keys, figure):
            if not isinstance(result, dict) or key not in result:
                fail(f"{who} printed no '{key}' in result {number}, expected {', '.join((*keys, figure))} in each result of '{suite}'")
        if type(result[figure]) not in (int, float) or not result[figure] > 0:
            fail(f"{who} printed {result[figure]!r} as '{figure}' of result {number}, expected a number above 0")
    return found


def count(number, what):
    return f"{number} {what}" if number == 1 else f"{number} {what}s"


def counter(least):
    """A whole number of the command line."""
    def parse(text):
        if not text.isascii() or not text.isdigit() or int(text) < least:
            raise argparse.ArgumentTypeError(f"'{text}', expected a whole number of {least} or more")
        return int(text)
    return parse


def shapes(text):
    """Products of the command line, as merge-engine takes them."""
    for word in text.split(","):
        sizes = word.split("x")
        if len(sizes) != 3 or not all(size.isascii() and size.isdigit() and 1 <= int(size) <= 65536 for size in sizes):
            raise argparse.ArgumentTypeError(f"'{word}', expected MxNxK with numbers from 1 to 65536, and commas between products")
    return text


def output(path):
    """A file to write, tried before anything runs."""
    existed = os.path.exists(path)
    try:
        with open(path, "a", encoding="utf-8"):
            pass
        if not existed:
            os.remove(path)
    except OSError as error:
        raise argparse.ArgumentTypeError(f"'{path}', which cannot be written: {(error.strerror or str(error)).lower()}") from error
    return path


def compare(suite, pairs):
    """A row for each case that both programs measured."""
    keys, figure, more_is_better = FIGURES[suite]
    peaks = [engine.get("peak_gflops", 0) for engine, _ in pairs]
    turns = {}
    for engine, peer in pairs:
        ours = {tuple(result[key] for key in keys): result for result in engine["results"]}
        for theirs in peer["results"]:
            case = tuple(theirs[key] for key in keys)
            if case in ours:
                turns.setdefault(case, []).append((ours[case], theirs))
    for case, results in turns.items():
        engine, peer = (report.median([pair[side][figure] for pair in results]) for side in (0, 1))
        ratio = report.median([ours[figure] / theirs[figure] for ours, theirs in results])
        # The peak that was measured with the case itself, where the engine tells it: a shared machine's speed changes within a minute.
        peak = max((ours.get("peak_gflops") or 0 for ours, _ in results), default=0) or max(peaks)
        row = {**dict(zip(keys, case)), "engine": engine, "peer": peer, "ratio": ratio, "turns": len(results)}
        if suite == "gemm" and peak:
            row.update(engine_share=engine / peak, peer_share=peer / peak)
        elif suite != "merge" and peak and all("gflops" in ours for ours, _ in results):
            # Both do the operations that the engine counts.
            operations = report.median([ours["gflops"] * ours["median"] for ours, _ in results])
            row.update(engine_share=operations / engine / peak, peer_share=operations / peer / peak)
        best_of = max if more_is_better else min
        for key, name in BESIDE[suite]:
            if all(key in result for pair in results for result in pair):
                middle = best_of if name == "best" else report.median
                row.update({f"{program}_{name}": middle([pair[side][key] for pair in results]) for side, program in enumerate(("engine", "peer"))})
        yield row


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("suite", choices=PEERS)
    parser.add_argument("--peer", choices=sorted({name for names in PEERS.values() for name in names}), help="the first that the suite has, if left out")
    parser.add_argument("--threads", type=counter(1), default=os.cpu_count(), help="of both programs; all cores if left out")
    parser.add_argument("--turns", type=counter(1), default=5, help="processes of each program")
    parser.add_argument("--rounds", type=counter(0), default=0, help="measurements within a process; each program's own number if left out")
    parser.add_argument("--shapes", type=shapes, default=SHAPES, help="of gemm: MxNxK,...")
    parser.add_argument("--model", choices=encoders.MODELS, default=encoders.MODELS[0], help="of step and latency")
    parser.add_argument("--batch", type=counter(0), default=0, help="of step and latency; 32 and 1 if left out")
    parser.add_argument("--method", choices=merge.METHODS, action="append", help="of merge, may be repeated; all if left out")
    parser.add_argument("--engine", help="merge-engine's command line; bin/merge-engine, which ./build.sh makes, if left out")
    other = parser.add_mutually_exclusive_group()
    other.add_argument("--nuget", action="store_true", help="PyTorch and ONNX Runtime from NuGet instead of Python's: needs 'dotnet build -c Release bench/peers/nuget'")
    other.add_argument("--peer-command", help="another program in the peer's place that prints the same JSON; its words are split as a shell does, but no shell runs it, no option is added, and nothing is checked before it starts")
    parser.add_argument("--json", type=output, metavar="FILE", help="writes the rows there too")
    arguments = parser.parse_args()
    arguments.peer = arguments.peer or PEERS[arguments.suite][0]
    if arguments.peer not in PEERS[arguments.suite]:
        parser.error(f"--peer is '{arguments.peer}', expected {' or '.join(PEERS[arguments.suite])} for {arguments.suite}")
    if arguments.nuget and arguments.suite == "merge":
        parser.error("--nuget was given with merge, expected gemm, step or latency: mergekit is Python's")
    if arguments.nuget and not os.path.exists(NUGET):
        fail(f"{NUGET} is not there, expected the program that 'dotnet build -c Release bench/peers/nuget' makes")
    with tempfile.TemporaryDirectory() as models:
        ours, theirs = commands(arguments, models)
        if arguments.peer_command is not None:
            theirs = words(arguments.peer_command, "--peer-command")
        pairs = []
        for turn in range(arguments.turns):
            # The peer first: where it is missing, that is known at once.
            peer = document(theirs, arguments.peer_command or arguments.peer, arguments.suite, arguments.threads, last_line=True)
            pairs.append((document(ours, "merge-engine", arguments.suite, arguments.threads, last_line=arguments.suite == "merge"), peer))
            print(f"turn {turn + 1} of {arguments.turns}", file=sys.stderr)
    rows = list(compare(arguments.suite, pairs))
    if not rows:
        fail("the two programs measured no case in common")
    keys, unit = FIGURES[arguments.suite][0], UNITS[arguments.suite]
    better = "more" if FIGURES[arguments.suite][2] else "less"
    program = pairs[0][1].get("program") or arguments.peer_command or arguments.peer
    print(f"{arguments.suite}, {count(arguments.threads, 'thread')}, {count(arguments.turns, 'turn')}; {better} is better, medians over turns, ratio = merge-engine / {program}\n")
    beside = [name for _, name in BESIDE[arguments.suite] if all(f"peer_{name}" in row for row in rows)]
    more = "".join(f" merge-engine {name} | {program} {name} |" for name in beside)
    print(f"| {' x '.join(keys)} | merge-engine {unit} | of the peak | {program} {unit} | of the peak | ratio |{more}\n|---|---|---|---|---|---|{'---|---|' * len(beside)}")
    for row in rows:
        shares = [f"{100 * row[side]:.0f} %" if side in row else "" for side in ("engine_share", "peer_share")]
        tail = [f" {row[f'{who}_{name}']:.4g} |" for name in beside for who in ("engine", "peer")]
        print(f"| {' x '.join(str(row[key]) for key in keys)} | {row['engine']:.4g} | {shares[0]} | {row['peer']:.4g} | {shares[1]} | {row['ratio']:.2f} |{''.join(tail)}")
    if arguments.json:
        with open(arguments.json, "w", encoding="utf-8") as file:
            json.dump({"suite": arguments.suite, "threads": arguments.threads, "turns": arguments.turns, "peer": program, "machine": pairs[0][0].get("machine"), "results": rows}, file, indent=2)
            file.write("\n")


if __name__ == "__main__":
    main()
