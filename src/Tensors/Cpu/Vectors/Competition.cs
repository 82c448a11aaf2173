using System.Runtime.CompilerServices;
using MergeEngine.Tensors.Cpu.VectorMath;
using MergeEngine.Tensors.Operations;

namespace MergeEngine.Tensors.Cpu.Vectors;

/// <summary>Scores of one vector among others, or the merge by all scores. Scalar: the exponentials are what it costs, and their bits are those of the other devices.</summary>
internal unsafe struct Competition : IRangeKernel
{
    /// <summary>Where scores go; null to merge.</summary>
    public double* Scores;
    public int Index;
    public float* Output;
    public float* Origin;
    public float** Vectors;
    public CompetitionTerm* Terms;
    public int Count;
    public double Scale;
    public double Least;

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public readonly void Run<S, V, D>(long start, int count)
        where S : struct, ISimd<V>, ISimdDouble<V, D>
        where V : struct
        where D : struct
    {
        for (long i = start; i < start + count; i++)
        {
            double shares = 0;
            for (int k = 0; k < Count; k++)
            {
                double value = Vectors[k][i], share = Terms[k].Share(Math.Abs(value));
                shares += value > 0 ? share : value < 0 ? -share : value;
            }

            if (Scores != null) Scores[i] = Terms[Index].Score(Vectors[Index][i], shares, Count);
            else Merge(i, shares);
        }
    }

    private readonly void Merge(long i, double shares)
    {
        double sum = 0, total = 0;
        for (int k = 0; k < Count; k++)
        {
            double value = Vectors[k][i], weight = Terms[k].Weight(Terms[k].Score(value, shares, Count)), clipped = Terms[k].Clip(Math.Abs(value));
            sum = Math.FusedMultiplyAdd(Terms[k].Factor * weight, value > 0 ? clipped : value < 0 ? -clipped : value, sum);
            total += weight;
        }

        Output[i] = sum == 0 ? Origin[i] : (float)Math.FusedMultiplyAdd(Scale, sum / (total < Least ? Least : total), Origin[i]);
    }
}
