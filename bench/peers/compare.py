#!/usr/bin/env python3
"""Runs merge-engine and a peer, one process after the other in turn (A B A B ...), and prints the medians and their ratio.

    bench/peers/compare.py gemm --threads 2
    bench/peers/compare.py latency --peer onnxruntime --model minilm-32
    bench/peers/compare.py step --model bert-base --batch 16
    bench/peers/compare.py merge --method ties --turns 3
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
ENGINE = os.path.join(HERE, "..", "..", "bin", "merge-engine")
PEERS = {"gemm": ["torch"], "step": ["torch"], "latency": ["torch", "onnxruntime"], "merge": ["mergekit"]}
# The shapes of which the peer's shares are in README.md.
SHAPES = "512x512x512,1024x1024x1024,2048x2048x2048,3072x3072x3072,50x768x768,50x3072x768,50x768x3072," \
    "400x3072x768,400x768x3072,1600x3072x768,1600x768x3072,2048x3072x768"
# What makes two results the same case, the figure that is compared, and whether more of it is better.
FIGURES = {"gemm": (("m", "n", "k"), "median_gflops", True), "step": (("model", "batch"), "median", False),
           "latency": (("model", "batch"), "median", False), "merge": (("method",), "seconds", False)}
UNITS = {"gemm": "GFLOP/s", "step": "ms", "latency": "ms", "merge": "s"}


def commands(arguments, models):
    """The engine's command line and the peer's."""
    threads, suite = ["--threads", str(arguments.threads)], arguments.suite
    python = [sys.executable, os.path.join(HERE, f"{suite}.py")]
    engine = shlex.split(arguments.engine) if arguments.engine else [ENGINE]
    if suite == "merge":
        options = [f"--method={method}" for method in arguments.method or merge.METHODS] + ["--directory", models, *threads]
        return [*python, "--program", "merge-engine", "--executable", *engine, *options], [*python, "--program", "mergekit", *options]
    options = ["--rounds", str(arguments.rounds)] if arguments.rounds else []
    if suite == "gemm":
        options += ["--shapes", arguments.shapes]
    else:
        options += ["--model", arguments.model, "--batch", str(arguments.batch or (32 if suite == "step" else 1))]
    runtime = ["--runtime", arguments.peer] if suite == "latency" else []
    return [*engine, "bench", suite, "--json", *options, *threads], [*python, *options, *runtime, *threads]


def document(command, who):
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    if done.returncode != 0:
        reason = done.stderr.strip().splitlines()[-1:] or [f"exit code {done.returncode}"]
        print(f"compare.py: {who} did not run: {reason[0]}", file=sys.stderr)
        sys.exit(report.MISSING if done.returncode == report.MISSING else 1)
    return json.loads(done.stdout)


def compare(suite, pairs):
    """A row for each case that both programs measured."""
    keys, figure, more_is_better = FIGURES[suite]
    peak = max((engine.get("peak_gflops", 0) for engine, _ in pairs), default=0)
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
        row = {**dict(zip(keys, case)), "engine": engine, "peer": peer, "ratio": ratio, "turns": len(results)}
        if suite == "gemm" and peak:
            row.update(engine_share=engine / peak, peer_share=peer / peak)
        elif suite != "merge" and peak:
            # Both do the operations that the engine counts.
            operations = report.median([ours["gflops"] * ours["median"] for ours, _ in results])
            row.update(engine_share=operations / engine / peak, peer_share=operations / peer / peak)
        yield row


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("suite", choices=PEERS)
    parser.add_argument("--peer", choices=sorted({name for names in PEERS.values() for name in names}), help="the first that the suite has, if left out")
    parser.add_argument("--threads", type=int, default=os.cpu_count(), help="of both programs; all cores if left out")
    parser.add_argument("--turns", type=int, default=5, help="processes of each program")
    parser.add_argument("--rounds", type=int, default=0, help="measurements within a process; each program's own number if left out")
    parser.add_argument("--shapes", default=SHAPES, help="of gemm: MxNxK,...")
    parser.add_argument("--model", choices=encoders.MODELS, default=encoders.MODELS[0], help="of step and latency")
    parser.add_argument("--batch", type=int, default=0, help="of step and latency; 32 and 1 if left out")
    parser.add_argument("--method", choices=merge.METHODS, action="append", help="of merge, may be repeated; all if left out")
    parser.add_argument("--engine", help="merge-engine's command line; bin/merge-engine, which ./build.sh makes, if left out")
    parser.add_argument("--peer-command", help="another program in the peer's place that prints the same JSON")
    parser.add_argument("--json", metavar="FILE", help="writes the rows there too")
    arguments = parser.parse_args()
    arguments.peer = arguments.peer or PEERS[arguments.suite][0]
    if arguments.peer not in PEERS[arguments.suite]:
        parser.error(f"--peer is '{arguments.peer}', expected {' or '.join(PEERS[arguments.suite])} for {arguments.suite}")
    with tempfile.TemporaryDirectory() as models:
        ours, theirs = commands(arguments, models)
        if arguments.peer_command:
            theirs = shlex.split(arguments.peer_command)
        pairs = []
        for turn in range(arguments.turns):
            # The peer first: where it is missing, that is known at once.
            peer = document(theirs, arguments.peer_command or arguments.peer)
            pairs.append((document(ours, "merge-engine"), peer))
            print(f"turn {turn + 1} of {arguments.turns}", file=sys.stderr)
    rows = list(compare(arguments.suite, pairs))
    if not rows:
        sys.exit("compare.py: the two programs measured no case in common")
    keys, unit = FIGURES[arguments.suite][0], UNITS[arguments.suite]
    better = "more" if FIGURES[arguments.suite][2] else "less"
    program = pairs[0][1].get("program", arguments.peer)
    print(f"{arguments.suite}, {arguments.threads} threads, {arguments.turns} turns; {better} is better, medians over turns, ratio = merge-engine / {program}\n")
    print(f"| {' x '.join(keys)} | merge-engine {unit} | of the peak | {program} {unit} | of the peak | ratio |\n|---|---|---|---|---|---|")
    for row in rows:
        shares = [f"{100 * row[side]:.0f} %" if side in row else "" for side in ("engine_share", "peer_share")]
        print(f"| {' x '.join(str(row[key]) for key in keys)} | {row['engine']:.4g} | {shares[0]} | {row['peer']:.4g} | {shares[1]} | {row['ratio']:.2f} |")
    if arguments.json:
        with open(arguments.json, "w", encoding="utf-8") as file:
            json.dump({"suite": arguments.suite, "threads": arguments.threads, "turns": arguments.turns, "peer": program, "machine": pairs[0][0].get("machine"), "results": rows}, file, indent=2)
            file.write("\n")


if __name__ == "__main__":
    main()
