namespace MergeEngine.Peers.Encoders;

/// <summary>An array and its shape; matrices as PyTorch has them, [out, in].</summary>
internal sealed record Weight(float[] Values, params long[] Shape)
{
    /// <summary>[in, out], as ONNX multiplies.</summary>
    public Weight Transposed()
    {
        (int rows, int columns) = ((int)Shape[0], (int)Shape[1]);
        float[] turned = new float[Values.Length];
        for (int i = 0; i < rows; i++)
        {
            for (int j = 0; j < columns; j++) turned[(j * rows) + i] = Values[(i * columns) + j];
        }

        return new Weight(turned, columns, rows);
    }

    /// <summary>Rows of one below those of the other.</summary>
    public static Weight Stack(params Weight[] parts) => new([.. parts.SelectMany(part => part.Values)], [parts.Sum(part => part.Shape[0]), .. parts[0].Shape[1..]]);
}

/// <summary>Random weights of an encoder, the same for both runtimes, so that their answers can be compared.</summary>
internal sealed class EncoderWeights
{
    private readonly Random _random = new(1);

    public EncoderWeights(EncoderSpec spec)
    {
        int width = spec.Width;
        if (spec.IsVision)
        {
            Add("patch.weight", 0.02f, width, 3, spec.Patch, spec.Patch);
            Add("patch.bias", 0.02f, width);
            Add("class", 0.02f, 1, 1, width);
            Add("position", 0.02f, 1, spec.Tokens, width);
        }
        else
        {
            Add("word", 0.02f, EncoderSpec.Vocabulary, width);
            Add("position", 0.02f, EncoderSpec.Positions, width);
            Add("type", 0.02f, 2, width);
        }

        Norm("norm", width);
        for (int layer = 0; layer < spec.Layers; layer++)
        {
            foreach (string name in (string[])["query", "key", "value", "output"]) Linear($"{layer}.{name}", width, width);
            Linear($"{layer}.up", 4 * width, width);
            Linear($"{layer}.down", width, 4 * width);
            Norm($"{layer}.norm1", width);
            Norm($"{layer}.norm2", width);
        }

        if (spec.HasPooler) Linear("pooler", width, width);
        Linear("head", EncoderSpec.Classes, width);
    }

    public Dictionary<string, Weight> All { get; } = [];

    public Weight this[string name] => All[name];

    private void Linear(string name, int rows, int columns)
    {
        Add($"{name}.weight", 0.05f, rows, columns);
        Add($"{name}.bias", 0.05f, rows);
    }

    private void Norm(string name, int width)
    {
        Add($"{name}.weight", 0.1f, width);
        Add($"{name}.bias", 0.1f, width);
        foreach (ref float value in All[$"{name}.weight"].Values.AsSpan()) value += 1;
    }

    private void Add(string name, float range, params long[] shape)
    {
        float[] values = new float[shape.Aggregate(1L, (product, size) => product * size)];
        foreach (ref float value in values.AsSpan()) value = range * ((2 * _random.NextSingle()) - 1);
        All.Add(name, new Weight(values, shape));
    }
}
