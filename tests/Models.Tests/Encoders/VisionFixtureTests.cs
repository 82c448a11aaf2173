using MergeEngine.Models.Datasets;
using MergeEngine.Models.Encoders;
using MergeEngine.Tensors;
using MergeEngine.Tensors.Operations;
using MergeEngine.Tensors.Parameters;
using MergeEngine.Tests.Support;

namespace MergeEngine.Models.Tests.Encoders;

/// <summary>
/// Every vision fixture on every device: values that torch computed in float64 from the same float32 weights and inputs.
/// </summary>
/// <remarks>
/// Bounds are relative to the largest magnitude of a tensor. Float32 torch itself is at 1.2e-6 for activations and 5e-6 for gradients
/// (the fixtures' READMEs), so 3e-6 and 1.5e-5 leave room for another order of summation and none for a mistake.
/// </remarks>
public sealed class VisionFixtureTests
{
    private const double ActivationBound = 3e-6, GradientBound = 1.5e-5;

    /// <summary>
    /// The gradient of a key bias is zero in exact arithmetic: it adds one number to all scores of a query, and softmax does not see it. What is
    /// left is the round-off of a sum over tokens of terms that cancel, so it is compared with the largest gradient of the query bias
    /// beside it, which sums terms of the same size that do not cancel; float32 torch is at 1e-8 to 1e-7 of 0.1 to 1.
    /// </summary>
    private const double KeyBiasBound = 1e-6;

    private static readonly (string Directory, string Model, string? Config)[] Models =
    [
        ("vit-hf", "", null), ("vit-hf-gelu-tanh", "", null), ("vit-clip", "model.safetensors", null), ("vit-clip", "model-noprefix.safetensors", null),
        ("vit-clip", "clip-model.safetensors", "clip-model-config.json"), ("vit-openclip", "", null), ("vit-openclip-quick", "", null),
        ("vit-timm", "", null), ("vit-timm-gap", "", null), ("vit-timm-dino", "", null),
    ];

    public static TheoryData<string, string, string, string?> Cases()
    {
        var data = new TheoryData<string, string, string, string?>();
        foreach (string device in DeviceCases.Names.Append("reference"))
        {
            foreach ((string directory, string model, string? config) in Models)
            {
                // The reference takes seconds where the CPU takes milliseconds, and the three CLIP files hold the same weights.
                if (device == "reference" && model.Length > 0 && model != "model.safetensors") continue;
                if (directory == "vit-hf-gelu-tanh" && model.Length > 0) continue;
                data.Add(device, directory, model, config);
            }
        }

        return data;
    }

    [Theory]
    [MemberData(nameof(Cases))]
    public void Hidden_states_features_and_logits_match_float64(string device, string directory, string model, string? config)
    {
        using Device opened = DeviceCases.Open(device);
        using VisionTransformer encoder = Load(opened, directory, model, config);
        using var expected = new VisionCase(FixtureFiles.PathOf($"{directory}/case.safetensors"));
        using ImageBatch batch = expected.Batch(encoder);
        foreach ((bool keepForBackward, bool keepHidden) in new[] { (false, false), (false, true), (true, false), (true, true) })
        {
            encoder.KeepHiddenStates = keepHidden;
            Matrix features = encoder.Forward(encoder.Parameters, batch, keepForBackward);
            expected.AssertClose("features", VisionCase.Download(encoder.Features), ActivationBound);
            if (encoder.Config.ProjectionWidth > 0) expected.AssertClose("image_embeds", VisionCase.Download(encoder.ImageEmbeddings), ActivationBound);
            for (int i = 0; keepHidden && i <= encoder.Config.Layers; i++)
                expected.AssertClose($"hidden.{i}", VisionCase.Download(encoder.HiddenState(i)), ActivationBound);
            if (encoder.Config.Pooler)
            {
                using DeviceBuffer buffer = opened.Allocate<float>((long)features.Rows * features.Columns);
                var pooled = new Matrix(buffer.AsSpan<float>(), features.Rows, features.Columns);
                encoder.PoolerOutput(pooled);
                expected.AssertClose("pooler_output", VisionCase.Download(pooled), ActivationBound);
            }

            using ClassificationHead? head = Head(opened, encoder, directory);
            if (head is not null) expected.AssertClose("logits", VisionCase.Download(head.Forward(features)), ActivationBound);
        }
    }

    [Theory]
    [MemberData(nameof(Cases))]
    public void Gradients_match_float64(string device, string directory, string model, string? config)
    {
        using Device opened = DeviceCases.Open(device);
        using VisionTransformer encoder = Load(opened, directory, model, config);
        using var expected = new VisionCase(FixtureFiles.PathOf($"{directory}/case.safetensors"));
        if (!expected.Has("loss")) return;
        using ImageBatch batch = expected.Batch(encoder);
        foreach (bool keepHidden in new[] { false, true })
        {
            encoder.KeepHiddenStates = keepHidden;
            CheckGradients(encoder, directory, expected, batch, "", GradientReduction.Sum);
            CheckGradients(encoder, directory, expected, batch, "", GradientReduction.AbsolutePerSample);
        }
    }

    [Theory]
    [MemberData(nameof(BatchCases))]
    public void Batches_of_one_and_of_thirty_three_match_float64(string device, string prefix)
    {
        using Device opened = DeviceCases.Open(device);
        using VisionTransformer encoder = Load(opened, "vit-hf", "", null);
        using var expected = new VisionCase(FixtureFiles.PathOf("vit-batch/case.safetensors"));
        using ImageBatch batch = expected.Batch(encoder, prefix);
        CheckGradients(encoder, "vit-hf", expected, batch, prefix, GradientReduction.Sum);
        CheckGradients(encoder, "vit-hf", expected, batch, prefix, GradientReduction.AbsolutePerSample);
    }

