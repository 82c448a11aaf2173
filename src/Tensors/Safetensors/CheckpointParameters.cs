using MergeEngine.Tensors.Numerics;
using MergeEngine.Tensors.Parameters;

namespace MergeEngine.Tensors.Safetensors;

/// <summary>A whole checkpoint as one flat float32 vector, whatever model it is.</summary>
public static class CheckpointParameters
{
    /// <summary>
    /// Reads every floating-point tensor (F32, F16, BF16, F64) under its own name. Integer and boolean tensors (position ids and the like)
    /// are no parameters and are left out.
    /// </summary>
    /// <param name="checkpoint">An open checkpoint.</param>
    /// <param name="device">Where the vector lies.</param>
    /// <param name="cancellation">Checked before every piece of a tensor.</param>
    /// <exception cref="SafetensorsException">A tensor has a dtype that the engine does not compute with, or none is left.</exception>
    public static ParameterVector ReadParameters(this Checkpoint checkpoint, Device device, CancellationToken cancellation = default)
    {
        var shapes = new List<KeyValuePair<string, Shape>>();
        foreach (string name in checkpoint.Names)
        {
            TensorEntry entry = checkpoint[name];
            if (entry.DType.IsArithmetic()) shapes.Add(new(name, entry.Shape));
            else if (!entry.DType.IsInteger() && entry.DType != DType.Bool)
                throw new SafetensorsException($"{checkpoint.Path}: tensor {entry} cannot be computed with, expected F32, F16, BF16 or F64.");
        }

        if (shapes.Count == 0) throw new SafetensorsException($"{checkpoint.Path}: {(checkpoint.Names.Count == 1 ? "its one tensor is not" : $"none of its {checkpoint.Names.Count} tensors is")} floating-point.");
        var vector = new ParameterVector(device, new ParameterLayout(shapes));
        try
        {
            foreach (Parameter parameter in vector.Layout.Parameters)
            {
                checkpoint.ReadFloat32(parameter.Name, parameter.Shape, vector[parameter], cancellation);
            }

            return vector;
        }
        catch
        {
            vector.Dispose();
            throw;
        }
    }
}
