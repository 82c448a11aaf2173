using MergeEngine.Models.Checkpoints;
using MergeEngine.Tensors.Numerics;
using MergeEngine.Tensors.Parameters;

namespace MergeEngine.Models.Encoders;

/// <summary>Initial weights. A parameter's values depend on the seed and its name alone, not on what else the model has.</summary>
internal static class RandomWeights
{
    private const float TokenDeviation = 0.02f;

    public static void Fill(ParameterVector parameters, VisionNames names, ulong seed, float? deviation)
    {
        var ones = new HashSet<string>(StringComparer.Ordinal);
        foreach (NormNames? norm in names.Blocks.SelectMany(b => new[] { b.Norm1, b.Norm2 }).Append(names.PreNorm).Append(names.FinalNorm))
        {
            if (norm is not null) ones.Add(norm.Weight.Name);
        }

        foreach (NamedTensor? scale in names.Blocks.SelectMany(b => new[] { b.AttentionScale, b.MlpScale }))
        {
            if (scale is not null) ones.Add(scale.Name);
        }

        string?[] tokens = [names.ClassToken?.Name, names.RegisterTokens?.Name, names.Positions.Name];
        foreach (Parameter parameter in parameters.Layout.Parameters)
        {
            if (ones.Contains(parameter.Name)) parameters.Device.Operations.Fill(parameters[parameter], 1);
            else if (tokens.Contains(parameter.Name)) Normal(parameters, parameter, seed, deviation ?? TokenDeviation);
            else if (parameter.Shape.Rank > 1) Normal(parameters, parameter, seed, deviation ?? (float)(1 / Math.Sqrt(parameter.Length / (double)parameter.Shape[0])));
        }
    }

    /// <summary>Normal with mean 0; drawn one after another from the parameter's own stream.</summary>
    public static void Normal(ParameterVector parameters, Parameter parameter, ulong seed, float deviation)
    {
        var random = new PhiloxStream(seed, parameter.Name);
        float[] values = new float[parameter.Length];
        for (int i = 0; i < values.Length; i++) values[i] = deviation * random.NextGaussian();
        parameters.Upload(parameter.Name, values);
    }
}
