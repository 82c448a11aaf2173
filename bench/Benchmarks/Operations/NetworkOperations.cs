using MergeEngine.Tensors;
using MergeEngine.Tensors.Operations;

namespace MergeEngine.Benchmarks.Operations;

/// <summary>The operations of forward and backward passes: layers of width 768, large enough that memory and not the caches feed them.</summary>
internal static class NetworkOperations
{
    private const int TokensPerSample = 50;

    public static IEnumerable<Operation> All() => [.. Products(), .. Normalization(), .. Elementwise(), .. Attention(), .. Tokens(), .. Losses(), .. Optimizers()];

    private static IEnumerable<Operation> Products()
    {
        yield return Product("MatrixProduct NN", false, false);
        yield return Product("MatrixProduct NT", false, true);
        yield return Product("MatrixProduct TN", true, false);
        yield return new("LinearForward, bias", m => Linear(m, Activation.None));
        yield return new("LinearForward, bias and GeluErf", m => Linear(m, Activation.GeluErf));
        yield return new("LinearForward, packed weight, 1 row", m => Packed(m, 1));
        yield return new("LinearForward, packed weight, 50 rows", m => Packed(m, TokensPerSample));
        yield return new("LinearForward, packed weight, 1600 rows", m => Packed(m, m.Pick(2, 32) * TokensPerSample));
        yield return new("LinearBackwardWeight, Sum", m => WeightGradient(m, GradientReduction.Sum));
        yield return new("LinearBackwardWeight, AbsolutePerSample", m => WeightGradient(m, GradientReduction.AbsolutePerSample));
    }

    private static Operation Product(string name, bool transposeA, bool transposeB) => new(name, memory =>
    {
        int m = memory.Pick(37, 1600), n = memory.Pick(50, 3072), k = memory.Pick(96, 768);
        Matrix a = transposeA ? memory.NormalMatrix(k, m) : memory.NormalMatrix(m, k), b = transposeB ? memory.NormalMatrix(n, k) : memory.NormalMatrix(k, n), c = memory.ZeroMatrix(m, n);
        return new(() => memory.Operations.MatrixProduct(c, a, b, transposeA, transposeB));
    });

    private static OperationCall Linear(OperationMemory memory, Activation activation)
    {
        int rows = memory.Pick(2 * TokensPerSample, 32 * TokensPerSample), inputs = memory.Pick(48, 768), outputs = memory.Pick(64, 3072);
        Matrix x = memory.NormalMatrix(rows, inputs), w = memory.NormalMatrix(outputs, inputs, 0.1), y = memory.ZeroMatrix(rows, outputs), before = memory.ZeroMatrix(rows, outputs);
        Matrix dy = memory.NormalMatrix(rows, outputs), dx = memory.ZeroMatrix(rows, inputs), dw = memory.ZeroMatrix(outputs, inputs), inner = memory.ZeroMatrix(rows, outputs);
        DeviceSpan<float> bias = memory.Normal(outputs), dBias = memory.Zeros(outputs);
        bool isLinear = activation == Activation.None;
        return new(() => memory.Operations.LinearForward(y, x, w, bias, activation, isLinear ? default : before))
        {
            Derivative = new([x.Data, w.Data, bias], y.Data, dy.Data, [dx.Data, dw.Data, dBias], () =>
            {
                if (isLinear) memory.Operations.CopyMatrix(inner, dy);
                else memory.Operations.ActivationBackward(inner.Data, dy.Data, before.Data, activation);
                memory.Operations.LinearBackwardInput(dx, inner, w);
                memory.Operations.LinearBackwardWeight(dw, dBias, inner, x, GradientReduction.Sum, TokensPerSample);
            }),
        };
    }

    /// <summary>A weight that was packed before, as inference has them, in the device's precision; as it is where a device does not pack.</summary>
    private static OperationCall Packed(OperationMemory memory, int rows)
    {
        int inputs = memory.Pick(48, 768), outputs = memory.Pick(64, 3072);
        Matrix x = memory.NormalMatrix(rows, inputs), w = memory.NormalMatrix(outputs, inputs, 0.1), y = memory.ZeroMatrix(rows, outputs);
        DeviceSpan<float> bias = memory.Normal(outputs);
        if (!memory.Operations.PacksWeights) return new(() => memory.Operations.LinearForward(y, x, w, bias, Activation.GeluErf));
        var packed = new PackedWeight(memory.Uncompared(memory.Operations.PackedWeightBytes(outputs, inputs)), outputs, inputs);
        memory.Operations.PackWeight(packed, w);
        return new(() => memory.Operations.LinearForward(y, x, packed, bias, Activation.GeluErf));
    }

