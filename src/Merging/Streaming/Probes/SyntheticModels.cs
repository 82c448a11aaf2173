using System.Runtime.InteropServices;
using MergeEngine.Tensors.Numerics;
using MergeEngine.Tensors.Safetensors;

namespace MergeEngine.Merging.Streaming.Probes;

/// <summary>
/// Checkpoints for measurements: a base and models fine-tuned from it, with the tensor sizes of vision transformers and differences of the size that
/// fine-tuning makes. No two tensors are alike.
/// </summary>
internal sealed class SyntheticModels
{
    private const int TableLength = 1 << 20;

    private readonly float[] _weights = new float[TableLength];
    private readonly float[] _differences = new float[TableLength];

    public SyntheticModels()
    {
        var random = new PhiloxStream(1, "synthetic");
        foreach (ref float weight in _weights.AsSpan()) weight = 0.02f * random.NextGaussian();
        foreach (ref float difference in _differences.AsSpan()) difference = 0.001f * random.NextGaussian();
    }

    /// <summary>Tensors of an encoder of about so many parameters: 12 blocks, an embedding, norms and biases.</summary>
    public static List<(string Name, Shape Shape)> Encoder(long parameters)
    {
        // A block has 12·w² in its matrices; the patch embedding about 1/40 of all blocks. Rounded down: 87.5 M parameters give a width of 752.
        int width = Math.Max(16, (int)Math.Sqrt(parameters / 148.5) / 16 * 16);
        var tensors = new List<(string, Shape)> { ("embeddings.patch.weight", new Shape(width, 3072)), ("embeddings.position.weight", new Shape(50, width)) };
        for (int block = 0; block < 12; block++)
        {
            void Add(string name, params ReadOnlySpan<long> shape) => tensors.Add(($"encoder.layers.{block}.{name}", new Shape(shape)));
            Add("attention.in.weight", 3L * width, width);
            Add("attention.in.bias", 3L * width);
            Add("attention.out.weight", width, width);
            Add("attention.out.bias", width);
            Add("mlp.up.weight", 4L * width, width);
            Add("mlp.up.bias", 4L * width);
            Add("mlp.down.weight", width, 4L * width);
            Add("mlp.down.bias", width);
            Add("norm1.weight", width);
            Add("norm2.weight", width);
        }

        return tensors;
    }

    /// <summary>Writes a model.</summary>
    /// <param name="directory">Its directory, which is made.</param>
    /// <param name="tensors">What it has.</param>
    /// <param name="number">0 for the base.</param>
    /// <param name="cancellation">Stops between two tensors.</param>
    public void Write(string directory, IEnumerable<(string Name, Shape Shape)> tensors, int number, CancellationToken cancellation)
    {
        Directory.CreateDirectory(directory);
        SafetensorsWriter.Write(Path.Combine(directory, Checkpoint.SingleFileName), tensors.Select((t, i) => new TensorContent(t.Name, DType.F32, t.Shape, stream =>
        {
            cancellation.ThrowIfCancellationRequested();
            WriteValues(stream, t.Shape.ElementCount, i, number);
        })).ToList());
    }

    private void WriteValues(Stream stream, long count, int tensor, int number)
    {
        var values = new float[1 << 16];
        for (long first = 0; first < count; first += values.Length)
        {
            int length = (int)Math.Min(values.Length, count - first);
            long place = first + (7919L * tensor);
            Span<float> block = values.AsSpan(0, length);
            Take(_weights, place * 31, block, add: false);
            if (number > 0) Take(_differences, (place * 17) + (104_729L * number), block, add: true);
            stream.Write(MemoryMarshal.AsBytes(block));
        }
    }

    private static void Take(float[] table, long place, Span<float> to, bool add)
    {
        for (int i = 0; i < to.Length;)
        {
            int at = (int)((place + i) % TableLength), length = Math.Min(to.Length - i, TableLength - at);
            ReadOnlySpan<float> from = table.AsSpan(at, length);
            for (int k = 0; k < length; k++) to[i + k] = add ? to[i + k] + from[k] : from[k];
            i += length;
        }
    }
}
