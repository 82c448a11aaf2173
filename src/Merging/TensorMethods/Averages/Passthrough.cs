namespace MergeEngine.Merging.TensorMethods.Averages;

/// <summary>One model, times its scale, which is rounded to float32 as mergekit does. A scale of 1 copies the bits.</summary>
/// <remarks>Parameter: scale of the model. A scale of 0 gives zeros, also where the model holds NaN.</remarks>
public sealed class Passthrough : TensorMethod
{
    public override string Name => "passthrough";

    public override bool HasFloat64 => true;

    public override TensorMerge Begin(TensorTask task)
    {
        var coefficients = new double[task.Inputs];
        foreach (int model in task.Parameters.Models) coefficients[model] = (float)task.Parameters.Number("scale", model);
        return new CoefficientMerge(task.Device, coefficients);
    }

    public override void MergeFloat64(TensorTask task, IReadOnlyList<double[]> inputs, double[] output)
    {
        int model = task.Parameters.Models[0];
        double scale = (float)task.Parameters.Number("scale", model);
        for (int i = 0; i < output.Length; i++) output[i] = scale == 0 ? 0 : inputs[model][i] * scale;
    }
}
