using MergeEngine.Tensors;

namespace MergeEngine.Merging.TensorMethods.Averages;

/// <summary>
/// The model's value where it is near the base: s·x + (1 − s)·b with s = min(1, t/max(|x − b|, 1e-6)) (mergekit's nearswap). So every value moves towards
/// the model by t, and no farther than to it.
/// </summary>
/// <remarks>Parameter: t, of at least 0, rounded to float32; 0 copies the base. The arithmetic is float64 and the result is rounded once; a value within reach is copied.</remarks>
public sealed class NearSwap : TensorMethod
{
    public override string Name => "nearswap";

    public override bool HasFloat64 => true;

    /// <summary>Here t is not rounded.</summary>
    public override void MergeFloat64(TensorTask task, IReadOnlyList<double[]> inputs, double[] output)
    {
        double reach = Math.Max(0, task.Parameters.Number("t"));
        double[] origin = inputs[RequiredBase.Of(task, Name)], model = inputs[task.Parameters.Models.First(m => m != task.Base)];
        for (int i = 0; i < output.Length; i++)
        {
            double difference = model[i] - origin[i], size = Math.Max(Math.Abs(difference), 1e-6);
            output[i] = reach >= size ? model[i] : reach == 0 ? origin[i] : origin[i] + (difference * reach / size);
        }
    }

    public override TensorMerge Begin(TensorTask task) =>
        new Merge(task.Device, RequiredBase.Of(task, Name), task.Parameters.Models.First(m => m != task.Base), (float)Math.Max(0, task.Parameters.Number("t")));

    private sealed class Merge(Device device, int origin, int model, float reach) : TensorMerge
    {
        public override void Map(in TensorChunk chunk)
        {
            if (reach == 0) device.Operations.Copy(chunk.Output, chunk.Inputs[origin]);
            else device.Operations.NearSwap(chunk.Output, chunk.Inputs[origin], chunk.Inputs[model], reach);
        }
    }
}
