namespace MergeEngine.Tensors.Tests.Operations.Vectors;

/// <summary>Rows and columns with numbers of their own: the same bits as the textbook loop everywhere, but for divergences, which have a bound.</summary>
public sealed class GroupTests
{
    private static readonly double[] s_coefficients = [0, 1, -1, 0.3, -0.7, 2.5e-3, 1 / 3.0, 0, 1e3];

    public static IReadOnlyDictionary<string, VectorCase> Cases { get; } = new VectorCase[]
    {
        Combine(1, 1, null), Combine(2, 1, null), Combine(5, 1, null), Combine(3, 7, 5), Combine(2, 1000, 64), Combine(4, 3, 40), Combine(2, 13, 1), Combine(3, 4099, 1),
        Combine(2, 20, 1, inPlace: true), Combine(2, 5, 33, inPlace: true), Combine(64, 2, 100),
        RowProducts(1, 29), RowProducts(2, 16), RowProducts(3, 1), RowProducts(5, 4097), RowProducts(9, 40), RowProducts(2, 20_000),
        ColumnProducts(1, 29), ColumnProducts(2, 1), ColumnProducts(3, 600), ColumnProducts(4, 16),
        NearSwap(0.25f), NearSwap(0), NearSwap(3e-7f), NearSwap(float.PositiveInfinity), NearSwap(1e-3f, inPlace: true),
    }.ToDictionary(c => c.Name);

    /// <summary>Lists that are too long for the arguments of a launch on a GPU.</summary>
    private static readonly Dictionary<string, VectorCase> s_longLists = new[] { Combine(65, 3, 10), Combine(230, 1, null) }.ToDictionary(c => c.Name);

    public static TheoryData<string, string> OnDevices() => VectorCase.OnDevices(Cases.Values);

    public static TheoryData<string, string> LongListsOnDevices() => VectorCase.OnDevices(s_longLists.Values);

    [Theory]
    [MemberData(nameof(OnDevices))]
    public void An_operation_gives_the_bits_of_the_reference(string name, string device) => Cases[name].GivesTheBitsOfTheReference(device);

    [Theory]
    [MemberData(nameof(OnDevices))]
    public void An_operation_does_not_depend_on_where_its_vectors_start(string name, string device) => Cases[name].DoesNotDependOnAlignment(device);

    [Theory]
    [MemberData(nameof(LongListsOnDevices))]
    public void A_list_of_vectors_may_be_of_any_length(string name, string device) => s_longLists[name].DoesNotDependOnAlignment(device);

    [Theory]
    [MemberData(nameof(OnDevices))]
    public void A_repeated_operation_allocates_nothing(string name, string device) => Cases[name].AllocatesNothing(device);

    [Theory]
    [MemberData(nameof(VectorCase.Devices), MemberType = typeof(VectorCase))]
    public void A_coefficient_of_one_alone_copies_the_bits_and_inputs_without_a_part_may_be_nan(string name)
    {
        using Device device = DeviceCases.Open(name);
        float[] x = [-0f, float.Epsilon, float.MaxValue, -1.5f, 0f], nan = [float.NaN, float.NaN, float.PositiveInfinity, float.NaN, float.NaN];
        using DeviceBuffer a = device.Allocate<float>(5), b = device.Allocate<float>(5), c = device.Allocate<double>(10), o = device.Allocate<float>(5);
        device.Upload<float>(nan, a.AsSpan<float>());
        device.Upload<float>(x, b.AsSpan<float>());
        foreach ((double[] coefficients, long groups, long run, float[] expected) in new (double[], long, long, float[])[]
        {
            ([0, 1], 1, 5, x), ([0, 0, 0, 0, 0, 1, 1, 1, 1, 1], 5, 1, x), ([0, 0, 1, 0], 2, 4, [-0f, float.Epsilon, float.MaxValue, -1.5f, 0f]), ([0, 0], 1, 5, new float[5]),
        })
        {
            device.Upload<double>(coefficients, c.AsSpan<double>());
            device.Operations.CombineGroups(o.AsSpan<float>(), [a.AsSpan<float>(), b.AsSpan<float>()], c.AsSpan<double>(), groups, run);
            Assert.Equal(VectorInputs.ToBits(expected), VectorInputs.ToBits(o.AsSpan<float>().ToHost()));
        }
    }

