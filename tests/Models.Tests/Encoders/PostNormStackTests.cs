using MergeEngine.Models.Encoders;
using MergeEngine.Tensors;
using MergeEngine.Tensors.Operations;
using MergeEngine.Tensors.Parameters;
using MergeEngine.Tensors.Safetensors;
using MergeEngine.Tests.Support;

namespace MergeEngine.Models.Tests.Encoders;

/// <summary>
/// The same blocks with the norms after the branches, a key mask and one embedding matrix as input: the encoder of a BERT, from the
/// fixture's own embeddings to its hidden states, and back from its loss to every parameter of the blocks.
/// </summary>
public sealed class PostNormStackTests
{
    private const int Batch = 7, Tokens = 19, Width = 48, Heads = 4, Mlp = 80, Layers = 3;

    public static TheoryData<string, bool> Cases()
    {
        var data = new TheoryData<string, bool>();
        foreach (string device in DeviceCases.Names.Append("reference"))
        {
            data.Add(device, false);
            data.Add(device, true);
        }

        return data;
    }

    [Theory]
    [MemberData(nameof(Cases))]
    public void Hidden_states_and_gradients_match_float64(string deviceName, bool firstTokenOnly)
    {
        using Device device = DeviceCases.Open(deviceName);
        using Checkpoint model = Checkpoint.Open(FixtureFiles.PathOf("bert-cls"));
        using var expected = new VisionCase(FixtureFiles.PathOf("bert-cls/case.safetensors"));
        var layout = new ParameterLayout(model.Names.Select(name => KeyValuePair.Create(name, model[name].Shape)));
        using var parameters = new ParameterVector(device, layout);
        using var gradients = new ParameterVector(device, layout);
        foreach (string name in model.Names) parameters.Upload(name, model.ReadFloat32(name));
        TransformerStack stack = Stack(layout);
        using DeviceBuffer maskBuffer = device.Allocate<int>(Batch * Tokens);
        DeviceSpan<int> mask = maskBuffer.AsSpan<int>();
        int[] shown = expected.Integers("attention_mask");
        device.Upload<int>(shown, mask);
        float[] embeddings = [.. expected.Doubles("hidden.0").Select(v => (float)v)];

        // What is kept changes where things lie, not what they are.
        foreach (Retention retention in new[] { Retention.Output, Retention.HiddenStates, Retention.Backward })
        {
            using var arena = new ActivationArena(device);
            StackSlots slots = stack.Plan(arena, retention, Tokens);
            arena.Reserve(Batch);
            device.Upload(embeddings, arena.Span(slots.Hidden[0], Batch * Tokens * Width));
            stack.Forward(device.Operations, parameters, arena, slots, SampleRows.Uniform(Batch, Tokens), firstTokenOnly, mask);
            for (int i = retention == Retention.Output ? Layers : 0; i <= Layers; i++)
                AssertHidden(expected, i, VisionCase.Download(arena.Matrix(slots.Hidden[i], Batch * Tokens, Width)), shown, firstTokenOnly && i == Layers);
            if (retention != Retention.Backward) continue;

            Matrix last = arena.Matrix(slots.Hidden[Layers], Batch * Tokens, Width), gradient = arena.Matrix(slots.Gradients!.Hidden, Batch * Tokens, Width);
            device.Operations.Fill(gradient.Data, 0);
            BackwardHead(device, parameters, last.EveryRow(0, Tokens), gradient.EveryRow(0, Tokens), expected.Integers("labels"));
            stack.Backward(new BackwardPass(device.Operations, parameters, gradients, GradientReduction.Sum), arena, slots, SampleRows.Uniform(Batch, Tokens), firstTokenOnly, mask);
            foreach (Parameter parameter in layout.Parameters.Where(p => p.Name.StartsWith("bert.encoder.", StringComparison.Ordinal)))
            {
                float[] actual = gradients.Download(parameter.Name);
                if (parameter.Name.EndsWith(".key.bias", StringComparison.Ordinal)) Assert.True(actual.Max(Math.Abs) <= 1e-6);
                else expected.AssertClose($"grad.{parameter.Name}", actual, 1.5e-5);
            }
        }
    }

    /// <summary>Positions with mask 1 alone: what a padded query computes is nobody's business.</summary>
    private static void AssertHidden(VisionCase expected, int index, float[] actual, int[] mask, bool firstTokenOnly)
    {
        double[] values = expected.Doubles($"hidden.{index}");
        double largest = values.Max(Math.Abs), worst = 0;
        for (int i = 0; i < values.Length; i++)
        {
            int row = i / Width;
            if (mask[row] != 0 && (!firstTokenOnly || row % Tokens == 0)) worst = Math.Max(worst, Math.Abs(values[i] - actual[i]));
        }

        Assert.True(worst <= 3e-6 * largest, $"hidden.{index}: {worst / largest:e2}");
    }

    /// <summary>Pooler (dense, tanh), classifier and mean cross-entropy of the first tokens, down to their gradient.</summary>
    private static void BackwardHead(Device device, ParameterVector parameters, Matrix first, Matrix gradient, int[] labels)
    {
        OperationSet operations = device.Operations;
        using DeviceBuffer memory = device.Allocate<float>((4 * Batch * Width) + (2 * Batch * 3) + Batch), labelMemory = device.Allocate<int>(Batch);
        DeviceSpan<float> values = memory.AsSpan<float>();
        Matrix At(int slot, int columns) => new(values.Slice(slot * Batch * Width, Batch * columns), Batch, columns);
        Matrix pooled = At(0, Width), before = At(1, Width), pooledGradient = At(2, Width), logits = At(3, 3);
        device.Upload<int>(labels, labelMemory.AsSpan<int>());
        operations.LinearForward(pooled, first, parameters.Matrix("bert.pooler.dense.weight"), parameters["bert.pooler.dense.bias"], Activation.Tanh, before);
        operations.LinearForward(logits, pooled, parameters.Matrix("classifier.weight"), parameters["classifier.bias"]);
        operations.CrossEntropy(values.Slice(values.Length - Batch, Batch), logits, logits, labelMemory.AsSpan<int>(), 1f / Batch);
        operations.LinearBackwardInput(pooledGradient, logits, parameters.Matrix("classifier.weight"), activation: Activation.Tanh, preActivation: before);
        operations.LinearBackwardInput(gradient, pooledGradient, parameters.Matrix("bert.pooler.dense.weight"));
    }

    private static TransformerStack Stack(ParameterLayout layout)
    {
        LayerNorm Norm(string name) => new(layout[$"{name}.weight"], layout[$"{name}.bias"], 1e-12f);
        LinearPart Part(string name) => new(layout[$"{name}.weight"], layout[$"{name}.bias"]);
        TransformerBlockParameters Block(int i)
        {
            string block = $"bert.encoder.layer.{i}.";
            return new TransformerBlockParameters(
                Norm($"{block}attention.output.LayerNorm"),
                new LinearLayer(Part($"{block}attention.self.query"), Part($"{block}attention.self.key"), Part($"{block}attention.self.value")),
                new LinearLayer(Part($"{block}attention.output.dense")),
                Norm($"{block}output.LayerNorm"),
                new LinearLayer(Part($"{block}intermediate.dense")),
                new LinearLayer(Part($"{block}output.dense")));
        }

        var shape = new TransformerBlockShape(Width, Heads, Mlp, Activation.GeluErf, NormPlacement.After);
        return new TransformerStack(shape, [.. Enumerable.Range(0, Layers).Select(Block)]);
    }
}
