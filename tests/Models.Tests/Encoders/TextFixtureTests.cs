using MergeEngine.Models.Datasets;
using MergeEngine.Models.Encoders;
using MergeEngine.Tensors;
using MergeEngine.Tensors.Operations;
using MergeEngine.Tensors.Parameters;
using MergeEngine.Tests.Support;

namespace MergeEngine.Models.Tests.Encoders;

/// <summary>BERT and RoBERTa with their heads on every device: values that torch computed in float64 from the same float32 weights and ids.</summary>
/// <remarks>
/// Bounds are those of the vision models, relative to the largest magnitude of a tensor: float32 torch itself is at 7.6e-7 for activations and
/// 1.0e-6 for gradients here (the fixtures' READMEs).
/// </remarks>
public sealed class TextFixtureTests
{
    private const double ActivationBound = 3e-6, GradientBound = 1.5e-5;

    /// <summary>
    /// The gradient of a key bias is zero in exact arithmetic, because softmax does not see a number that is added to all scores of a query. Float32
    /// torch leaves 9e-9 of round-off beside gradients of 0.1 to 0.3.
    /// </summary>
    private const double KeyBiasBound = 1e-6;

    private static readonly string[] Models = ["bert-cls", "roberta-cls"];

    public static TheoryData<string, string, int> Cases()
    {
        var data = new TheoryData<string, string, int>();
        foreach (string device in DeviceCases.Names.Append("reference"))
        {
            foreach (string model in Models)
            {
                // Packed without any padding, with a little, and all texts as one run.
                foreach (int step in new[] { 1, 8, 64 }) data.Add(device, model, step);
            }
        }

        return data;
    }

    [Theory]
    [MemberData(nameof(Cases))]
    public void Hidden_states_features_and_logits_match_float64(string deviceName, string model, int lengthStep)
    {
        using Device device = DeviceCases.Open(deviceName);
        using var encoder = TextTransformer.Load(device, FixtureFiles.PathOf(model));
        using var expected = new TextCase(FixtureFiles.PathOf($"{model}/case.safetensors"));
        using TextBatch batch = expected.Batch(encoder, lengthStep: lengthStep);
        using ClassificationHead head = encoder.CreateCheckpointHead()!;
        foreach ((bool keepForBackward, bool keepHidden) in new[] { (false, false), (false, true), (true, false), (true, true) })
        {
            encoder.KeepHiddenStates = keepHidden;
            Matrix features = encoder.Forward(encoder.Parameters, batch, keepForBackward);
            for (int i = 0; keepHidden && i <= encoder.Config.Layers; i++) expected.AssertSequence($"hidden.{i}", batch, encoder.HiddenState(i), ActivationBound);
            expected.AssertSequence("sequence_output", batch, encoder.SequenceOutput, ActivationBound);
            expected.Values.AssertClose("mean_pooled", VisionCase.Download(encoder.MeanPooled()), ActivationBound);
            expected.Values.AssertClose("logits", VisionCase.Download(head.Forward(features)), ActivationBound);
            expected.Values.AssertClose("pooled", VisionCase.Download(head.HasHiddenLayer ? head.Hidden : encoder.PoolerOutput()), ActivationBound);
        }
    }

    [Theory]
    [MemberData(nameof(Cases))]
    public void Gradients_match_float64(string deviceName, string model, int lengthStep)
    {
        using Device device = DeviceCases.Open(deviceName);
        using var encoder = TextTransformer.Load(device, FixtureFiles.PathOf(model));
        using var expected = new TextCase(FixtureFiles.PathOf($"{model}/case.safetensors"));
        using TextBatch batch = expected.Batch(encoder, lengthStep: lengthStep);
        foreach (GradientReduction reduction in Enum.GetValues<GradientReduction>())
        {
            using var run = new GradientRun(encoder, batch, reduction, expected.Values);
            string start = reduction == GradientReduction.Sum ? "grad." : "abs_grad.";
            int compared = 0;
            foreach (string name in expected.Values.Names.Where(n => n.StartsWith(start, StringComparison.Ordinal)))
            {
                float[] actual = run.Gradient(name[start.Length..]);
                if (name.EndsWith(".key.bias", StringComparison.Ordinal)) Assert.True(actual.Max(Math.Abs) <= KeyBiasBound, name);
                else expected.Values.AssertClose(name, actual, GradientBound);
                compared++;
            }

            Assert.Equal(encoder.Layout.Parameters.Count + run.HeadGradients.Layout.Parameters.Count, compared);
        }
    }