    private static OperationCall WeightGradient(OperationMemory memory, GradientReduction reduction)
    {
        int rows = memory.Pick(2 * TokensPerSample, 32 * TokensPerSample), inputs = memory.Pick(48, 768), outputs = memory.Pick(64, 3072);
        Matrix x = memory.NormalMatrix(rows, inputs), dy = memory.NormalMatrix(rows, outputs), dw = memory.ZeroMatrix(outputs, inputs);
        DeviceSpan<float> dBias = memory.Zeros(outputs);
        return new(() => memory.Operations.LinearBackwardWeight(dw, dBias, dy, x, reduction, TokensPerSample));
    }

    private static IEnumerable<Operation> Normalization()
    {
        yield return new("LayerNormForward", m =>
        {
            var (rows, width, x, y, dy, dx) = Rows(m);
            DeviceSpan<float> w = m.Normal(width), bias = m.Normal(width), mean = m.Zeros(rows), inverse = m.Zeros(rows), dw = m.Zeros(width), dBias = m.Zeros(width);
            return new(() => m.Operations.LayerNormForward(y, mean, inverse, x, w, bias, 1e-6f))
            {
                Derivative = new([x.Data, w, bias], y.Data, dy.Data, [dx.Data, dw, dBias],
                    () => m.Operations.LayerNormBackward(dx, dw, dBias, dy, x, mean, inverse, w, GradientReduction.Sum, TokensPerSample)),
            };
        });
        yield return new("AddLayerNormForward", m =>
        {
            var (rows, width, x, y, z, _) = Rows(m);
            DeviceSpan<float> w = m.Normal(width), bias = m.Normal(width), mean = m.Zeros(rows), inverse = m.Zeros(rows);
            return new(() => m.Operations.AddLayerNormForward(z, y, mean, inverse, x, z, w, bias, 1e-6f));
        });
        yield return new("LayerNormBackward, Sum", m => NormBackward(m, GradientReduction.Sum));
        yield return new("LayerNormBackward, AbsolutePerSample", m => NormBackward(m, GradientReduction.AbsolutePerSample));
        yield return new("NormalizeRowsForward", m =>
        {
            var (rows, width, x, y, dy, dx) = Rows(m);
            DeviceSpan<float> norms = m.Zeros(rows);
            return new(() => m.Operations.NormalizeRowsForward(y, norms, x))
            {
                Derivative = new([x.Data], y.Data, dy.Data, [dx.Data], () => m.Operations.NormalizeRowsBackward(dx, dy, y, norms)),
            };
        });
    }

    private static OperationCall NormBackward(OperationMemory m, GradientReduction reduction)
    {
        var (rows, width, x, _, dy, dx) = Rows(m);
        DeviceSpan<float> w = m.Normal(width), mean = m.Normal(rows, 0.1), inverse = m.Positive(rows, 0.1), dw = m.Zeros(width), dBias = m.Zeros(width);
        return new(() => m.Operations.LayerNormBackward(dx, dw, dBias, dy, x, mean, inverse, w, reduction, TokensPerSample));
    }

