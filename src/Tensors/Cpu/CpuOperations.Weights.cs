using MergeEngine.Tensors.Cpu.Vectors;
using MergeEngine.Tensors.Operations;

namespace MergeEngine.Tensors.Cpu;

/// <content>Merges in which every element has a weight of its own.</content>
internal sealed unsafe partial class CpuOperations
{
    protected override void MergeWeightedCore(
        DeviceSpan<float> output, DeviceSpan<float> origin, ReadOnlySpan<DeviceSpan<float>> inputs, ReadOnlySpan<DeviceSpan<float>> weights, ReadOnlySpan<double> factors, double floor)
    {
        long pointers = Scratch.PointerBytes(inputs.Length);
        byte* scratch = Scratch.Require((2 * pointers) + (sizeof(double) * (long)factors.Length));
        factors.CopyTo(new Span<double>(scratch + (2 * pointers), factors.Length));
        VectorPass<MergeWeighted>.Run(
            _device,
            new MergeWeighted
            {
                Output = output.Pointer,
                Origin = origin.Pointer,
                Inputs = Scratch.Pointers(scratch, inputs),
                Weights = Scratch.Pointers(scratch + pointers, weights),
                Factors = (double*)(scratch + (2 * pointers)),
                Count = inputs.Length,
                Floor = floor,
            },
            output.Length);
    }

    protected override void CompetitionScoresCore(DeviceSpan<double> scores, ReadOnlySpan<DeviceSpan<float>> vectors, ReadOnlySpan<CompetitionTerm> terms, int index) =>
        VectorPass<Competition>.Run(_device, CompetitionOf(vectors, terms) with { Scores = scores.Pointer, Index = index }, scores.Length);

    protected override void MergeCompetitionCore(
        DeviceSpan<float> output, DeviceSpan<float> origin, ReadOnlySpan<DeviceSpan<float>> vectors, ReadOnlySpan<CompetitionTerm> terms, double scale) =>
        VectorPass<Competition>.Run(_device, CompetitionOf(vectors, terms) with { Output = output.Pointer, Origin = origin.Pointer, Scale = scale, Least = LeastCompetition }, output.Length);

    private static Competition CompetitionOf(ReadOnlySpan<DeviceSpan<float>> vectors, ReadOnlySpan<CompetitionTerm> terms)
    {
        long pointers = Scratch.PointerBytes(vectors.Length);
        byte* scratch = Scratch.Require(pointers + (sizeof(CompetitionTerm) * (long)terms.Length));
        terms.CopyTo(new Span<CompetitionTerm>(scratch + pointers, terms.Length));
        return new Competition { Vectors = Scratch.Pointers(scratch, vectors), Terms = (CompetitionTerm*)(scratch + pointers), Count = terms.Length };
    }
}
