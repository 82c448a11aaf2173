"""Matrix products C = A x B^T, float32, by PyTorch: the shapes and the JSON of `merge-engine bench gemm`."""

import argparse

import report


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--shapes", required=True, help="MxNxK,... with A [M, K] and B [N, K]")
    parser.add_argument("--threads", type=int, required=True)
    parser.add_argument("--rounds", type=int, default=0, help="timed rounds of each; left out, as many as fit into 0.3 s, 7 at least")
    arguments = parser.parse_args()
    torch = report.require("torch")
    torch.set_num_threads(arguments.threads)
    results = []
    for text in arguments.shapes.split(","):
        m, n, k = (int(size) for size in text.split("x"))
        a, b, c = torch.rand(m, k), torch.rand(n, k), torch.empty(m, n)

        def multiply(calls=1):
            for _ in range(calls):
                torch.mm(a, b.t(), out=c)

        with torch.inference_mode():
            estimate = report.seconds_of(multiply, 3)[0]
            # Rounds shorter than this measure the clock.
            calls = max(1, min(1000, int(0.5e-3 / estimate + 1)))
            rounds = arguments.rounds or max(7, min(201, int(0.3 / (calls * estimate))))
            times = report.seconds_of(lambda: multiply(calls), rounds)
        rate = 2e-9 * m * n * k * calls
        results.append({"m": m, "n": n, "k": k, "gflops": rate / times[0], "median_gflops": rate / report.median(times)})
    report.write("gemm", f"PyTorch {torch.__version__}", arguments.threads, results)


if __name__ == "__main__":
    main()
