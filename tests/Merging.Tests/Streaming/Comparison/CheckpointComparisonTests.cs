using System.Runtime.InteropServices;
using FsCheck;
using FsCheck.Fluent;
using MergeEngine.Merging.Streaming.Comparison;
using MergeEngine.Tensors.Numerics;
using MergeEngine.Tensors.Safetensors;
using MergeEngine.Tests.Support;

namespace MergeEngine.Merging.Tests.Streaming.Comparison;

/// <summary>Differences of checkpoints made by hand, and of any values against plain loops.</summary>
public sealed class CheckpointComparisonTests : IDisposable
{
    private readonly TemporaryDirectory directory = new();

    public void Dispose() => directory.Dispose();

    [Fact]
    public void Equal_checkpoints_differ_in_nothing()
    {
        TensorContent[] model = [Floats("a", [1, -2, 0, 1e-30f]), TensorContent.FromInt64("ids", new Shape(2), new[] { 1L, -5 }), Floats("b", [0.5f], DType.BF16)];
        CheckpointComparison found = Compare(model, model);
        Assert.True(found.AreEqual(null));
        Assert.All(found.Tensors, t => Assert.Equal((0, 0.0, 0.0), (t.Differing, t.MaxAbsolute, t.MeanAbsolute)));
        TensorDifference tensor = found.Tensors[0];
        Assert.Equal(1, tensor.Cosine!.Value, 1e-15);
        Assert.Equal(0, tensor.MaxUlps);
    }

    [Fact]
    public void Maximum_mean_cosine_and_ulps_are_those_of_the_definition()
    {
        TensorDifference tensor = CompareOne(Floats("a", [1, 2, 3, 4]), Floats("a", [1, 2, 3.5f, 2]));
        Assert.Equal(2, tensor.Differing);
        Assert.Equal(2.0, tensor.MaxAbsolute);
        Assert.Equal(2.5 / 4, tensor.MeanAbsolute);
        // 2^23 numbers from 2 up to 4, one binade.
        Assert.Equal(1 << 23, tensor.MaxUlps);
        Assert.Equal((1 + 4 + 10.5 + 8) / (Math.Sqrt(30) * Math.Sqrt(1 + 4 + 12.25 + 4)), tensor.Cosine!.Value, 1e-15);
    }

    [Fact]
    public void Ulps_count_the_numbers_between_across_zero_and_in_the_coarser_type()
    {
        Assert.Equal(1, CompareOne(Floats("a", [1]), Floats("a", [float.BitIncrement(1)])).MaxUlps);
        Assert.Equal(2, CompareOne(Floats("a", [float.Epsilon]), Floats("a", [-float.Epsilon])).MaxUlps);
        Assert.Equal(0, CompareOne(Floats("a", [0f]), Floats("a", [-0f])).MaxUlps);
        Assert.Equal(1, CompareOne(Floats("a", [float.MaxValue]), Floats("a", [float.PositiveInfinity])).MaxUlps);
        // Half a bfloat16 step from 1 rounds to even, back to 1; a little more rounds away.
        Assert.Equal(0, CompareOne(Floats("a", [1 + 1f / 256]), Floats("a", [1], DType.BF16)).MaxUlps);
        Assert.Equal(1, CompareOne(Floats("a", [1.0039064f]), Floats("a", [1], DType.BF16)).MaxUlps);
        // The same in float64, where rounding by way of float32 would lose the doubt.
        Assert.Equal(1, CompareOne(Doubles("a", [1 + 1.0 / 256 + 1e-12]), Floats("a", [1], DType.BF16)).MaxUlps);
        Assert.Equal(0, CompareOne(Doubles("a", [1 + 1.0 / 256 - 1e-12]), Floats("a", [1], DType.BF16)).MaxUlps);
        Assert.Equal(3, CompareOne(Doubles("a", [1]), Doubles("a", [1 + 3 * Math.Pow(2, -52)])).MaxUlps);
        Assert.Equal(long.MaxValue, CompareOne(Doubles("a", [double.MaxValue]), Doubles("a", [double.MinValue])).MaxUlps);
        // bfloat16 has the shorter significand of the two half types.
        Assert.Equal(1, CompareOne(Floats("a", [1], DType.F16), Floats("a", [1 + 1f / 128], DType.BF16)).MaxUlps);
    }

    [Fact]
    public void Nan_and_infinity_are_told_and_do_not_spread()
    {
        TensorDifference tensor = CompareOne(
            Floats("a", [float.NaN, float.NaN, 1, 2, float.PositiveInfinity]), Floats("a", [float.NaN, 0, 1, float.NaN, float.PositiveInfinity]));
        Assert.Equal((2L, 2L, 2L), (tensor.NaNInFirst, tensor.NaNInSecond, tensor.NaNInOne));
        Assert.Equal((2L, 0.0, 0.0), (tensor.Differing, tensor.MaxAbsolute, tensor.MeanAbsolute));
        Assert.Equal(1, tensor.Cosine!.Value, 1e-15);
        Assert.False(tensor.IsWithin(1e9));
        TensorDifference infinite = CompareOne(Floats("a", [1, float.PositiveInfinity]), Floats("a", [1, 3]));
        Assert.Equal(double.PositiveInfinity, infinite.MaxAbsolute);
        Assert.Equal(double.PositiveInfinity, infinite.MeanAbsolute);
        Assert.True(CompareOne(Floats("a", [float.NaN]), Floats("a", [float.NaN])).IsWithin(0));
    }

