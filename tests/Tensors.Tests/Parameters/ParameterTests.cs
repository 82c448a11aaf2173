using MergeEngine.Tensors.Numerics;
using MergeEngine.Tensors.Operations;
using MergeEngine.Tensors.Parameters;

namespace MergeEngine.Tensors.Tests.Parameters;

/// <summary>Layouts of flat parameter vectors, and the vectors themselves.</summary>
public sealed class ParameterTests
{
    [Fact]
    public void Parameters_lie_in_ordinal_order_on_cache_lines_whatever_order_they_come_in()
    {
        ParameterLayout layout = Layout(("b.weight", [3, 5]), ("a.weight", [17]), ("B", [16]), ("a", []));
        Assert.Equal(["B", "a", "a.weight", "b.weight"], layout.Parameters.Select(p => p.Name));
        Assert.Equal([0L, 16, 32, 64], layout.Parameters.Select(p => p.Offset));
        Assert.Equal(80, layout.Length);
        Assert.Equal(16 + 1 + 17 + 15, layout.ParameterCount);
        Assert.Equal(layout, Layout(("a", []), ("B", [16]), ("b.weight", [3, 5]), ("a.weight", [17])));
        Assert.Equal(layout.GetHashCode(), Layout(("a", []), ("B", [16]), ("b.weight", [3, 5]), ("a.weight", [17])).GetHashCode());
        Assert.Equal(0, Layout().Length);
    }

    [Fact]
    public void A_name_that_is_missing_or_comes_twice_is_named()
    {
        Assert.Contains("'a' occurs twice", Assert.Throws<ArgumentException>(() => Layout(("a", [1]), ("a", [2]))).Message, StringComparison.Ordinal);
        Assert.Contains("no parameter 'c'", Assert.Throws<KeyNotFoundException>(() => Layout(("a", [1]))["c"]).Message, StringComparison.Ordinal);
        Assert.False(Layout(("a", [1])).TryGet("c", out _));
    }

    [Fact]
    public void Differences_list_every_tensor_that_does_not_match()
    {
        ParameterLayout mine = Layout(("a", [2, 3]), ("b", [4]), ("c", [1]));
        IReadOnlyList<string> differences = mine.DifferencesFrom(Layout(("a", [3, 2]), ("c", [1]), ("d", [5])));
        Assert.Equal(3, differences.Count);
        Assert.Contains(differences, d => d.Contains("'a'", StringComparison.Ordinal) && d.Contains("expected", StringComparison.Ordinal));
        Assert.Contains(differences, d => d.Contains("'b'", StringComparison.Ordinal) && d.Contains("missing", StringComparison.Ordinal));
        Assert.Contains(differences, d => d.Contains("'d'", StringComparison.Ordinal) && d.Contains("not expected", StringComparison.Ordinal));
        Assert.Empty(mine.DifferencesFrom(mine));
        Assert.NotEqual(mine, Layout(("a", [3, 2]), ("b", [4]), ("c", [1])));
    }

    [Fact]
    public void A_vector_gives_out_its_parameters_and_keeps_its_gaps_zero()
    {
        using Device device = Device.Open("cpu", 2);
        ParameterLayout layout = Layout(("weight", [3, 5]), ("bias", [3]), ("scale", []));
        using (var vector = new ParameterVector(device, layout))
        {
            vector.Upload("bias", [1, 2, 3]);
            vector.Upload("weight", [.. Enumerable.Range(10, 15).Select(i => (float)i)]);
            vector.Upload("scale", [7]);
            Assert.Equal([1, 2, 3], vector.Download("bias"));
            Matrix weight = vector.Matrix("weight");
            Assert.Equal((3, 5), (weight.Rows, weight.Columns));
            Assert.Equal(22, weight.SliceRows(2, 1).SliceColumns(2, 1).Data.HostSpan[0]);
            Assert.Equal((1, 1), (vector.Matrix("scale").Rows, vector.Matrix("scale").Columns));

            using ParameterVector copy = vector.Clone();
            device.Operations.Scale(copy.Values, -0.5f);
            device.Operations.AddWeightedSum(copy.Values, copy.Values, [vector.Values, vector.Values], [0.25f, -1f]);
            Assert.Equal([1f * -1.25f, 2f * -1.25f, 3f * -1.25f], copy.Download("bias"));
            float[] all = copy.Values.HostSpan.ToArray();
            foreach (Parameter parameter in layout.Parameters) Array.Clear(all, (int)parameter.Offset, (int)parameter.Length);
            Assert.All(all, gap => Assert.Equal(0, gap));

            // 19 parameters, and no gap among them however many are asked for.
            Assert.Equal(19, device.Operations.CountAnyNonzero([vector.Values]));
            copy.CopyFrom(vector);
            Assert.Equal(vector.Download("weight"), copy.Download("weight"));
        }

        Assert.Equal(0, device.AllocatedBytes);
    }

    [Fact]
    public void Vectors_of_other_layouts_and_values_of_other_lengths_are_refused()
    {
        using Device device = Device.Open("cpu", 1);
        using var a = new ParameterVector(device, Layout(("w", [4])));
        using var b = new ParameterVector(device, Layout(("w", [5]), ("v", [1])));
        string message = Assert.Throws<ArgumentException>(() => a.CopyFrom(b)).Message;
        Assert.Contains("'w'", message, StringComparison.Ordinal);
        Assert.Contains("'v'", message, StringComparison.Ordinal);
        Assert.Contains("has 4 values, 3 were given", Assert.Throws<ArgumentException>(() => a.Upload("w", [1, 2, 3])).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Equal_values_are_selected_in_the_order_of_names()
    {
        using Device device = Device.Open("cpu", 1);
        using var vector = new ParameterVector(device, Layout(("z", [2]), ("a", [2])));
        vector.Upload("z", [1, 1]);
        vector.Upload("a", [1, 1]);
        Selection selection = RadixSelect.LargestMagnitudes(device.Operations, vector.Values, 3);
        Assert.Equal(vector.Layout["z"].Offset, selection.LastIndex);
    }

    private static ParameterLayout Layout(params (string Name, long[] Shape)[] shapes) =>
        new(shapes.Select(s => KeyValuePair.Create(s.Name, new Shape(s.Shape))));
}
