using System.Runtime.CompilerServices;
using MergeEngine.Tensors.Cuda.Kernels;
using MergeEngine.Tensors.Cuda.Memory;
using MergeEngine.Tensors.Operations;

namespace MergeEngine.Tensors.Cuda;

/// <content>Merges in which every element has a weight of its own.</content>
internal sealed partial class CudaOperations
{
    protected override void MergeWeightedCore(
        DeviceSpan<float> output, DeviceSpan<float> origin, ReadOnlySpan<DeviceSpan<float>> inputs, ReadOnlySpan<DeviceSpan<float>> weights, ReadOnlySpan<double> factors, double floor)
    {
        lock (_device.Gate)
        {
            Span<WeightedValues> list = ListOf<WeightedValues>([], inputs.Length);
            for (int k = 0; k < list.Length; k++) list[k] = new WeightedValues { Values = inputs[k].Address, Weights = weights[k].Address, Factor = factors[k] };
            var arguments = new MergeWeightedArguments { Output = output.Address, Origin = origin.Address, Table = Tabulate<WeightedValues>(list), Length = output.Length, Floor = floor, Count = list.Length };
            Launch(WeightKernels.MergeWeighted, Grid.Over(output.Length, WeightKernels.Block), arguments);
        }
    }

    protected override void CompetitionScoresCore(DeviceSpan<double> scores, ReadOnlySpan<DeviceSpan<float>> vectors, ReadOnlySpan<CompetitionTerm> terms, int index)
    {
        lock (_device.Gate)
        {
            CompetitionArguments arguments = Competition(vectors, terms);
            arguments.Scores = scores.Address;
            arguments.Index = index;
            Launch(WeightKernels.CompetitionScores, Grid.Over(scores.Length, WeightKernels.Block), arguments);
        }
    }

    protected override void MergeCompetitionCore(
        DeviceSpan<float> output, DeviceSpan<float> origin, ReadOnlySpan<DeviceSpan<float>> vectors, ReadOnlySpan<CompetitionTerm> terms, double scale)
    {
        lock (_device.Gate)
        {
            CompetitionArguments arguments = Competition(vectors, terms);
            arguments.Output = output.Address;
            arguments.Origin = origin.Address;
            arguments.Scale = scale;
            arguments.Least = LeastCompetition;
            Launch(WeightKernels.MergeCompetition, Grid.Over(output.Length, WeightKernels.Block), arguments);
        }
    }

    /// <summary>The arguments with the list in device memory; the caller holds the gate.</summary>
    private CompetitionArguments Competition(ReadOnlySpan<DeviceSpan<float>> vectors, ReadOnlySpan<CompetitionTerm> terms)
    {
        Span<CompetitionInput> list = ListOf<CompetitionInput>([], vectors.Length);
        for (int k = 0; k < list.Length; k++)
        {
            CompetitionTerm term = terms[k];
            list[k] = new CompetitionInput { Values = vectors[k].Address, Low = term.Low, High = term.High, Threshold = term.Threshold, Most = term.Most, Factor = term.Factor };
        }

        return new CompetitionArguments { Table = Tabulate<CompetitionInput>(list), Length = vectors[0].Length, Count = list.Length };
    }

    private nint Tabulate<TEntry>(ReadOnlySpan<TEntry> entries)
        where TEntry : unmanaged
    {
        nint table = Scratch(ScratchLayout.Aligned((long)entries.Length * Unsafe.SizeOf<TEntry>()));
        WriteTable(table, entries);
        return table;
    }
}