    [Fact]
    public void Names_shapes_and_types_that_differ_are_listed()
    {
        CheckpointComparison found = Compare(
            [Floats("both", [1]), Floats("first", [1]), Floats("shape", [1, 2]), Floats("kind", [1]), Floats("width", [1.5f])],
            [Floats("both", [1]), Floats("second", [1]), Floats("shape", [1, 2, 3]), TensorContent.FromInt32("kind", new Shape(1), new[] { 1 }), Floats("width", [1.5f], DType.BF16)]);
        Assert.Equal(["first"], found.OnlyInFirst);
        Assert.Equal(["second"], found.OnlyInSecond);
        Assert.Equal(["\"kind\" is F32 in the first and I32 in the second.", "\"shape\" has the shape [2] in the first and [3] in the second."], found.Unlike);
        Assert.Equal(["both", "width"], found.Tensors.Select(t => t.Name));
        Assert.True(CheckpointComparison.IsEqual(found.Tensors[1], 0));
        Assert.False(CheckpointComparison.IsEqual(found.Tensors[1], null));
        Assert.False(found.AreEqual(1));
    }

    [Fact]
    public void A_tolerance_is_the_largest_difference_that_is_equal()
    {
        CheckpointComparison found = Compare([Floats("a", [1, 2])], [Floats("a", [1, 2.25f])]);
        Assert.False(found.AreEqual(null));
        Assert.False(found.AreEqual(0.249));
        Assert.True(found.AreEqual(0.25));
    }

    [Fact]
    public void Integers_are_compared_exactly_and_other_types_by_their_bytes()
    {
        TensorDifference whole = CompareOne(
            TensorContent.FromInt64("a", new Shape(3), new[] { long.MinValue, 5, 7 }), TensorContent.FromInt64("a", new Shape(3), new[] { long.MaxValue, 5, 6 }));
        Assert.Equal((2L, Math.Pow(2, 64)), (whole.Differing, whole.MaxAbsolute));
        Assert.Null(whole.Cosine);
        TensorDifference widths = CompareOne(TensorContent.FromInt64("a", new Shape(2), new[] { 1L, 2 }), TensorContent.FromInt32("a", new Shape(2), new[] { 1, 4 }));
        Assert.Equal((1L, 2.0, 1.0), (widths.Differing, widths.MaxAbsolute, widths.MeanAbsolute));
        TensorDifference bytes = CompareOne(
            new TensorContent("a", DType.F8E4M3, new Shape(3), new byte[] { 1, 2, 3 }), new TensorContent("a", DType.F8E4M3, new Shape(3), new byte[] { 1, 9, 3 }));
        Assert.Equal((1L, (double?)null), (bytes.Differing, bytes.MaxAbsolute));
        Assert.False(bytes.IsWithin(1e9));
    }

    [Fact]
    public void Empty_tensors_and_scalars_have_no_surprises()
    {
        TensorDifference empty = CompareOne(new TensorContent("a", DType.F32, new Shape(0, 3), Array.Empty<byte>()), new TensorContent("a", DType.F32, new Shape(0, 3), Array.Empty<byte>()));
        Assert.Equal((0L, 0.0, null, null), (empty.Differing, empty.MaxAbsolute, empty.MeanAbsolute, empty.Cosine));
        Assert.Equal(1.0, CompareOne(new TensorContent("a", DType.F32, new Shape(), new byte[4]), new TensorContent("a", DType.F32, new Shape(), BitConverter.GetBytes(1f))).MaxAbsolute);
    }

