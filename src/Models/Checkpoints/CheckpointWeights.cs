using MergeEngine.Tensors;
using MergeEngine.Tensors.Numerics;
using MergeEngine.Tensors.Parameters;
using MergeEngine.Tensors.Safetensors;

namespace MergeEngine.Models.Checkpoints;

/// <summary>From a checkpoint's tensors to vectors of parameters.</summary>
internal static class CheckpointWeights
{
    /// <summary>The tensors of a layout's names, which have been checked.</summary>
    public static ParameterVector Read(Device device, Checkpoint tensors, ParameterLayout layout)
    {
        var vector = new ParameterVector(device, layout);
        try
        {
            foreach (Parameter parameter in layout.Parameters) tensors.ReadFloat32(parameter.Name, parameter.Shape, vector[parameter]);
            return vector;
        }
        catch
        {
            vector.Dispose();
            throw;
        }
    }

    /// <summary>Linear layers beside the encoder as a small vector of their own.</summary>
    public static ParameterVector ReadLinear(Device device, Checkpoint tensors, params ReadOnlySpan<LinearNames> layers)
    {
        var shapes = new List<KeyValuePair<string, Shape>>();
        foreach (LinearNames layer in layers) shapes.AddRange(LinearNames.Tensors(layer).Select(tensor => KeyValuePair.Create(tensor.Name, tensor.Shape)));
        return Read(device, tensors, new ParameterLayout(shapes));
    }

    /// <summary>Reads another checkpoint into a layout that is known already.</summary>
    /// <param name="device">Where it goes.</param>
    /// <param name="tensors">The other checkpoint.</param>
    /// <param name="layout">The layout.</param>
    /// <param name="names">What the other checkpoint calls each parameter, in the layout's order; null for one that it does not have and need not.</param>
    /// <param name="standIn">Gives the parameters without a name.</param>
    /// <exception cref="ModelException">A parameter is missing or has another shape; the message lists them.</exception>
    public static ParameterVector Read(Device device, Checkpoint tensors, ParameterLayout layout, IReadOnlyList<string?> names, ParameterVector? standIn = null)
    {
        var faults = new List<string>();
        for (int i = 0; i < names.Count; i++)
        {
            Shape shape = layout.Parameters[i].Shape;
            if (names[i] is not { } name) continue;
            if (!tensors.TryGet(name, out TensorEntry? entry)) faults.Add($"tensor {Quoting.Quote(name)} {shape} is missing");
            else if (entry.Shape != shape) faults.Add($"tensor {Quoting.Quote(name)} is {entry.Shape}, expected {shape}");
        }

        if (faults.Count > 0) throw new ModelException($"{tensors.Path}: {string.Join("; ", faults)}.");
        var vector = new ParameterVector(device, layout);
        try
        {
            for (int i = 0; i < names.Count; i++)
            {
                Parameter parameter = layout.Parameters[i];
                if (names[i] is { } name) tensors.ReadFloat32(name, parameter.Shape, vector[parameter]);
                else device.Operations.Copy(vector[parameter], standIn![parameter]);
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
