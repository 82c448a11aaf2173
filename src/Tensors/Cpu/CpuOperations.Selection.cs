using MergeEngine.Tensors.Cpu.Vectors;
using MergeEngine.Tensors.Operations;

namespace MergeEngine.Tensors.Cpu;

/// <content>Masks, sign election and sensitivities.</content>
internal sealed unsafe partial class CpuOperations
{
    protected override void CrossMagnitudeCore(DeviceSpan<double> keys, ReadOnlySpan<DeviceSpan<float>> magnitudes, ReadOnlySpan<DeviceSpan<float>> vectors)
    {
        long bytes = Scratch.PointerBytes(vectors.Length);
        byte* scratch = Scratch.Require((2 * bytes) + (_device.Threads * Vectors.CrossMagnitude.BufferBytes(vectors.Length + magnitudes.Length)));
        VectorPass<CrossMagnitude>.Run(
            _device,
            new CrossMagnitude
            {
                Keys = keys.Pointer,
                Vectors = Scratch.Pointers(scratch, vectors),
                Magnitudes = magnitudes.Length == 0 ? null : Scratch.Pointers(scratch + bytes, magnitudes),
                Count = vectors.Length,
                Buffers = scratch + (2 * bytes),
                Pool = _device.Pool,
            },
            keys.Length);
    }

    protected override void DropMaskCore(DeviceSpan<byte> mask, DeviceSpan<double> keys, Selection dropped, long firstIndex) =>
        VectorPass<SelectionMask<double, DropTest>>.Run(
            _device, new SelectionMask<double, DropTest> { Mask = mask.Pointer, Keys = keys.Pointer, Threshold = new StrictThreshold(dropped, firstIndex) }, keys.Length);

    protected override void KeepMaskCore(DeviceSpan<byte> mask, DeviceSpan<float> values, Selection kept, long firstIndex) =>
        VectorPass<SelectionMask<float, KeepTest>>.Run(
            _device, new SelectionMask<float, KeepTest> { Mask = mask.Pointer, Keys = values.Pointer, Threshold = new StrictThreshold(kept, firstIndex) }, values.Length);

    protected override long SignBalanceCore(ReadOnlySpan<DeviceSpan<float>> vectors, ReadOnlySpan<Selection> kept, long firstIndex)
    {
        byte* scratch = Scratch.Require(TrimmedVectors.ScratchBytes(vectors.Length));
        var kernel = new SignBalance { Trimmed = TrimmedVectors.Create(scratch, vectors, kept, firstIndex) };
        return VectorPass<SignBalance>.Run(_device, kernel, vectors[0].Length).Result;
    }

    protected override void DisjointMeanCore(DeviceSpan<float> output, ReadOnlySpan<DeviceSpan<float>> vectors, ReadOnlySpan<Selection> kept, int undecidedSign, long firstIndex)
    {
        long lists = TrimmedVectors.ScratchBytes(vectors.Length);
        byte* scratch = Scratch.Require(lists + (_device.Threads * Vectors.DisjointMean.BufferBytes(vectors.Length)));
        VectorPass<DisjointMean>.Run(
            _device,
            new DisjointMean
            {
                Output = output.Pointer,
                Buffers = scratch + lists,
                Pool = _device.Pool,
                Trimmed = TrimmedVectors.Create(scratch, vectors, kept, firstIndex),
                UndecidedSign = undecidedSign,
            },
            output.Length);
    }

    protected override void RandomMaskCore(DeviceSpan<byte> mask, ulong key, double keepProbability, long firstIndex) =>
        VectorPass<RandomMask>.Run(
            _device,
            new RandomMask
            {
                Mask = mask.Pointer,
                Key = key,
                Limit = (ulong)Math.Floor((keepProbability * 4294967296.0) + 0.5),
                First = (ulong)firstIndex,
            },
            mask.Length);
}