    [Fact]
    public void Any_values_give_what_plain_loops_give() => Check.One(
        Config.QuickThrowOnFailure.WithMaxTest(150).WithReplay(20251122, 1).WithQuietOnSuccess(true),
        Prop.ForAll(Pairs().ToArbitrary(), pair =>
        {
            TensorDifference found = CompareOne(Floats("a", pair.First, pair.FirstType), Floats("a", pair.Second, pair.SecondType));
            double[] a = Stored(pair.First, pair.FirstType), b = Stored(pair.Second, pair.SecondType);
            (double X, double Y)[] numbers = [.. a.Zip(b).Where(p => !double.IsNaN(p.First) && !double.IsNaN(p.Second))];
            double[] distances = [.. numbers.Select(p => p.X == p.Y ? 0 : Math.Abs(p.X - p.Y))];
            (double X, double Y)[] finite = [.. numbers.Where(p => double.IsFinite(p.X) && double.IsFinite(p.Y))];
            Assert.Equal(a.Zip(b).Count(p => !(p.First == p.Second) && !(double.IsNaN(p.First) && double.IsNaN(p.Second))), found.Differing);
            Assert.Equal(a.Count(double.IsNaN), found.NaNInFirst);
            Assert.Equal(b.Count(double.IsNaN), found.NaNInSecond);
            Assert.Equal(distances.Append(0).Max(), found.MaxAbsolute);
            Near(distances.Length == 0 ? null : distances.Average(), found.MeanAbsolute);
            double cosine = finite.Sum(p => p.X * p.Y) / Math.Sqrt(finite.Sum(p => p.X * p.X)) / Math.Sqrt(finite.Sum(p => p.Y * p.Y));
            Near(double.IsFinite(cosine) ? cosine : null, found.Cosine);
        }));

    [Fact]
    public void Threads_and_files_do_not_change_a_bit()
    {
        float[] a = new float[3_300_001], b = new float[a.Length];
        var random = new Random(4);
        for (int i = 0; i < a.Length; i++) (a[i], b[i]) = (random.NextSingle() - 0.5f, random.NextSingle() - 0.4f);
        Write("a", [Floats("x", a), Floats("y", b)]);
        Write("b", [Floats("x", b), Floats("y", a, DType.BF16)]);
        using Checkpoint first = Checkpoint.Open(directory.File("a")), second = Checkpoint.Open(directory.File("b"));
        CheckpointComparison one = CheckpointComparison.Of(first, second, 1);
        for (int threads = 2; threads <= 8; threads += 3) Assert.Equal(one.Tensors, CheckpointComparison.Of(first, second, threads).Tensors);
        // Float64 sums of 3.3 million products: a relative error of n·2^-53 at the very worst.
        double dot = 0, squaresA = 0, squaresB = 0;
        for (int i = 0; i < a.Length; i++) (dot, squaresA, squaresB) = (dot + ((double)a[i] * b[i]), squaresA + ((double)a[i] * a[i]), squaresB + ((double)b[i] * b[i]));
        Assert.Equal(dot / Math.Sqrt(squaresA) / Math.Sqrt(squaresB), one.Tensors[0].Cosine!.Value, 1e-10);
    }

    private static Gen<(float[] First, DType FirstType, float[] Second, DType SecondType)> Pairs()
    {
        Gen<float> value = Gen.Frequency(
            (20, Gen.Choose(-1000, 1000).Select(i => i / 256f)), (3, Gen.Elements(0f, -0f, 1e-40f, 3e38f, 1e-20f, 65504f)), (1, Gen.Elements(float.NaN, float.PositiveInfinity, float.NegativeInfinity)));
        Gen<DType> type = Gen.Elements(DType.F32, DType.F16, DType.BF16, DType.F64);
        return from count in Gen.Choose(0, 40)
               from first in value.ArrayOf(count)
               from second in value.ArrayOf(count)
               from keep in Gen.Choose(0, 1).ArrayOf(count)
               from firstType in type
               from secondType in type
               select (first, firstType, second.Select((v, i) => keep[i] == 1 ? first[i] : v).ToArray(), secondType);
    }

    /// <summary>The values after they were stored.</summary>
    private static double[] Stored(float[] values, DType type) => type switch
    {
        DType.F16 => [.. values.Select(v => (double)(Half)v)],
        DType.BF16 => [.. values.Select(v => (double)(float)(BFloat16)v)],
        _ => [.. values.Select(v => (double)v)],
    };

    /// <summary>Sums of at most 40 float64 terms in another order.</summary>
    private static void Near(double? expected, double? actual)
    {
        Assert.Equal(expected is null, actual is null);
        if (expected is { } wanted && double.IsFinite(wanted)) Assert.InRange(actual!.Value, wanted - (1e-13 * (1 + Math.Abs(wanted))), wanted + (1e-13 * (1 + Math.Abs(wanted))));
        else Assert.Equal(expected, actual);
    }

    private static TensorContent Floats(string name, float[] values, DType type = DType.F32) => TensorContent.FromFloat32(name, new Shape(values.Length), values, type);

    private static TensorContent Doubles(string name, double[] values) => new(name, DType.F64, new Shape(values.Length), MemoryMarshal.AsBytes<double>(values).ToArray());

    private TensorDifference CompareOne(TensorContent first, TensorContent second) => Assert.Single(Compare([first], [second]).Tensors);

    private CheckpointComparison Compare(TensorContent[] first, TensorContent[] second)
    {
        Write("a", first);
        Write("b", second);
        using Checkpoint a = Checkpoint.Open(directory.File("a")), b = Checkpoint.Open(directory.File("b"));
        return CheckpointComparison.Of(a, b, 2);
    }

    private void Write(string name, TensorContent[] tensors) => SafetensorsWriter.Write(directory.File(name), tensors);
}
