using System.Text.Json.Nodes;
using MergeEngine.Peers.Encoders;
using Microsoft.ML.OnnxRuntime;

namespace MergeEngine.Peers.Onnx;

/// <summary>Forward passes, from an array to logits in an array, with all of ONNX Runtime's graph optimisations.</summary>
internal static class OnnxLatency
{
    public static string Program => $"ONNX Runtime {OrtEnv.Instance().GetVersionString()}";

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
        EncoderSpec spec = options.Model;
        using var settings = new SessionOptions
        {
            IntraOpNumThreads = options.Threads,
            InterOpNumThreads = 1,
            GraphOptimizationLevel = GraphOptimizationLevel.ORT_ENABLE_ALL,
            LogSeverityLevel = OrtLoggingLevel.ORT_LOGGING_LEVEL_ERROR,
        };
        using var session = new InferenceSession(new OnnxEncoder(spec, new EncoderWeights(spec), options.Batch, options.Fused).Build(), settings);
        using var run = new RunOptions();
        using OrtValue inputs = spec.IsVision
            ? OrtValue.CreateTensorValueFromMemory(spec.Pixels(options.Batch), [options.Batch, 3, spec.Side, spec.Side])
            : OrtValue.CreateTensorValueFromMemory(spec.Ids(options.Batch), [options.Batch, spec.Tokens]);
        float[] logits = new float[options.Batch * EncoderSpec.Classes];
        using OrtValue outputs = OrtValue.CreateTensorValueFromMemory(logits, [options.Batch, EncoderSpec.Classes]);
        return use(() => session.Run(run, ["values"], [inputs], ["logits"], [outputs]), logits);
    }
}