    /// <summary>As torch does with its padding_idx: the row is read like any other, and its gradient is zero.</summary>
    [Theory]
    [MemberData(nameof(Cases))]
    public void The_paddings_own_rows_have_no_gradient_where_a_text_shows_padding(string deviceName, string model, int lengthStep)
    {
        using Device device = DeviceCases.Open(deviceName);
        using var encoder = TextTransformer.Load(device, FixtureFiles.PathOf(model));
        using var expected = new TextCase(FixtureFiles.PathOf($"{model}/case.safetensors"));
        using TextBatch batch = expected.Batch(encoder, "pad_inside.", lengthStep);
        using var run = new GradientRun(encoder, batch, GradientReduction.Sum, expected.Values, "pad_inside.");
        string[] names = [.. expected.Values.Names.Where(n => n.StartsWith("pad_inside.grad.", StringComparison.Ordinal))];
        Assert.Equal(2, names.Length);
        foreach (string name in names) expected.Values.AssertClose(name, run.Gradient(name["pad_inside.grad.".Length..]), GradientBound);
    }

    [Theory]
    [MemberData(nameof(Cases))]
    public void Tokens_that_the_mask_hides_between_others_are_seen_by_none(string deviceName, string model, int lengthStep)
    {
        using Device device = DeviceCases.Open(deviceName);
        using var encoder = TextTransformer.Load(device, FixtureFiles.PathOf(model));
        using var expected = new TextCase(FixtureFiles.PathOf($"{model}/case.safetensors"));
        using TextBatch batch = expected.Batch(encoder, "mask_holes.", lengthStep);
        using ClassificationHead head = encoder.CreateCheckpointHead()!;
        head.Forward(encoder.Forward(encoder.Parameters, batch, keepForBackward: false));
        expected.AssertSequence("mask_holes.sequence_output", batch, encoder.SequenceOutput, ActivationBound, "mask_holes.");
        expected.Values.AssertClose("mask_holes.logits", VisionCase.Download(head.Logits), ActivationBound);
    }

    /// <summary>One forward and backward pass from the checkpoint's own head.</summary>
    private sealed class GradientRun : IDisposable
    {
        private readonly ParameterVector _gradients;

        public GradientRun(TextTransformer encoder, TextBatch batch, GradientReduction reduction, VisionCase expected, string prefix = "")
        {
            OperationSet operations = encoder.Device.Operations;
            using ClassificationHead head = encoder.CreateCheckpointHead()!;
            _gradients = new ParameterVector(encoder.Device, encoder.Layout);
            HeadGradients = new ParameterVector(encoder.Device, head.Parameters.Layout);
            bool mean = reduction == GradientReduction.Sum;
            head.Forward(encoder.Forward(encoder.Parameters, batch, keepForBackward: true));
            operations.CrossEntropy(head.Losses, head.LogitsGradient, head.Logits, batch.Labels, mean ? 1f / batch.Count : 1);
            float[] losses = VisionCase.Download(head.Losses);
            if (prefix.Length == 0) expected.AssertClose("sample_loss", losses, ActivationBound);
            expected.AssertClose($"{prefix}loss", [(float)losses.Average(l => (double)l)], ActivationBound);
            expected.AssertClose($"{prefix}logits", VisionCase.Download(head.Logits), ActivationBound);
            encoder.Backward(encoder.Parameters, _gradients, head.Backward(HeadGradients, reduction), reduction);
            if (mean) return;
            operations.Scale(_gradients.Values, 1f / batch.Count);
            operations.Scale(HeadGradients.Values, 1f / batch.Count);
        }

        public ParameterVector HeadGradients { get; }

        public float[] Gradient(string parameter) => (_gradients.Layout.Contains(parameter) ? _gradients : HeadGradients).Download(parameter);

        public void Dispose()
        {
            _gradients.Dispose();
            HeadGradients.Dispose();
        }
    }
}
