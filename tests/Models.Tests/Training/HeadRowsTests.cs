using MergeEngine.Models.Datasets;
using MergeEngine.Models.Encoders;
using MergeEngine.Models.Training;
using MergeEngine.Tensors;

namespace MergeEngine.Models.Tests.Training;

/// <summary>Which row of a head a class of the data is, by the names that both have.</summary>
public sealed class HeadRowsTests : IDisposable
{
    private static readonly int[] s_labels = [0, 1, 2, 2];

    private readonly Device _device = Device.Open("cpu", 1);

    public void Dispose() => _device.Dispose();

    [Theory]
    [InlineData("cat,dog,horse", "cat,dog,horse")]
    [InlineData("0,1,2", "cat,dog,horse")]
    [InlineData("0,1,2", "cat,dog,horse,cow")]
    [InlineData("cat,dog,horse", "cat,dog,horse,cow")]
    [InlineData("cat,dog,horse", "0,1,2")]
    [InlineData("cat,dog,horse", null, 3)]
    public void Rows_in_the_order_of_the_data_are_left_alone(string classes, string? rows, int count = 0)
    {
        Dataset data = Data(classes);
        using ClassificationHead head = Head(rows, count);
        Assert.Same(data, HeadRows.Match(data, head, out string? remark));
        Assert.Null(remark);
    }

    [Theory]
    [InlineData("horse,cat,dog", new[] { 1, 2, 0, 0 })]
    [InlineData("Dog,Horse,cow,CAT", new[] { 3, 0, 1, 1 })]
    [InlineData("Cat,horse,cat,dog", new[] { 2, 3, 1, 1 })]
    public void Rows_in_another_order_are_matched_by_name(string rows, int[] expected)
    {
        Dataset data = Data("cat,dog,horse");
        using ClassificationHead head = Head(rows);
        Dataset matched = HeadRows.Match(data, head, out string? remark);
        Assert.Equal($"Labels are matched with the head's rows by name: class 0 of the data, \"cat\", is row {expected[0]} of the head.", remark);
        Assert.Equal(rows.Split(','), matched.Classes);
        Assert.Equal(s_labels, data.Train!.Labels);
        DatasetSplit split = matched.Train!;
        Assert.Equal(expected, split.Labels);
        // A batch gets the rows too, and the images stay with their samples.
        using var batch = new ImageBatch(_device, new ImageShape(1, 2, 2), PixelNormalization.Half(1));
        split.Read([3, 0], batch);
        Assert.Equal([expected[3], expected[0]], batch.Labels.HostSpan.ToArray());
        Assert.Equal([12, 13, 14, 15, 0, 1, 2, 3], batch.Images.HostSpan.ToArray());
    }

    [Theory]
    [InlineData("cat,dog,wolf", null, "Class 2 of the data is \"horse\", but row 2 of the head is \"wolf\"; labels are taken for rows as they stand.")]
    [InlineData("cat,dog", null, "Class 2 of the data is \"horse\", but the head has 2 rows; labels are taken for rows as they stand.")]
    [InlineData(null, 5, "The head has 5 rows without names for 3 classes of the data: a label may be another row than the one that was trained for it.")]
    [InlineData("0,1", null, "The head has 2 rows without names for 3 classes of the data: a label may be another row than the one that was trained for it.")]
    public void What_names_cannot_tell_is_remarked(string? rows, int? count, string expected)
    {
        Dataset data = Data("cat,dog,horse");
        using ClassificationHead head = Head(rows, count ?? 0);
        Assert.Same(data, HeadRows.Match(data, head, out string? remark));
        Assert.Equal(expected, remark);
    }

    [Theory]
    [InlineData("cat,dog,horse", "dog,cat,wolf", "data.safetensors: class 0 of the data, \"cat\", is row 1 of the head, but \"horse\" is none of its rows, expected all of its classes there or the same order.")]
    [InlineData("cat,Cat,dog", "dog,cat,cow", "data.safetensors: class 0 of the data, \"cat\", is row 1 of the head, and another one is too, expected names that differ in more than capitals.")]
    public void Names_that_contradict_each_other_get_one_sentence(string classes, string rows, string expected)
    {
        using ClassificationHead head = Head(rows);
        Assert.Equal(expected, Assert.Throws<ModelException>(() => HeadRows.Match(Data(classes), head, out _)).Message);
    }

    private ClassificationHead Head(string? rows, int count = 0)
    {
        string[]? names = rows?.Split(',');
        ClassificationHead head = ClassificationHead.Random(_device, names?.Length ?? count, 4, 1);
        head.ClassNames = names;
        return head;
    }

    private static Dataset Data(string classes) =>
        new("data.safetensors", "data", classes.Split(','), [new ImageSplit("data.safetensors", "train", new ImageShape(1, 2, 2), [.. Enumerable.Range(0, 16).Select(i => (float)i)], s_labels)]);
}