    /// <summary>
    /// Against the reference's loop. A term q·φ(u) has the error q·|u|·δ of its p − q, δ some units of 2⁻⁵³, and Σ q·|u| ≤ √(2 D): hence 5e-15·√D. Where
    /// |u| ≥ 0.01 the rounding of 1 + u adds q·2⁻⁵³, and Σ q ≤ 2 D/0.01² there: hence 5e-12·D. Rows alike within 1e-6 so keep six digits, where Σ P ln(P/Q) itself would have lost them all. All but the reference give the same bits.
    /// </summary>
    [Theory]
    [MemberData(nameof(VectorCase.Devices), MemberType = typeof(VectorCase))]
    public void A_divergence_is_that_of_the_reference_to_the_bound(string name)
    {
        using Device device = DeviceCases.Open(name), reference = Device.Open("reference"), processor = Device.Open("cpu", 1);
        foreach (int width in new[] { 1, 2, 15, 16, 17, 31, 33, 100, 1025 })
        {
            foreach (double distance in new[] { 3, 0.05, 1e-6 })
            {
                var random = new Random(width);
                float[] y = [.. Enumerable.Range(0, width * 7).Select(_ => (float)(random.NextDouble() * 8))], x = [.. y.Select(v => (float)(v + (distance * (random.NextDouble() - 0.5))))];
                double[] found = Divergences(device, x, y, width), expected = Divergences(reference, x, y, width);
                for (int r = 0; r < 7; r++) Assert.InRange(found[r] - expected[r], -Bound(expected[r]), Bound(expected[r]));
                if (width > 1) Assert.True(expected.Max() > 0);
                if (name != "reference") Assert.Equal(VectorInputs.ToBits(Divergences(processor, x, y, width)), VectorInputs.ToBits(found));
            }
        }

        Assert.Equal([0.0], Divergences(device, [1, 2, 3, -4], [1, 2, 3, -4], 4));
        Assert.All(Divergences(device, [1, float.NaN, 3, float.PositiveInfinity], [1, 2, 3, -4], 2), d => Assert.True(double.IsNaN(d)));
    }

    private static double Bound(double divergence) => (5e-15 * Math.Sqrt(divergence)) + (5e-12 * divergence);

    [Fact]
    public void A_divergence_is_the_definition_where_that_has_digits()
    {
        float[] x = [0.5f, -1, 2, 0.25f, 3], y = [0.75f, -1.5f, 1, 0.25f, 2];
        double[] Softmax(float[] v) => [.. v.Select(e => (Math.Exp(e) / v.Sum(f => Math.Exp(f))) + 1e-8)];
        double expected = Softmax(x).Zip(Softmax(y), (p, q) => p * Math.Log(p / q)).Sum();
        foreach (string name in DeviceCases.Kinds.Where(n => !DeviceCases.IsCuda(n) || CudaUnderTest.IsHere))
        {
            using Device device = DeviceCases.Open(name);
            Assert.Equal(expected, Divergences(device, x, y, 5)[0], 1e-14);
        }
    }

    [Theory]
    [MemberData(nameof(VectorCase.Devices), MemberType = typeof(VectorCase))]
    public void Column_products_have_the_same_bits_in_any_chunks(string name)
    {
        using Device device = DeviceCases.Open(name);
        const int columns = 37, rows = 41;
        using DeviceBuffer x = device.Allocate<float>(columns * rows), y = device.Allocate<float>(columns * rows), sums = device.Allocate<double>(3 * columns);
        device.Upload<float>(VectorInputs.Finite(0, columns * rows), x.AsSpan<float>());
        device.Upload<float>(VectorInputs.Finite(1, columns * rows), y.AsSpan<float>());
        ulong[] Cut(int by)
        {
            for (int row = 0; row < rows; row += by)
            {
                int length = Math.Min(by, rows - row) * columns;
                device.Operations.AccumulateColumnProducts(sums.AsSpan<double>(), [x.AsSpan<float>().Slice(row * columns, length), y.AsSpan<float>().Slice(row * columns, length)], columns, row);
            }

            return VectorInputs.ToBits(sums.AsSpan<double>().ToHost());
        }

        ulong[] whole = Cut(rows);
        foreach (int by in new[] { 1, 2, 7, 40 }) Assert.Equal(whole, Cut(by));
    }

