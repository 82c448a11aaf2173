"""Forward passes of an encoder by PyTorch or ONNX Runtime, from an array to logits; the JSON of `merge-engine bench latency`."""

import argparse
import os
import tempfile

import encoders
import report


def session_of(torch, onnxruntime, model, inputs, threads):
    """The model exported by PyTorch, with all of ONNX Runtime's optimisations."""
    with tempfile.TemporaryDirectory() as directory:
        path = os.path.join(directory, "model.onnx")
        torch.onnx.export(model, (inputs,), path, input_names=["values"], output_names=["logits"], opset_version=18)
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        options.inter_op_num_threads = 1
        options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_ALL
        return onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runtime", choices=["torch", "onnxruntime"], default="torch")
    parser.add_argument("--model", choices=encoders.MODELS, default=encoders.MODELS[0])
    parser.add_argument("--batch", type=int, default=1)
    parser.add_argument("--threads", type=int, required=True)
    parser.add_argument("--rounds", type=int, default=0, help="200 if left out")
    arguments = parser.parse_args()
    # Exporting needs PyTorch, and its exporter needs onnx and onnxscript.
    torch, _, *rest = report.require("torch", "numpy", *(["onnxruntime", "onnx", "onnxscript"] if arguments.runtime == "onnxruntime" else []))
    import transformer
    torch.set_num_threads(arguments.threads)
    model, inputs = transformer.build(arguments.model, arguments.batch)
    model.eval()
    if rest:
        session = session_of(torch, rest[0], model, inputs, arguments.threads)
        values = {"values": inputs.numpy()}
        program, forward = f"ONNX Runtime {rest[0].__version__}", lambda: session.run(["logits"], values)
    else:
        program, forward = f"PyTorch {torch.__version__}", lambda: model(inputs).numpy()
    with torch.inference_mode():
        times = report.seconds_of(forward, arguments.rounds or 200, warm_up=10)
    report.write("latency", program, arguments.threads, [report.timed(arguments, "forward", times)])


if __name__ == "__main__":
    main()
