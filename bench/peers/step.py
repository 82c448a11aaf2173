"""A training step by PyTorch, eager, float32: forward, cross-entropy, backward, AdamW (fused where PyTorch has it); the JSON of `merge-engine bench step`."""

import argparse

import encoders
import report


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", choices=encoders.MODELS, default=encoders.MODELS[0])
    parser.add_argument("--batch", type=int, default=32)
    parser.add_argument("--threads", type=int, required=True)
    parser.add_argument("--rounds", type=int, default=0, help="10 if left out")
    arguments = parser.parse_args()
    torch = report.require("torch")
    import transformer
    torch.set_num_threads(arguments.threads)
    model, inputs = transformer.build(arguments.model, arguments.batch)
    labels = torch.arange(arguments.batch) % encoders.CLASSES
    optimizer = transformer.adamw(list(model.parameters()))
    model.train()

    def step():
        loss = torch.nn.functional.cross_entropy(model(inputs), labels)
        loss.backward()
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)

    times = report.seconds_of(step, arguments.rounds or 10)
    report.write("step", f"PyTorch {torch.__version__}", arguments.threads, [report.timed(arguments, "step", times)])


if __name__ == "__main__":
    main()
