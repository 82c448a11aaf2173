using System.Text.Json.Nodes;
using MergeEngine.Peers.Encoders;
using TorchSharp;
using static TorchSharp.torch;

namespace MergeEngine.Peers.Torch;

/// <summary>Forward passes, from a tensor to logits in an array.</summary>
internal static class TorchLatency
{
    public static JsonObject Measure(Options options)
    {
        double[] times = Run(options, (forward, _) => Report.Milliseconds(forward, options.Rounds > 0 ? options.Rounds : 200, 10));
        return Report.Pass(options, "forward", times);
    }

    public static float[] Logits(Options options) => Run(options, (forward, logits) =>
    {
        forward();
        return logits;
    });

    private static T Run<T>(Options options, Func<Action, float[], T> use)
    {
        set_num_threads(options.Threads);
        using DisposeScope scope = NewDisposeScope();
        using IDisposable mode = inference_mode();
        var model = new TorchEncoder(options.Model, new EncoderWeights(options.Model), train: false);
        Tensor inputs = model.Inputs(options.Batch);
        float[] logits = new float[options.Batch * EncoderSpec.Classes];
        return use(
            () =>
            {
                using DisposeScope pass = NewDisposeScope();
                model.Forward(inputs).data<float>().CopyTo(logits);
            },
            logits);
    }
}