    private static IEnumerable<Operation> Elementwise()
    {
        foreach (Activation activation in (Activation[])[Activation.GeluErf, Activation.GeluTanh, Activation.GeluQuick, Activation.Tanh])
        {
            yield return new($"ActivationForward {activation}", m =>
            {
                var (rows, width, x, y, dy, dx) = Rows(m);
                return new(() => m.Operations.ActivationForward(y.Data, x.Data, activation))
                {
                    Derivative = new([x.Data], y.Data, dy.Data, [dx.Data], () => m.Operations.ActivationBackward(dx.Data, dy.Data, x.Data, activation)),
                };
            });
        }

        yield return new("ActivationBackward GeluErf", m =>
        {
            var (rows, width, x, _, dy, dx) = Rows(m);
            return new(() => m.Operations.ActivationBackward(dx.Data, dy.Data, x.Data, Activation.GeluErf));
        });
        yield return new("ScaleColumnsForward with residual", m =>
        {
            var (rows, width, x, y, dy, dx) = Rows(m);
            Matrix residual = m.NormalMatrix(rows, width);
            DeviceSpan<float> scale = m.Normal(width), dScale = m.Zeros(width);
            return new(() => m.Operations.ScaleColumnsForward(y, x, scale, residual))
            {
                Derivative = new([x.Data, scale], y.Data, dy.Data, [dx.Data, dScale], () => m.Operations.ScaleColumnsBackward(dx, dScale, dy, x, scale, GradientReduction.Sum, TokensPerSample)),
            };
        });
        yield return new("ScaleColumnsBackward", m =>
        {
            var (rows, width, x, _, dy, dx) = Rows(m);
            DeviceSpan<float> scale = m.Normal(width), dScale = m.Zeros(width);
            return new(() => m.Operations.ScaleColumnsBackward(dx, dScale, dy, x, scale, GradientReduction.Sum, TokensPerSample));
        });
        yield return new("CopyMatrix accumulating", m =>
        {
            var (rows, width, x, y, _, _) = Rows(m);
            return new(() => m.Operations.CopyMatrix(y, x, accumulate: true));
        });
    }

    private static IEnumerable<Operation> Attention()
    {
        foreach ((int batch, int tokens, int heads, int size) in ((int, int, int, int)[])[(64, 17, 4, 24), (32, 50, 12, 64), (4, 512, 12, 64)])
        {
            string name = $"{batch} x {tokens} tokens, {heads} heads of {size}";
            yield return new($"AttentionForward {name}", m => AttentionOf(m, new(m.Pick(2, batch), m.Pick(Math.Min(tokens, 50), tokens), m.Pick(2, heads), size), backward: false), 1e-5);
            yield return new($"AttentionBackward {name}", m => AttentionOf(m, new(m.Pick(2, batch), m.Pick(Math.Min(tokens, 50), tokens), m.Pick(2, heads), size), backward: true), 1e-5);
        }
    }

    /// <summary>Queries, keys and values side by side, as one product makes them. The exponentials round at 1e-7 of scores of a few units, hence the wider bound.</summary>
    private static OperationCall AttentionOf(OperationMemory m, AttentionShape shape, bool backward)
    {
        int width = shape.Width;
        Matrix joint = m.NormalMatrix(shape.Rows, 3 * width), gradients = m.ZeroMatrix(shape.Rows, 3 * width), y = m.ZeroMatrix(shape.Rows, width), dy = m.NormalMatrix(shape.Rows, width);
        DeviceSpan<float> logSumExp = m.Zeros(shape.ScoreRows);
        static Matrix Part(Matrix all, int part, int width) => all.SliceColumns(part * width, width);
        void Forward() => m.Operations.AttentionForward(y, logSumExp, Part(joint, 0, width), Part(joint, 1, width), Part(joint, 2, width), shape);
        void Backward() => m.Operations.AttentionBackward(
            Part(gradients, 0, width), Part(gradients, 1, width), Part(gradients, 2, width), dy, y, logSumExp, Part(joint, 0, width), Part(joint, 1, width), Part(joint, 2, width), shape);
        if (!backward) return new(Forward) { Derivative = new([joint.Data], y.Data, dy.Data, [gradients.Data], Backward) };
        Forward();
        return new(Backward);
    }

