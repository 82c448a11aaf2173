using System.Text.Json.Nodes;
using TorchSharp;
using static TorchSharp.torch;

namespace MergeEngine.Peers.Torch;

/// <summary>Matrix products C = A·Bᵀ, float32.</summary>
internal static class TorchProducts
{
    public static string Program => $"PyTorch {string.Join('.', torch.__version__.Split('.', '+').Take(3))}";

    public static IEnumerable<JsonObject> Measure(Options options)
    {
        set_num_threads(options.Threads);
        foreach ((int m, int n, int k) in options.Shapes())
        {
            using DisposeScope scope = NewDisposeScope();
            using IDisposable mode = inference_mode();
            Tensor a = rand(m, k), b = rand(n, k).t(), c = zeros(m, n);
            void Multiply(int calls)
            {
                for (int i = 0; i < calls; i++) c.addmm_(a, b, beta: 0, alpha: 1);
            }

            double estimate = Report.Milliseconds(() => Multiply(1), 3, 3)[0];
            // Rounds shorter than this measure the clock.
            int calls = (int)Math.Clamp((0.5 / estimate) + 1, 1, 1000);
            int rounds = options.Rounds > 0 ? options.Rounds : (int)Math.Clamp(300 / (calls * estimate), 7, 201);
            double[] times = Report.Milliseconds(() => Multiply(calls), rounds, 1);
            double operations = 2e-6 * m * n * k * calls;
            yield return new JsonObject { ["m"] = m, ["n"] = n, ["k"] = k, ["gflops"] = operations / times[0], ["median_gflops"] = operations / Report.Median(times) };
        }
    }
}
