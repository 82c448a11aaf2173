using MergeEngine.Tensors.Numerics;

namespace MergeEngine.Models.Datasets;

/// <summary>
/// Shifts of an image by up to <paramref name="MaxShift"/> pixels each way, the gap filled with byte 0. The draw of a sample depends on
/// seed, task, epoch and sample alone, so it does not matter how samples are batched.
/// </summary>
/// <param name="MaxShift">Largest shift in pixels; 0 for none.</param>
/// <param name="Key">From <see cref="PhiloxKey.From"/> with seed and task.</param>
/// <param name="Epoch">Epoch from 0.</param>
public readonly record struct Augmentation(int MaxShift, ulong Key, int Epoch)
{
    /// <summary>Augmentation of a task in epoch 0.</summary>
    public static Augmentation Shift(int pixels, ulong seed, string task) => new(pixels, PhiloxKey.From(seed, $"augment.{task}"), 0);

    /// <summary>How far a sample moves right and down.</summary>
    public (int X, int Y) ShiftOf(int sample)
    {
        if (MaxShift == 0) return (0, 0);
        var random = new PhiloxStream(Key, ((ulong)(uint)Epoch << 32) | (uint)sample);
        return (random.NextInt((2 * MaxShift) + 1) - MaxShift, random.NextInt((2 * MaxShift) + 1) - MaxShift);
    }
}