    private static IEnumerable<Operation> Tokens()
    {
        yield return new("EmbeddingForward", m =>
        {
            int rows = m.Pick(100, 40_000), width = m.Pick(48, 768), words = m.Pick(60, 30_522);
            Matrix table = m.NormalMatrix(words, width), y = m.ZeroMatrix(rows, width), dy = m.NormalMatrix(rows, width), dTable = m.ZeroMatrix(words, width);
            DeviceSpan<int> ids = m.Indices(rows, words);
            return new(() => m.Operations.EmbeddingForward(y, ids, table))
            {
                Derivative = new([table.Data], y.Data, dy.Data, [dTable.Data], () => m.Operations.EmbeddingBackward(dTable, ids, dy, GradientReduction.Sum, TokensPerSample)),
            };
        });
        yield return new("MeanPoolForward", m =>
        {
            int samples = m.Pick(3, 800), width = m.Pick(48, 768), rows = samples * TokensPerSample;
            Matrix x = m.NormalMatrix(rows, width), y = m.ZeroMatrix(samples, width), dy = m.NormalMatrix(samples, width), dx = m.ZeroMatrix(rows, width);
            return new(() => m.Operations.MeanPoolForward(y, x))
            {
                Derivative = new([x.Data], y.Data, dy.Data, [dx.Data], () => m.Operations.MeanPoolBackward(dx, dy)),
            };
        });
        yield return new("PatchesForward", m =>
        {
            var shape = new PatchShape(m.Pick(2, 256), 3, m.Pick(16, 224), m.Pick(16, 224), m.Pick(8, 32));
            int patches = shape.Batch * (shape.Height / shape.Patch) * (shape.Width / shape.Patch), length = shape.Channels * shape.Patch * shape.Patch;
            Matrix y = m.ZeroMatrix(patches, length), dy = m.NormalMatrix(patches, length);
            DeviceSpan<float> images = m.Normal((long)patches * length), dImages = m.Zeros((long)patches * length);
            return new(() => m.Operations.PatchesForward(y, images, shape))
            {
                Derivative = new([images], y.Data, dy.Data, [dImages], () => m.Operations.PatchesBackward(dImages, dy, shape)),
            };
        });
    }

    /// <summary>A loss fills its gradient itself.</summary>
    private static IEnumerable<Operation> Losses()
    {
        yield return new("CrossEntropy", m => Loss(m, (losses, gradient, logits, labels) => m.Operations.CrossEntropy(losses, gradient, logits, labels, 1)));
        yield return new("Entropy", m => Loss(m, (losses, gradient, logits, _) => m.Operations.Entropy(losses, gradient, logits, 1)));
    }

    private static OperationCall Loss(OperationMemory m, Action<DeviceSpan<float>, Matrix, Matrix, DeviceSpan<int>> call)
    {
        int rows = m.Pick(64, 30_000), classes = m.Pick(10, 1000);
        Matrix logits = m.NormalMatrix(rows, classes), gradient = m.ZeroMatrix(rows, classes);
        DeviceSpan<float> losses = m.Zeros(rows), ones = m.Normal(rows, 0, 1);
        DeviceSpan<int> labels = m.Indices(rows, classes);
        return new(() => call(losses, gradient, logits, labels)) { Derivative = new([logits.Data], losses, ones, [gradient.Data], static () => { }) };
    }

    private static IEnumerable<Operation> Optimizers()
    {
        yield return new("Adam, decoupled decay", m =>
        {
            long n = m.Pick(5000, 30_000_000);
            DeviceSpan<float> parameters = m.Normal(n), gradients = m.Normal(n), first = m.Normal(n, 0.1), second = m.Positive(n);
            return new(() => m.Operations.Adam(parameters, gradients, first, second, new AdamSettings(1e-3, WeightDecay: 0.01), 10));
        });
        yield return new("Sgd with momentum", m =>
        {
            long n = m.Pick(5000, 30_000_000);
            DeviceSpan<float> parameters = m.Normal(n), gradients = m.Normal(n), momentum = m.Normal(n);
            return new(() => m.Operations.Sgd(parameters, gradients, momentum, new SgdSettings(1e-6, 0.9), 10));
        });
    }

    /// <summary>Four matrices of the usual size: input, output, gradient of the output, gradient of the input.</summary>
    private static (int Rows, int Width, Matrix X, Matrix Y, Matrix Dy, Matrix Dx) Rows(OperationMemory m)
    {
        int rows = m.Pick(2 * TokensPerSample, 40_000), width = m.Pick(48, 768);
        return (rows, width, m.NormalMatrix(rows, width), m.ZeroMatrix(rows, width), m.NormalMatrix(rows, width), m.ZeroMatrix(rows, width));
    }
}
