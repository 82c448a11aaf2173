using MergeEngine.Tensors.Numerics;

namespace MergeEngine.Tensors.Operations.Reference;

/// <content>Masks, sign election and sensitivities.</content>
public unsafe partial class ReferenceOperations
{
    protected override void CrossMagnitudeCore(DeviceSpan<double> keys, ReadOnlySpan<DeviceSpan<float>> magnitudes, ReadOnlySpan<DeviceSpan<float>> vectors)
    {
        for (long i = 0; i < keys.Length; i++)
        {
            bool live = false;
            double total = 0, key = 0;
            foreach (DeviceSpan<float> magnitude in magnitudes) total += magnitude.Pointer[i];
            for (int k = 0; k < vectors.Length; k++)
            {
                double v = Math.Abs(vectors[k].Pointer[i]);
                live |= v != 0;
                if (magnitudes.Length != 0)
                {
                    key += v * (total - magnitudes[k].Pointer[i]);
                }
                else
                {
                    key += 2 * v * total;
                    total += v;
                }
            }

            // G − ḡ_k can fall below zero by round-off when one magnitude dominates.
            keys.Pointer[i] = live ? Math.Max(key, 0) : -1;
        }
    }

    protected override void DropMaskCore(DeviceSpan<byte> mask, DeviceSpan<double> keys, Selection dropped, long firstIndex)
    {
        for (long i = 0; i < keys.Length; i++)
            mask.Pointer[i] = keys.Pointer[i] >= 0 && dropped.Contains(keys.Pointer[i], firstIndex + i) ? (byte)0 : (byte)1;
    }

    protected override void KeepMaskCore(DeviceSpan<byte> mask, DeviceSpan<float> values, Selection kept, long firstIndex)
    {
        for (long i = 0; i < values.Length; i++)
            mask.Pointer[i] = kept.Contains(Math.Abs(values.Pointer[i]), firstIndex + i) ? (byte)1 : (byte)0;
    }

    protected override long SignBalanceCore(ReadOnlySpan<DeviceSpan<float>> vectors, ReadOnlySpan<Selection> kept, long firstIndex)
    {
        long balance = 0;
        for (long i = 0; i < vectors[0].Length; i++) balance += Sign(TrimmedSum(vectors, kept, i, firstIndex));
        return balance;
    }

    protected override void DisjointMeanCore(DeviceSpan<float> output, ReadOnlySpan<DeviceSpan<float>> vectors, ReadOnlySpan<Selection> kept, int undecidedSign, long firstIndex)
    {
        for (long i = 0; i < output.Length; i++)
        {
            int sign = Sign(TrimmedSum(vectors, kept, i, firstIndex));
            if (sign == 0) sign = undecidedSign;
            double sum = 0;
            int count = 0;
            for (int k = 0; k < vectors.Length; k++)
            {
                double v = Trimmed(vectors[k], kept[k], i, firstIndex);
                if (Sign(v) != sign) continue;
                sum += v;
                count++;
            }

            output.Pointer[i] = count == 0 ? 0 : (float)(sum / count);
        }
    }

    protected override void RandomMaskCore(DeviceSpan<byte> mask, ulong key, double keepProbability, long firstIndex)
    {
        ulong limit = (ulong)Math.Floor((keepProbability * 4294967296.0) + 0.5);
        for (long i = 0; i < mask.Length; i++)
        {
            ulong index = (ulong)(firstIndex + i);
            (uint w0, uint w1, uint w2, uint w3) = Philox.Generate(key, 0, index / 4);
            uint word = (index % 4) switch { 0 => w0, 1 => w1, 2 => w2, _ => w3 };
            mask.Pointer[i] = word < limit ? (byte)1 : (byte)0;
        }
    }

    /// <summary>Math.Sign, which refuses NaN: the sum of infinities of both signs has no sign.</summary>
    private static int Sign(double x) => x > 0 ? 1 : x < 0 ? -1 : 0;

    private static double Trimmed(DeviceSpan<float> vector, Selection kept, long i, long firstIndex) =>
        kept.Contains(Math.Abs(vector.Pointer[i]), firstIndex + i) ? vector.Pointer[i] : 0;

    private static double TrimmedSum(ReadOnlySpan<DeviceSpan<float>> vectors, ReadOnlySpan<Selection> kept, long i, long firstIndex)
    {
        double sum = 0;
        for (int k = 0; k < vectors.Length; k++) sum += Trimmed(vectors[k], kept[k], i, firstIndex);
        return sum;
    }
}
