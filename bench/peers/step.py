"""A training step by PyTorch, eager, float32: forward, cross-entropy, backward, fused AdamW; the JSON of `merge-engine bench step`."""

import argparse

import encoders
import report


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", choices=encoders.MODELS, default=encoders.MODELS[0])
    parser.add_argument("--batch", type=int, default=32)
    parser.add_argument("--threads", type=int, required=True)
    parser.add_argument("--rounds", type=int, default=10)
    arguments = parser.parse_args()
    torch, transformers = report.require("torch", "transformers")
    torch.set_num_threads(arguments.threads)
    model, inputs = encoders.build(torch, transformers, arguments.model, arguments.batch)
    labels = torch.arange(arguments.batch) % encoders.CLASSES
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-6, weight_decay=0.01, fused=True)
    model.train()

    def step():
        loss = torch.nn.functional.cross_entropy(model(inputs), labels)
        loss.backward()
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)

    times = report.seconds_of(step, arguments.rounds)
    result = {"model": arguments.model, "pass": "step", "batch": arguments.batch, "rounds": arguments.rounds, "median": 1e3 * report.median(times), "p99": 1e3 * report.p99(times)}
    report.write("step", f"PyTorch {torch.__version__}", arguments.threads, [result])


if __name__ == "__main__":
    main()
