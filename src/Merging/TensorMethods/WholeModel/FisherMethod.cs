using MergeEngine.Tensors;
using MergeEngine.Tensors.Operations;

namespace MergeEngine.Merging.TensorMethods.WholeModel;

/// <summary>
/// Fisher merging (Matena and Raffel, arXiv 2111.09832): output = Σ λ_k·F_k·x_k / Σ λ_k·F_k element by element, with F_k = max(floor, the diagonal Fisher information of model k at its own weights), from the
/// file that <c>fisher</c> names, and λ_k the model's weight; with <c>normalize</c> λ_k is the weight divided by the 2-norm of the file's information over the whole model, so that no model
/// counts more because its loss is larger. It is taken as b + Σ λ_k·F_k·(x_k − b) / Σ λ_k·F_k, which rounds less and keeps the base's bits where no model differs; without a base the first model stands in.
/// </summary>
/// <remarks>
/// A tensor that one of the files lacks is the average by weights alone. Sums are float64, rounded once.
/// </remarks>
public sealed class FisherMethod : TensorMethod
{
    public override string Name => "fisher";

    public override ModelStatistics? BeginModel(ModelTask task)
    {
        ArgumentNullException.ThrowIfNull(task);
        return FlatStatistics.CountModels(task, Name) == 0 ? null : new Norms(task, task.Tensors[0].Parameters.Flag("normalize"));
    }

    public override TensorMerge Begin(TensorTask task)
    {
        ArgumentNullException.ThrowIfNull(task);
        return new FisherMerge(task);
    }

    /// <summary>The 2-norm of every file over the whole model; and whether the files hold what they should.</summary>
    private sealed class Norms(ModelTask task, bool normalize) : ModelStatistics
    {
        private readonly CompanionSigns _signs = new(task.Device, task.Tensors[0].Parameters.Models.Count, "fisher");
        private readonly RunningSums[] _squares = [.. task.Tensors[0].Parameters.Models.Select(_ => new RunningSums(task.Device, 1))];

        /// <summary>What a model's weight is divided by.</summary>
        public double[] Divisors { get; } = [.. task.Tensors[0].Parameters.Models.Select(_ => 1.0)];

        public bool IsComplete { get; private set; }

        public override bool NeedsPass => !IsComplete;

        public override void Accumulate(TensorTask tensor, in TensorChunk chunk)
        {
            _signs.Accumulate(tensor, chunk);
            for (int k = 0; k < _squares.Length && normalize && chunk.Companions.Length > 0; k++)
            {
                DeviceSpan<float> information = chunk.Companions[tensor.Parameters.Models[k]];
                if (!information.IsNone) _squares[k].Add([information]);
            }
        }

        public override void CompletePass()
        {
            _signs.Check("The Fisher information", "holds", "it is a mean of squares");
            for (int k = 0; k < _squares.Length && normalize; k++)
            {
                double norm = Math.Sqrt(_squares[k].Read()[0]);
                Divisors[k] = norm > 0 ? norm : throw new ArgumentException($"The Fisher information of model {k + 1} is 0 throughout, and 'normalize' divides by its norm.");
            }

            IsComplete = true;
        }

        protected override void Dispose(bool disposing)
        {
            if (disposing)
            {
                _signs.Dispose();
                foreach (RunningSums squares in _squares) squares.Dispose();
            }

            base.Dispose(disposing);
        }
    }

    private sealed class FisherMerge(TensorTask task) : TensorMerge
    {
        private readonly int[] _sources = [.. task.Parameters.Models];
        private readonly double[] _weights = [.. task.Parameters.Models.Select(source => task.Parameters.Number("weight", source))];
        private readonly DeviceSpan<float>[] _inputs = new DeviceSpan<float>[task.Parameters.Models.Count];
        private readonly DeviceSpan<float>[] _information = new DeviceSpan<float>[task.Parameters.Models.Count];

        public override void Map(in TensorChunk chunk)
        {
            OperationSet operations = task.Device.Operations;
            DeviceSpan<float> origin = chunk.Inputs[task.Base >= 0 ? task.Base : _sources[0]];
            for (int k = 0; k < _sources.Length; k++) _inputs[k] = chunk.Inputs[_sources[k]];
            if (!DifferencePieces.HasCompanions(task, chunk))
            {
                double total = _weights.Sum();
                operations.MergeDifferences(chunk.Output, origin, _inputs, [.. _weights.Select(DifferenceTerm.Whole)], DifferenceRule.Sum, total == 0 ? 0 : 1 / total);
                return;
            }

            double[] divisors = FlatStatistics.Of<Norms>(task).Divisors;
            for (int k = 0; k < _sources.Length; k++) _information[k] = chunk.Companions[_sources[k]];
            operations.MergeWeighted(chunk.Output, origin, _inputs, _information, [.. _weights.Zip(divisors, (w, d) => w / d)], task.Parameters.Number("floor"));
        }
    }
}
