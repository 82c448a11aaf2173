using MergeEngine.Merging.Methods;
using MergeEngine.Merging.Methods.Statistics;
using MergeEngine.Merging.TensorMethods.TaskVectors;
using MergeEngine.Tensors;
using MergeEngine.Tensors.Operations;

namespace MergeEngine.Merging.TensorMethods.WholeModel;

/// <summary>
/// EMR (Huang et al., arXiv 2405.17461): elect, mask and rescale. The unified difference u has at each position the sign of Σ d_k, + where that is 0, and the largest |d_k| that
/// has it; without <c>task</c> output = b + λ·u. With <c>task</c> the model is that of one task: output = b + λ·r·(m ⊙ u), where m = 1 where d_task has the elected sign and
/// r = Σ|d_task| / Σ|m ⊙ u| over the whole model.
/// </summary>
/// <remarks>
/// The paper's equation for r is over elements, and so is this; the authors' code takes means over tensors, in which small tensors weigh as much as large ones. The code also gives −
/// to positions without a sign, where the paper is silent; they differ where differences cancel exactly.
/// </remarks>
public sealed class EmrMethod : TensorMethod
{
    public override string Name => "emr";

    public override bool HasFloat64 => true;

    public override int Float64Arrays(int models) => models;

    public override ModelStatistics? BeginModel(ModelTask task)
    {
        ArgumentNullException.ThrowIfNull(task);
        return FlatStatistics.CountModels(task, Name) > 0 && task.Tensors[0].Parameters.IntegerOrNull("task") is { } number ? new TaskStatistics(task, number - 1) : null;
    }

    public override TensorMerge Begin(TensorTask task)
    {
        ArgumentNullException.ThrowIfNull(task);
        if (task.Parameters.IntegerOrNull("task") is not { } number) return MagMaxMethod.Begin(task, Name, DifferenceRule.ElectedLargest);
        GeneralizedTaskArithmetic.RequireBase(task, Name);
        return new TaskMerge(task, number - 1);
    }

    /// <summary>r of a task is that of differences in float32.</summary>
    /// <inheritdoc/>
    public override void MergeFloat64(TensorTask task, IReadOnlyList<double[]> inputs, double[] output)
    {
        ArgumentNullException.ThrowIfNull(task);
        double lambda = task.Parameters.Number("lambda");
        if (task.Parameters.IntegerOrNull("task") is not { } number)
        {
            MagMaxMethod.MergeFloat64(task, Name, DifferenceRule.ElectedLargest, lambda, inputs, output);
            return;
        }

        MagMaxMethod.MergeFloat64(task, Name, DifferenceRule.ElectedLargest, lambda * FlatStatistics.Of<TaskStatistics>(task).Scale, inputs, output);
        double[] origin = inputs[task.Base], own = inputs[task.Parameters.Models[number - 1]];
        // m is 0 where the task's difference has another sign than the elected one.
        for (int i = 0; i < output.Length; i++)
        {
            if (!Agrees(task, inputs, own, i)) output[i] = origin[i];
        }
    }

    /// <summary>Whether the task's difference has the elected sign.</summary>
    private static bool Agrees(TensorTask task, IReadOnlyList<double[]> inputs, double[] own, int i)
    {
        double votes = 0, origin = inputs[task.Base][i], difference = own[i] - origin;
        foreach (int model in task.Parameters.Models) votes += inputs[model][i] - origin;
        return votes >= 0 ? difference > 0 : difference < 0;
    }

    private sealed class TaskStatistics : FlatStatistics
    {
        private readonly TaskScale _scale;

        public TaskStatistics(ModelTask task, int number)
            : base(task, "emr")
        {
            _scale = new TaskScale(Device, number, Models, Longest(task));
            Statistics = [_scale];
        }

        public double Scale => _scale.Value;

        protected override IReadOnlyList<IMergeStatistic> Statistics { get; }

        protected override long OtherBytes => _scale.Bytes;
    }

