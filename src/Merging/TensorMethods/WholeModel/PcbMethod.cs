using MergeEngine.Merging.Methods;
using MergeEngine.Merging.Methods.Statistics;
using MergeEngine.Merging.TensorMethods.TaskVectors;
using MergeEngine.Tensors;
using MergeEngine.Tensors.Operations;

namespace MergeEngine.Merging.TensorMethods.WholeModel;

/// <summary>
/// PCB, parameter competition balancing (Du et al., arXiv 2410.02396), over the whole model of n elements, d_k = x_k − b of K models. c_k is d_k with its magnitude clipped to the element ⌊0.01·n⌋ and the
/// element ⌊0.99·n⌋ − 1 of the sorted |d_k|; N_k = |c_k| brought to [0, 1] between these two. Within a task an element scores exp(K·N_k²), between tasks tanh(d_k·Σ_j sgn(d_j)·N_j); β_k is the product,
/// 0 where it is negative. s_k is β_k brought to [0, 1] between the element ⌊(1 − ratio)·n⌋ of the sorted β_k and the largest, so that the share <c>ratio</c> keeps a weight;
/// output = b + λ·Σ w_k·s_k·c_k / max(Σ s_k, 1e-12).
/// </summary>
/// <remarks>
/// Read was the authors' code for vision models, which has three forms of the score between tasks in three files; this is that of its main file, pcb.py. The paper writes a softmax for both scores, the code their exponential and
/// a hyperbolic tangent. The code lets negative products have a small weight where ratio reaches down to them; they mean that a task opposes the others, and have none here. Scores are computed with exp(K·(N_k² − 1)), as a
/// factor does not change s_k; equal limits give N_k or s_k = 0.
/// </remarks>
public sealed class PcbMethod : TensorMethod
{
    private const double Clipped = 0.01;

    public override string Name => "pcb";

    public override ModelStatistics? BeginModel(ModelTask task)
    {
        ArgumentNullException.ThrowIfNull(task);
        return FlatStatistics.CountModels(task, Name) == 0 ? null : new Competition(task);
    }

    public override TensorMerge Begin(TensorTask task)
    {
        ArgumentNullException.ThrowIfNull(task);
        GeneralizedTaskArithmetic.RequireBase(task, Name);
        return new PcbMerge(task);
    }

    private sealed class Competition : FlatStatistics
    {
        private readonly Ranges _ranges;
        private readonly Scores _scores;

        public Competition(ModelTask task)
            : base(task, "pcb")
        {
            _ranges = new Ranges(Device, Models, Length);
            _scores = new Scores(Device, _ranges, Length, task.Tensors[0].Parameters.Number("ratio"));
            Statistics = [_ranges, _scores];
        }

        public CompetitionTerm[] Terms => _scores.Terms;

        protected override IReadOnlyList<IMergeStatistic> Statistics { get; }

        protected override long OtherBytes => sizeof(double) * DifferencePieces.Next(0, Length);
    }

    /// <summary>The magnitudes to which each difference is clipped.</summary>
    private sealed class Ranges(Device device, int models, long length) : IMergeStatistic
    {
        private readonly RadixSearch[] _low = Searches(31, models, length - (long)(Clipped * length));
        private readonly RadixSearch[] _high = Searches(31, models, length - Math.Max(0, (long)((length * (1 - Clipped)) - 1)));

        public bool IsComplete { get; private set; }

        public int MostPasses => Math.Max(_low.Max(s => s.MostPasses), _high.Max(s => s.MostPasses));

        public CompetitionTerm Term(int model) => new(Value(_low[model]), Value(_high[model]));

        public void Accumulate(in MergeChunk chunk)
        {
            for (int k = 0; k < models; k++)
            {
                device.Operations.MagnitudeHistogram(_low[k].Counts, chunk.TaskVectors[k], (uint)_low[k].Prefix, _low[k].PrefixBits, _low[k].DigitBits);
                device.Operations.MagnitudeHistogram(_high[k].Counts, chunk.TaskVectors[k], (uint)_high[k].Prefix, _high[k].PrefixBits, _high[k].DigitBits);
            }
        }

