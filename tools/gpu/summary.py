"""Puts the files that tools/gpu-check.sh left into summary.json and a table, summary.md: `summary.py DIRECTORY`."""
import json
import pathlib
import sys

folder = pathlib.Path(sys.argv[1])


def load(name):
    try:
        return json.loads((folder / name).read_text())
    except (OSError, ValueError):
        return None


def steps():
    for line in (folder / "steps.tsv").read_text().splitlines():
        name, status, seconds = line.split("\t")
        yield {"name": name, "status": status, "seconds": int(seconds), "summary": tests(name)}


def tests(name):
    """The line in which a test program or a sanitizer says how it ended."""
    try:
        lines = (folder / f"{name}.log").read_text(errors="replace").splitlines()
    except OSError:
        return None
    found = [line.strip() for line in lines if "Total:" in line or "ERROR SUMMARY" in line or "RACECHECK SUMMARY" in line]
    return found[-1] if found else None


def passes():
    """Our passes beside every mode of PyTorch that gave a time."""
    torch = (load("torch.json") or {}).get("results", [])
    for path in sorted(folder.glob("*.json")):
        report = load(path.name)
        if not isinstance(report, dict) or "time" not in report:
            continue
        time, precision = report["time"], report["precision"].lower()
        peers = [p for p in torch if (p["model"], p["pass"], p["precision"]) == (time["model"], time["pass"], precision) and "median" in p]
        yield {**time, "precision": precision, "torch": {p["mode"]: {"median": p["median"], "ratio": time["median"] / p["median"]} for p in peers}}


def kernels():
    for name in ("elementwise.json", "gemm.json"):
        yield from (load(name) or {}).get("kernels", [])


summary = {"steps": list(steps()), "kernels": list(kernels()), "passes": list(passes()), "cublas": (load("gemm-loop.json") or {}).get("results", []), "torch": load("torch.json")}
(folder / "summary.json").write_text(json.dumps(summary, indent=2) + "\n")

lines = ["| part | status | seconds | result |", "|---|---|---|---|"]
lines += [f"| {s['name']} | {'ok' if s['status'] == '0' else s['status']} | {s['seconds']} | {s['summary'] or ''} |" for s in summary["steps"]]
lines += ["", "| kernel | rate | ceiling | unit | share |", "|---|---|---|---|---|"]
lines += [f"| {k['name']} | {k['rate']:.1f} | {k['ceiling']:.1f} | {k['unit']} | {k['rate'] / k['ceiling']:.0%} |" for k in summary["kernels"] if k.get("ceiling")]
lines += ["", "| model | pass | batch | precision | median ms | p99 / median | GFLOP/s | PyTorch: median ms (ours over it) |", "|---|---|---|---|---|---|---|---|"]
for p in summary["passes"]:
    peers = ", ".join(f"{mode} {t['median']:.3f} ({t['ratio']:.2f})" for mode, t in p["torch"].items())
    lines.append(f"| {p['model']} | {p['pass']} | {p['batch']} | {p['precision']} | {p['median']:.3f} | {p['p99'] / p['median']:.2f} | {p['gflops']:.0f} | {peers} |")
if summary["cublas"]:
    lines += ["", "| product by cuBLAS alone | precision | GFLOP/s |", "|---|---|---|"]
    lines += [f"| {g['m']} x {g['n']} x {g['k']} | {g['precision']} | {g['gflops']:.0f} |" for g in summary["cublas"]]
(folder / "summary.md").write_text("\n".join(lines) + "\n")
print("\n".join(lines))