    /// <summary>The unified difference where one model's has its sign.</summary>
    private sealed class TaskMask(Device device, int number, int models)
    {
        /// <summary>The terms of m ⊙ u, once <see cref="Find"/> has written m.</summary>
        public DifferenceTerm[] Terms { get; } = new DifferenceTerm[models];

        /// <param name="differences">The d_k of a piece.</param>
        /// <param name="zero">Memory for zeros.</param>
        /// <param name="own">Memory for d_task where it agrees.</param>
        /// <param name="mask">m.</param>
        public void Find(ReadOnlySpan<DeviceSpan<float>> differences, DeviceSpan<float> zero, DeviceSpan<float> own, DeviceSpan<byte> mask)
        {
            device.Operations.Fill(zero, 0);
            for (int k = 0; k < models; k++) Terms[k] = new DifferenceTerm(k == number ? 1 : 0, 1, 1, Selection.All, Selection.None);
            device.Operations.MergeDifferences(own, zero, differences, Terms, DifferenceRule.Elected, 1);
            device.Operations.KeepMask(mask, own, new Selection(0, -1));
            Terms.AsSpan().Fill(DifferenceTerm.Whole(1) with { Mask = mask });
        }
    }

    /// <summary>r.</summary>
    private sealed class TaskScale(Device device, int number, int models, long longest) : IMergeStatistic, IDisposable
    {
        private readonly TaskMask _mask = new(device, number, models);
        private readonly DifferencePieces _pieces = new(device, 0, longest, floats: 2, masks: 1);
        private readonly RunningSums _sums = new(device, 2, SumTerms.Magnitudes);

        public double Value { get; private set; }

        public long Bytes => _pieces.Bytes;

        public bool IsComplete { get; private set; }

        public int MostPasses => IsComplete ? 0 : 1;

        public void Accumulate(in MergeChunk chunk)
        {
            DeviceSpan<float> zero = _pieces.Float(0, chunk.Length), unified = _pieces.Float(1, chunk.Length);
            _mask.Find(chunk.TaskVectors, zero, unified, _pieces.Mask(0, chunk.Length));
            device.Operations.MergeDifferences(unified, zero, chunk.TaskVectors, _mask.Terms, DifferenceRule.ElectedLargest, 1);
            _sums.Add([chunk.TaskVectors[number], unified]);
        }

        public void CompletePass()
        {
            ReadOnlySpan<double> sums = _sums.Read();
            Value = sums[1] > 0 && double.IsFinite(sums[0] / sums[1]) ? sums[0] / sums[1] : 1;
            IsComplete = true;
        }

        public void Dispose()
        {
            _pieces.Dispose();
            _sums.Dispose();
        }
    }

    private sealed class TaskMerge(TensorTask task, int number) : TensorMerge
    {
        private readonly TaskMask _mask = new(task.Device, number, task.Parameters.Models.Count);
        private readonly DifferencePieces _pieces = new(task.Device, task.Parameters.Models.Count, task.Length, floats: 2, masks: 1);

        public override long WorkingBytes => _pieces.Bytes;

        public override void Map(in TensorChunk chunk)
        {
            double scale = task.Parameters.Number("lambda") * FlatStatistics.Of<TaskStatistics>(task).Scale;
            for (long start = 0, length; start < chunk.Length; start += length)
            {
                length = DifferencePieces.Next(start, chunk.Length);
                _mask.Find(_pieces.Differences(task, chunk, start, length).TaskVectors, _pieces.Float(0, length), _pieces.Float(1, length), _pieces.Mask(0, length));
                task.Device.Operations.MergeDifferences(
                    chunk.Output.Slice(start, length), chunk.Inputs[task.Base].Slice(start, length), _pieces.Inputs(task, chunk, start, length), _mask.Terms, DifferenceRule.ElectedLargest, scale);
            }
        }

        protected override void Dispose(bool disposing)
        {
            _pieces.Dispose();
            base.Dispose(disposing);
        }
    }
}