    [Fact]
    public void Arguments_that_fit_nothing_are_refused_with_a_sentence()
    {
        using Device device = Device.Open("cpu", 1);
        using DeviceBuffer floats = device.Allocate<float>(8), doubles = device.Allocate<double>(8);
        DeviceSpan<float> x = floats.AsSpan<float>();
        DeviceSpan<double> d = doubles.AsSpan<double>();
        Assert.Contains("8 elements are no whole number of rows of 3", Assert.Throws<ArgumentException>(() => device.Operations.RowProducts(d, [x], 3)).Message, StringComparison.Ordinal);
        Assert.Contains("'coefficients' has 8 elements, 10 are needed", Assert.Throws<ArgumentException>(() => device.Operations.CombineGroups(x, [x, x], d, 5, 1)).Message, StringComparison.Ordinal);
        Assert.Contains("'products' has 8 elements, 12 are needed", Assert.Throws<ArgumentException>(() => device.Operations.RowProducts(d, [x, x], 2)).Message, StringComparison.Ordinal);
        Assert.Contains("positive number", Assert.Throws<ArgumentOutOfRangeException>(() => device.Operations.RowDivergence(d, x, x, 2, 0)).Message, StringComparison.Ordinal);
        Assert.Contains("distance", Assert.Throws<ArgumentOutOfRangeException>(() => device.Operations.NearSwap(x, x, x, float.NaN)).Message, StringComparison.Ordinal);
    }

    private static VectorCase Combine(int count, int groups, int? runLength, bool inPlace = false) =>
        new($"CombineGroups of {count} in {groups} groups of {runLength?.ToString() ?? "all"}{(inPlace ? " in place" : "")}", run =>
        {
            DeviceSpan<float>[] inputs = run.Inputs(count);
            DeviceSpan<float> output = inPlace ? run.Result(inputs[0]) : run.Output<float>();
            DeviceSpan<double> coefficients = run.Upload<double>([.. Enumerable.Range(0, count * groups).Select(i => s_coefficients[(i * 5 + (i / groups)) % s_coefficients.Length])]);
            return () => run.Operations.CombineGroups(output, inputs, coefficients, groups, runLength ?? Math.Max(1, run.Length));
        });

    private static VectorCase RowProducts(int count, int rowLength) => new($"RowProducts of {count} in rows of {rowLength}", run =>
    {
        int rows = run.Length / rowLength;
        DeviceSpan<float>[] vectors = [.. run.Inputs(count).Select(v => v.Slice(0, rows * rowLength))];
        DeviceSpan<double> products = run.Result(run.Upload<double>(new double[rows * count * (count + 1) / 2]));
        return () => run.Operations.RowProducts(products, vectors, rowLength);
    });

    private static VectorCase ColumnProducts(int count, int columns) => new($"AccumulateColumnProducts of {count} in {columns} columns", run =>
    {
        int rows = run.Length / columns;
        DeviceSpan<float>[] vectors = [.. run.Inputs(count).Select(v => v.Slice(0, rows * columns))];
        DeviceSpan<double> products = run.Result(run.Upload<double>(new double[columns * count * (count + 1) / 2]));
        return () => run.Operations.AccumulateColumnProducts(products, vectors, columns, 0);
    });

    private static VectorCase NearSwap(float reach, bool inPlace = false) => new($"NearSwap within {reach}{(inPlace ? " in place" : "")}", run =>
    {
        DeviceSpan<float> origin = run.Input(0), values = run.Input(1), output = inPlace ? run.Result(origin) : run.Output<float>();
        return () => run.Operations.NearSwap(output, origin, values, reach);
    });

    private static double[] Divergences(Device device, float[] x, float[] y, int width)
    {
        using DeviceBuffer a = device.Allocate<float>(x.Length), b = device.Allocate<float>(y.Length), d = device.Allocate<double>(x.Length / width);
        device.Upload<float>(x, a.AsSpan<float>());
        device.Upload<float>(y, b.AsSpan<float>());
        device.Operations.RowDivergence(d.AsSpan<double>(), a.AsSpan<float>(), b.AsSpan<float>(), width, 1e-8);
        return d.AsSpan<double>().ToHost();
    }
}