        public void CompletePass() => IsComplete = Complete(_low) & Complete(_high);

        private static double Value(RadixSearch search) => BitConverter.UInt32BitsToSingle((uint)search.ThresholdBits);
    }

    /// <summary>The score from which on an element has a weight, and the largest.</summary>
    private sealed class Scores(Device device, Ranges ranges, long length, double ratio) : IMergeStatistic, IDisposable
    {
        private readonly Scratch<double> _keys = new(device);
        private RadixSearch[] _threshold = [];
        private RadixSearch[] _most = [];

        public CompetitionTerm[] Terms { get; private set; } = [];

        public bool IsComplete { get; private set; }

        // All searches go through their digits together.
        public int MostPasses => (_most.FirstOrDefault() ?? Search(63)).MostPasses;

        public void Accumulate(in MergeChunk chunk)
        {
            if (Terms.Length == 0)
            {
                Terms = [.. Enumerable.Range(0, chunk.TaskVectors.Length).Select(ranges.Term)];
                _threshold = Searches(63, Terms.Length, length - Math.Min(length - 1, (long)((1 - ratio) * length)));
                _most = Searches(63, Terms.Length, 1);
            }

            DeviceSpan<double> keys = _keys.Take(chunk.Length);
            for (int k = 0; k < Terms.Length; k++)
            {
                device.Operations.CompetitionScores(keys, chunk.TaskVectors, Terms, k);
                device.Operations.KeyHistogram(_threshold[k].Counts, keys, _threshold[k].Prefix, _threshold[k].PrefixBits, _threshold[k].DigitBits);
                device.Operations.KeyHistogram(_most[k].Counts, keys, _most[k].Prefix, _most[k].PrefixBits, _most[k].DigitBits);
            }
        }

        public void CompletePass()
        {
            IsComplete = Complete(_threshold) & Complete(_most);
            for (int k = 0; k < Terms.Length && IsComplete; k++) Terms[k] = Terms[k] with { Threshold = Value(_threshold[k]), Most = Value(_most[k]) };
        }

        public void Dispose() => _keys.Dispose();

        private static double Value(RadixSearch search) => BitConverter.UInt64BitsToDouble(search.ThresholdBits);
    }

    private sealed class PcbMerge(TensorTask task) : TensorMerge
    {
        private readonly DifferencePieces _pieces = new(task.Device, task.Parameters.Models.Count, task.Length);
        private readonly double[] _weights = [.. task.Parameters.Models.Select(source => task.Parameters.Number("weight", source))];

        public override long WorkingBytes => _pieces.Bytes;

        public override void Map(in TensorChunk chunk)
        {
            CompetitionTerm[] terms = [.. FlatStatistics.Of<Competition>(task).Terms.Select((t, k) => t with { Factor = _weights[k] })];
            for (long start = 0, length; start < chunk.Length; start += length)
            {
                length = DifferencePieces.Next(start, chunk.Length);
                MergeChunk piece = _pieces.Differences(task, chunk, start, length);
                task.Device.Operations.MergeCompetition(piece.Output, piece.Origin, piece.TaskVectors, terms, task.Parameters.Number("lambda"));
            }
        }

        protected override void Dispose(bool disposing)
        {
            _pieces.Dispose();
            base.Dispose(disposing);
        }
    }

    private static RadixSearch[] Searches(int bits, int models, long count)
    {
        var searches = new RadixSearch[models];
        for (int k = 0; k < models; k++)
        {
            searches[k] = Search(bits);
            searches[k].Begin(count);
        }

        return searches;
    }

    private static RadixSearch Search(int bits) => new(bits) { ValueOnly = true };

    private static bool Complete(RadixSearch[] searches)
    {
        foreach (RadixSearch search in searches)
        {
            if (!search.IsComplete) search.CompleteHistogram();
        }

        return searches.All(s => s.IsComplete);
    }
}
