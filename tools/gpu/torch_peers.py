"""The encoders of `merge-engine bench` in PyTorch: training steps and single forward passes, eager, compiled and as CUDA graphs.

Prints one JSON document: {"torch": ..., "device": ..., "results": [{"model", "pass", "mode", "precision", "batch", "median", "p99"}, ...]}, times in ms.
A mode that fails is listed with its error instead of a time, so that a missing figure is never taken for a fast one.
"""
import argparse
import json
import statistics
import sys
import time

import torch
from torch import nn
from torch.nn import functional as F


class Block(nn.Module):
    def __init__(self, width, heads, norm_after):
        super().__init__()
        self.heads, self.norm_after = heads, norm_after
        epsilon = 1e-12 if norm_after else 1e-6
        self.norm1, self.norm2 = nn.LayerNorm(width, epsilon), nn.LayerNorm(width, epsilon)
        self.qkv, self.projection = nn.Linear(width, 3 * width), nn.Linear(width, width)
        self.expand, self.contract = nn.Linear(width, 4 * width), nn.Linear(4 * width, width)

    def attention(self, x):
        n, t, c = x.shape
        q, k, v = self.qkv(x).view(n, t, 3, self.heads, c // self.heads).permute(2, 0, 3, 1, 4)
        return self.projection(F.scaled_dot_product_attention(q, k, v).transpose(1, 2).reshape(n, t, c))

    def mlp(self, x):
        return self.contract(F.gelu(self.expand(x)))

    def forward(self, x):
        if self.norm_after:
            x = self.norm1(x + self.attention(x))
            return self.norm2(x + self.mlp(x))
        x = x + self.attention(self.norm1(x))
        return x + self.mlp(self.norm2(x))


class Vision(nn.Module):
    def __init__(self, patch, width=768, layers=12, heads=12, side=224, classes=10):
        super().__init__()
        self.patches = nn.Conv2d(3, width, patch, patch)
        self.token = nn.Parameter(torch.zeros(1, 1, width))
        self.positions = nn.Parameter(0.02 * torch.randn(1, (side // patch) ** 2 + 1, width))
        self.blocks = nn.Sequential(*(Block(width, heads, False) for _ in range(layers)))
        self.norm, self.head = nn.LayerNorm(width, 1e-6), nn.Linear(width, classes)

    def forward(self, x):
        x = self.patches(x).flatten(2).transpose(1, 2)
        x = torch.cat([self.token.expand(x.shape[0], -1, -1), x], 1) + self.positions
        return self.head(self.norm(self.blocks(x)[:, 0]))


class Blocks(nn.Module):
    """BERT-base between given embeddings and its last hidden state."""

    def __init__(self, width=768, layers=12, heads=12):
        super().__init__()
        self.blocks = nn.Sequential(*(Block(width, heads, True) for _ in range(layers)))

    def forward(self, x):
        return self.blocks(x)


def make(model, batch):
    if model == "bert-base":
        return Blocks(), torch.randn(batch, 128, 768)
    return Vision({"vit-b-32": 32, "vit-b-16": 16}[model]), torch.rand(batch, 3, 224, 224) * 2 - 1


def loss_of(model, output):
    if model == "bert-base":
        return 1e-3 * output.float().sum()
    labels = torch.arange(output.shape[0], device=output.device) % output.shape[1]
    return F.cross_entropy(output.float(), labels)


def timed(run, rounds, warmup=5):
    for _ in range(warmup):
        run()
    torch.cuda.synchronize()
    times = []
    for _ in range(rounds):
        start = time.perf_counter()
        run()
        torch.cuda.synchronize()
        times.append(1e3 * (time.perf_counter() - start))
    times.sort()
    return statistics.median(times), times[min(rounds - 1, int(0.99 * rounds))]


def autocast(precision):
    return torch.autocast("cuda", torch.bfloat16, enabled=precision == "bf16")


def step(model, mode, precision, batch, rounds):
    network, data = make(model, batch)
    network, data = network.cuda(), data.cuda()
    optimizer = torch.optim.AdamW(network.parameters(), lr=1e-6, weight_decay=0.01, fused=True)
    run_network = torch.compile(network) if mode == "compile" else network

    def run():
        optimizer.zero_grad(set_to_none=True)
        with autocast(precision):
            output = run_network(data)
        loss_of(model, output).backward()
        optimizer.step()

    return timed(run, rounds)


def latency(model, mode, precision, rounds):
    network, data = make(model, 1)
    network = network.cuda().eval()
    pinned, inputs = data.pin_memory(), data.cuda()
    if precision == "bf16":
        network = network.bfloat16()
    run_network = torch.compile(network) if mode == "compile" else network

    def forward():
        return run_network(inputs.bfloat16() if precision == "bf16" else inputs)

    with torch.inference_mode():
        if mode != "graphs":
            def run():
                inputs.copy_(pinned, non_blocking=True)
                forward().float().cpu()
            return timed(run, rounds)
        stream = torch.cuda.Stream()
        with torch.cuda.stream(stream):
            for _ in range(3):
                forward()
        torch.cuda.synchronize()
        graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(graph):
            output = forward().float()

        def replay():
            inputs.copy_(pinned, non_blocking=True)
            graph.replay()
            output.cpu()
        return timed(replay, rounds)


def main():
    arguments = argparse.ArgumentParser()
    arguments.add_argument("--budget", type=float, default=150, help="seconds after which no further measurement is started")
    budget = arguments.parse_args().budget
    started, results = time.time(), []
    cases = [("step", "vit-b-32", 32), ("step", "vit-b-16", 32), ("step", "bert-base", 16), ("forward", "vit-b-32", 1), ("forward", "bert-base", 1)]
    for kind, model, batch in cases:
        modes = ("eager", "compile") if kind == "step" else ("eager", "compile", "graphs")
        for mode in modes:
            for precision in ("float32", "tf32", "bf16"):
                entry = {"model": model, "pass": kind, "mode": mode, "precision": precision, "batch": batch}
                results.append(entry)
                if time.time() - started > budget:
                    entry["error"] = "left out: the time budget is used up"
                    continue
                if mode == "compile" and precision != "bf16":
                    entry["error"] = "left out: compilation takes too long to do it for every precision"
                    continue
                torch.set_float32_matmul_precision("high" if precision == "tf32" else "highest")
                torch.backends.cudnn.allow_tf32 = precision == "tf32"
                try:
                    entry["median"], entry["p99"] = step(model, mode, precision, batch, 20) if kind == "step" else latency(model, mode, precision, 300)
                except Exception as error:  # a peer that cannot run is a finding, not a reason to stop
                    entry["error"] = f"{type(error).__name__}: {str(error).splitlines()[0] if str(error) else ''}"
                print(json.dumps(entry), file=sys.stderr)
    print(json.dumps({"torch": torch.__version__, "device": torch.cuda.get_device_name(), "results": results}, indent=2))


if __name__ == "__main__":
    main()
