"""A merge of files, the whole process timed, by mergekit or by merge-engine: one recipe, the same models, the same page cache."""

import argparse
import array
import importlib.metadata
import json
import os
import random
import shutil
import subprocess
import sys
import tempfile
import time

import report

METHODS = ["linear", "task_arithmetic", "ties", "dare_ties", "della", "breadcrumbs", "sce", "model_stock", "karcher"]
PER_MODEL = {"linear": {"weight": 0.3}, "task_arithmetic": {"weight": 0.3}, "breadcrumbs": {"weight": 0.3, "density": 0.9, "gamma": 0.01}}
PER_MODEL.update(dict.fromkeys(["ties", "dare_ties"], {"weight": 0.3, "density": 0.2}), della={"weight": 0.3, "density": 0.5, "epsilon": 0.1})


def llama(width, layers):
    """Names and shapes of a Llama of this width: 88 million parameters at 768 and 12 layers."""
    yield "model.embed_tokens.weight", (2048, width)
    for i in range(layers):
        for name in ["q_proj", "k_proj", "v_proj", "o_proj"]:
            yield f"model.layers.{i}.self_attn.{name}.weight", (width, width)
        for name, shape in [("gate_proj", (8 * width // 3, width)), ("up_proj", (8 * width // 3, width)), ("down_proj", (width, 8 * width // 3))]:
            yield f"model.layers.{i}.mlp.{name}.weight", shape
        for name in ["input_layernorm", "post_attention_layernorm"]:
            yield f"model.layers.{i}.{name}.weight", (width,)
    yield "model.norm.weight", (width,)
    yield "lm_head.weight", (2048, width)


def write_models(directory, count, width, layers):
    """A base and models: values from one table of normal numbers, read from another place for each piece."""
    generator = random.Random(1)
    table = array.array("f", (generator.gauss(0, 0.02) for _ in range(1 << 18)))
    config = {
        "architectures": ["LlamaForCausalLM"], "model_type": "llama", "hidden_size": width, "intermediate_size": 8 * width // 3, "num_hidden_layers": layers,
        "num_attention_heads": max(1, width // 64), "num_key_value_heads": max(1, width // 64), "vocab_size": 2048, "tie_word_embeddings": False, "torch_dtype": "float32"}
    for number in range(count + 1):
        home = os.path.join(directory, "base" if number == 0 else f"model-{number}")
        os.makedirs(home)
        with open(os.path.join(home, "config.json"), "w", encoding="utf-8") as file:
            json.dump(config, file)
        header, end = {"__metadata__": {"format": "pt"}}, 0
        for name, (rows, *columns) in llama(width, layers):
            start, end = end, end + 4 * rows * (columns[0] if columns else 1)
            header[name] = {"dtype": "F32", "shape": [rows, *columns], "data_offsets": [start, end]}
        text = json.dumps(header).encode()
        text += b" " * (-len(text) % 8)
        with open(os.path.join(home, "model.safetensors"), "wb") as file:
            file.write(len(text).to_bytes(8, "little") + text)
            left = end // 4
            while left > 0:
                first = generator.randrange(len(table) // 2)
                piece = table[first:first + min(left, len(table) - first)]
                file.write(piece.tobytes())
                left -= len(piece)


def recipe_of(method, directory, count):
    """A recipe as JSON, which is YAML too."""
    names = [os.path.join(directory, f"model-{i}") for i in range(1, count + 1)]
    recipe = {"merge_method": method, "dtype": "float32", "models": [{"model": name, "parameters": PER_MODEL.get(method, {})} for name in names]}
    if method not in ("linear", "karcher"):
        recipe["base_model"] = os.path.join(directory, "base")
    if method == "sce":
        recipe["parameters"] = {"select_topk": 0.1}
    return recipe


def run(command, threads):
    """Seconds and peak MiB of a process from its start to its end."""
    environment = dict(os.environ, OMP_NUM_THREADS=str(threads), MKL_NUM_THREADS=str(threads))
    with tempfile.TemporaryFile("w+") as errors:
        start = time.perf_counter()
        try:
            process = subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL, stderr=errors)
        except OSError as error:
            sys.exit(f"{command[0]} did not start: {error.strerror or error}")
        _, status, usage = os.wait4(process.pid, 0)
        seconds = time.perf_counter() - start
        process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode != 0:
            errors.seek(0)
            # merge-engine begins with its reason, Python ends with it.
            lines = errors.read().strip().splitlines() or [""]
            sys.exit(f"{command[0]} ended with code {process.returncode}: {lines[-1 if command[0].endswith('mergekit-yaml') else 0][:500]}")
    return seconds, usage.ru_maxrss // 1024


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--program", choices=["mergekit", "merge-engine"], default="mergekit")
    parser.add_argument("--executable", help="merge-engine or mergekit-yaml, where it is not on the path")
    parser.add_argument("--directory", help="where the models lie, or are written if it is empty; left out, a temporary one that is removed")
    parser.add_argument("--models", type=int, default=8)
    parser.add_argument("--width", type=int, default=768)
    parser.add_argument("--layers", type=int, default=12)
    parser.add_argument("--method", choices=METHODS, action="append", help="may be repeated; all if left out")
    parser.add_argument("--threads", type=int, required=True)
    arguments = parser.parse_args()
    executable = arguments.executable or shutil.which("mergekit-yaml" if arguments.program == "mergekit" else "merge-engine")
    if arguments.program == "mergekit":
        report.require("mergekit")
    if executable is None:
        print(f"{arguments.program} is not on the path; --executable names it", file=sys.stderr)
        sys.exit(report.MISSING)
    version = f" {importlib.metadata.version('mergekit')}" if arguments.program == "mergekit" else ""
    with tempfile.TemporaryDirectory() as temporary:
        home = arguments.directory or temporary
        os.makedirs(home, exist_ok=True)
        if not os.path.exists(os.path.join(home, "base")):
            write_models(home, arguments.models, arguments.width, arguments.layers)
        results = []
        for method in arguments.method or METHODS:
            path, target = os.path.join(temporary, f"{method}.yml"), os.path.join(home, "merged")
            with open(path, "w", encoding="utf-8") as file:
                json.dump(recipe_of(method, home, arguments.models), file)
            options = ["--no-copy-tokenizer"] if arguments.program == "mergekit" else ["--threads", str(arguments.threads)]
            seconds, peak = run([executable, *([] if arguments.program == "mergekit" else ["merge"]), path, target, *options], arguments.threads)
            shutil.rmtree(target)
            results.append({"method": method, "seconds": seconds, "peak_mib": peak})
    report.write("merge", arguments.program + version, arguments.threads, results)


if __name__ == "__main__":
    main()