    public static TheoryData<string, string> BatchCases()
    {
        var data = new TheoryData<string, string>();
        foreach (string device in DeviceCases.Names.Append("reference"))
        {
            data.Add(device, "n1.");
            data.Add(device, "n33.");
        }

        return data;
    }

    private static void CheckGradients(VisionTransformer encoder, string directory, VisionCase expected, ImageBatch batch, string prefix, GradientReduction reduction)
    {
        Device device = encoder.Device;
        using ClassificationHead head = Head(device, encoder, directory)!;
        bool trainHead = directory is "vit-hf" or "vit-timm" or "vit-timm-gap" or "vit-timm-dino";
        using var gradients = new ParameterVector(device, encoder.Layout);
        using var headGradients = new ParameterVector(device, head.Parameters.Layout);
        using DeviceBuffer imageGradient = device.Allocate<float>(batch.Images.Length);

        head.Forward(encoder.Forward(encoder.Parameters, batch, keepForBackward: true));
        expected.AssertClose($"{prefix}logits", VisionCase.Download(head.Logits), ActivationBound);
        bool mean = reduction == GradientReduction.Sum;
        device.Operations.CrossEntropy(head.Losses, head.LogitsGradient, head.Logits, batch.Labels, mean ? 1f / batch.Count : 1);
        float[] losses = VisionCase.Download(head.Losses);
        expected.AssertClose($"{prefix}loss_per_sample", losses, ActivationBound);
        expected.AssertClose($"{prefix}loss", [(float)losses.Average(l => (double)l)], ActivationBound);
        Matrix featureGradient = head.Backward(trainHead ? headGradients : null, reduction);
        encoder.Backward(encoder.Parameters, gradients, featureGradient, reduction, imageGradient.AsSpan<float>());
        if (!mean)
        {
            device.Operations.Scale(gradients.Values, 1f / batch.Count);
            device.Operations.Scale(headGradients.Values, 1f / batch.Count);
        }

        if (mean && expected.Has($"{prefix}grad.images")) expected.AssertClose($"{prefix}grad.images", VisionCase.Download(imageGradient.AsSpan<float>()), GradientBound);
        string start = prefix + (mean ? "grad." : "abs_grad.");
        int compared = 0;
        foreach (string name in expected.Names.Where(n => n.StartsWith(start, StringComparison.Ordinal) && n != $"{prefix}grad.images"))
        {
            string parameter = NameIn(encoder, name[start.Length..]);
            ParameterVector vector = encoder.Layout.Contains(parameter) ? gradients : headGradients;
            Compare(expected, name, parameter, vector.Download(parameter), encoder.Config.Width, gradients);
            compared++;
        }

        if (prefix.Length == 0) Assert.Equal(encoder.Layout.Parameters.Count + (trainHead ? 2 : 0), compared);
        else Assert.Equal(3, compared);
    }

    private static void Compare(VisionCase expected, string name, string parameter, float[] actual, int width, ParameterVector gradients)
    {
        bool separateKey = parameter.EndsWith(".key.bias", StringComparison.Ordinal) || parameter.EndsWith(".k_proj.bias", StringComparison.Ordinal);
        bool fusedKey = parameter.EndsWith(".qkv.bias", StringComparison.Ordinal) || parameter.EndsWith(".in_proj_bias", StringComparison.Ordinal);
        if (!separateKey && !fusedKey)
        {
            expected.AssertClose(name, actual, GradientBound);
            return;
        }

        string queryName = parameter.Replace(".key.bias", ".query.bias", StringComparison.Ordinal).Replace(".k_proj.bias", ".q_proj.bias", StringComparison.Ordinal);
        double queries = (fusedKey ? actual[..width] : gradients.Download(queryName)).Max(Math.Abs);
        float[] key = fusedKey ? actual[width..(2 * width)] : actual;
        Assert.True(key.Max(Math.Abs) <= KeyBiasBound * Math.Max(1, queries), $"{name}: the key bias has a gradient of {key.Max(Math.Abs):e2}, expected round-off of {queries:e2}.");
        if (!fusedKey) return;
        // The other two thirds, with zeros in both in the place of the keys.
        Array.Clear(actual, width, width);
        expected.AssertClose(name, actual, GradientBound);
    }

    /// <summary>The fixture's names are those of model.safetensors; the file without a prefix has shorter ones.</summary>
    private static string NameIn(VisionTransformer encoder, string name) =>
        encoder.Config is { Family: VisionFamily.HuggingFaceClip, Prefix: "" } && name.StartsWith("vision_model.", StringComparison.Ordinal)
            ? name["vision_model.".Length..]
            : name;

    private static VisionTransformer Load(Device device, string directory, string model, string? config) =>
        VisionTransformer.Load(device, FixtureFiles.PathOf(model.Length == 0 ? directory : $"{directory}/{model}"), config is null ? null : FixtureFiles.PathOf($"{directory}/{config}"));

    private static ClassificationHead? Head(Device device, VisionTransformer encoder, string directory)
    {
        if (encoder.CreateCheckpointHead() is { } own) return own;
        string file = FixtureFiles.PathOf($"{directory}/case.safetensors");
        using var expected = new VisionCase(file);
        if (!expected.Has("head.weight")) return null;
        int width = encoder.FeatureWidth;
        float[] weight = expected.Floats("head.weight");
        var parameters = new ParameterVector(device, new ParameterLayout([new("weight", [weight.Length / width, width])]));
        parameters.Upload("weight", weight);
        return new ClassificationHead(parameters, logitScale: expected.Floats("logit_scale")[0]);
    }
}
