using System.Diagnostics;
using System.Text.Json.Nodes;
using MergeEngine.Peers.Encoders;
using TorchSharp;
using static TorchSharp.torch;

namespace MergeEngine.Peers.Torch;

/// <summary>
/// A training step: forward, cross-entropy, backward, AdamW. TorchSharp does not reach PyTorch's fused AdamW; this one takes six passes over the weights in place,
/// so the result tells beside <c>median</c> what a step takes without it (<c>median_without_optimizer</c>).
/// </summary>
internal static class TorchStep
{
    private const double Rate = 1e-6, Decay = 0.01, Beta1 = 0.9, Beta2 = 0.999, Epsilon = 1e-8;

    public static JsonObject Measure(Options options)
    {
        set_num_threads(options.Threads);
        using DisposeScope scope = NewDisposeScope();
        var model = new TorchEncoder(options.Model, new EncoderWeights(options.Model), train: true);
        Tensor inputs = model.Inputs(options.Batch), labels = arange(options.Batch, dtype: ScalarType.Int64) % EncoderSpec.Classes;
        (Tensor Weight, Tensor Mean, Tensor Square)[] states = [.. model.Parameters.Select(weight => (weight, zeros_like(weight), zeros_like(weight)))];
        var optimizer = new List<double>();
        int steps = 0;
        void Step()
        {
            using (DisposeScope pass = NewDisposeScope())
            {
                Tensor loss = nn.functional.cross_entropy(model.Forward(inputs), labels);
                loss.backward();
            }

            long start = Stopwatch.GetTimestamp();
            Update(states, ++steps);
            optimizer.Add(Stopwatch.GetElapsedTime(start).TotalMilliseconds);
        }

        double[] times = Report.Milliseconds(Step, options.Rounds > 0 ? options.Rounds : 10, warmUp: 2);
        double[] updates = [.. optimizer.Skip(2).Order()];
        JsonObject result = Report.Pass(options, "step", times);
        result["median_without_optimizer"] = Report.Median(times) - Report.Median(updates);
        return result;
    }

    private static void Update((Tensor Weight, Tensor Mean, Tensor Square)[] states, int step)
    {
        using IDisposable mode = no_grad();
        double rate = Rate * Math.Sqrt(1 - Math.Pow(Beta2, step)) / (1 - Math.Pow(Beta1, step));
        foreach ((Tensor weight, Tensor mean, Tensor square) in states)
        {
            using DisposeScope scope = NewDisposeScope();
            if (weight.grad is not { } gradient) continue;
            weight.mul_(1 - (Rate * Decay));
            mean.lerp_(gradient, 1 - Beta1);
            square.mul_(Beta2).addcmul_(gradient, gradient, 1 - Beta2);
            weight.addcdiv_(mean, square.sqrt().add_(Epsilon), -rate);
            weight.grad = null;
        }
    }
}
