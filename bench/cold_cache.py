#!/usr/bin/env python3
"""Times a merge whose inputs are on the disk alone, beside `cat` of them and `dd` of one output with fsync, in turn.

    bench/cold_cache.py [--rounds N] RECIPE.yml INPUT.safetensors... [-- merge-engine [OPTION...]]

The inputs are put out of the page cache before each figure (posix_fadvise, which needs no rights and leaves other files' pages alone). The output goes
to a directory beside the recipe, which is removed.
"""
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time


def fail(sentence):
    sys.exit(f"cold_cache.py: {sentence}")


def evict(files):
    for path in files:
        handle = os.open(path, os.O_RDONLY)
        os.posix_fadvise(handle, 0, 0, os.POSIX_FADV_DONTNEED)
        os.close(handle)


def timed(command):
    started = time.monotonic()
    done = subprocess.run(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, encoding="utf-8", errors="replace")
    if done.returncode != 0:
        fail(f"{command[0]} did not run: {(done.stderr.strip().splitlines() or [f'exit code {done.returncode}'])[0]}")
    return time.monotonic() - started


def main(arguments):
    if any(word in ("-h", "--help") for word in arguments[:arguments.index("--") if "--" in arguments else None]):
        print(__doc__)
        return
    rounds = 5
    tool = ["merge-engine"]
    if "--" in arguments:
        at = arguments.index("--")
        arguments, tool = arguments[:at], arguments[at + 1:]
    if arguments[:1] == ["--rounds"]:
        number = arguments[1] if len(arguments) > 1 else ""
        if not number.isascii() or not number.isdigit() or int(number) < 1:
            fail(f"--rounds is '{number}', expected a whole number of 1 or more")
        rounds, arguments = int(number), arguments[2:]
    if len(arguments) < 2:
        fail("expected a recipe and the checkpoints that it reads; --help tells more")
    recipe, files = arguments[0], arguments[1:]
    for path in arguments:
        if not os.path.isfile(path):
            fail(f"{path}: {'is no file' if os.path.exists(path) else 'does not exist'}, expected {'a recipe' if path == recipe else 'a checkpoint that the recipe reads'}")
    if not tool or shutil.which(tool[0]) is None:
        fail(f"'{' '.join(tool)}' is no program here, expected merge-engine's command line after --")
    try:
        scratch = tempfile.mkdtemp(prefix="cold-", dir=os.path.dirname(os.path.abspath(recipe)))
    except OSError as error:
        fail(f"{os.path.dirname(os.path.abspath(recipe))}: cannot be written, where the output goes: {(error.strerror or str(error)).lower()}")
    figures = {"cat": [], "dd": [], "floor": [], "merge": [], "merge --no-hash": []}
    try:
        for _ in range(rounds):
            evict(files)
            figures["cat"].append(timed(["cat", *files]))
            subprocess.run(["cat", files[0]], check=True, stdout=subprocess.DEVNULL)
            figures["dd"].append(timed(["dd", f"if={files[0]}", f"of={scratch}/dd", "bs=4M", "conv=fsync"]))
            os.remove(f"{scratch}/dd")
            figures["floor"].append(figures["cat"][-1] + figures["dd"][-1])
            for name, options in (("merge", []), ("merge --no-hash", ["--no-hash"])):
                evict(files)
                figures[name].append(timed([*tool, "merge", recipe, f"{scratch}/out", "--quiet", *options]))
                shutil.rmtree(f"{scratch}/out")
    finally:
        shutil.rmtree(scratch)
    for name, seconds in figures.items():
        share = statistics.median(s / f for s, f in zip(seconds, figures["floor"]))
        print(f"{name:16} median {statistics.median(seconds):6.2f} s  best {min(seconds):6.2f} s  of the floor {share:.2f}")


if __name__ == "__main__":
    main(sys.argv[1:])
