using MergeEngine.Tensors.Numerics;
using MergeEngine.Tensors.Parameters;

namespace MergeEngine.Models.Encoders;

/// <summary>Initial weights. A parameter's values depend on the seed and its name alone, not on what else the model has.</summary>
internal static class RandomWeights
{
    private const float TokenDeviation = 0.02f;

    /// <param name="parameters">Filled; what is neither named here nor a matrix stays 0.</param>
    /// <param name="ones">Parameters that begin with 1.</param>
    /// <param name="tables">Parameters whose rows stand for tokens and positions.</param>
    /// <param name="seed">Seed of every parameter's stream.</param>
    /// <param name="deviation">Standard deviation; null for the usual ones.</param>
    public static void Fill(ParameterVector parameters, IEnumerable<string> ones, IEnumerable<string> tables, ulong seed, float? deviation)
    {
        HashSet<string> scales = new(ones, StringComparer.Ordinal), tokens = new(tables, StringComparer.Ordinal);
        foreach (Parameter parameter in parameters.Layout.Parameters)
        {
            if (scales.Contains(parameter.Name)) parameters.Device.Operations.Fill(parameters[parameter], 1);
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
