using MergeEngine.Models.Datasets;
using MergeEngine.Models.Datasets.Tables;

namespace MergeEngine.Models.Tests.Datasets.Tables;

/// <summary>TSV, CSV and JSON lines as datasets: what the rows say, whatever the format.</summary>
public sealed class TextDatasetTests : IDisposable
{
    private readonly TableFiles _files = new();

    public void Dispose() => _files.Dispose();

    [Theory]
    [InlineData("d.tsv", "id\ttext\tlabel\n1\tab c\tpos\n2\td\tneg\n")]
    [InlineData("d.tsv", "\uFEFFid\ttext\tlabel\r\n1\tab c\tpos\r\n\r\n2\td\tneg")]
    [InlineData("d.csv", "id,text,label\n1,ab c,pos\n2,d,neg\n")]
    [InlineData("d.csv", "label,text\r\n\"pos\",\"ab c\"\r\nneg,d")]
    [InlineData("d.jsonl", "{\"text\":\"ab c\",\"label\":\"pos\",\"more\":[{}]}\n\n{\"label\":\"neg\",\"text\":\"d\"}")]
    [InlineData("d.ndjson", "\uFEFF{\"text\":\"\\u0061b c\",\"label\":\"pos\"}\r\n{\"text\":\"d\",\"label\":\"neg\"}\r\n")]
    public void Every_format_says_the_same(string name, string text)
    {
        _files.Write(name, text);
        Dataset data = _files.Read(name, classes: ["neg", "pos"]);
        DatasetSplit split = Assert.Single(data.Splits);
        Assert.Equal(("d", "input", 2), (data.Name, split.Name, split.Count));
        Assert.Equal([1, 0], split.Labels.ToArray());
        Assert.Equal(["[abc]", "[d]"], [TableFiles.Letters(data, "input", 0), TableFiles.Letters(data, "input", 1)]);
    }

    [Fact]
    public void Quoted_fields_hold_commas_quotes_and_lines()
    {
        _files.Write("d.csv", "text,label\n\"a,b\n\"\"c\"\"\",0\n");
        Dataset data = _files.Read("d.csv");
        Assert.Equal("[a,b\"c\"]", TableFiles.Letters(data, "input", 0));
    }

    [Fact]
    public void Quotes_of_a_tsv_file_are_quotes()
    {
        _files.Write("d.tsv", "text\tlabel\n\"a\t0\nb\"\"\t1\n");
        Dataset data = _files.Read("d.tsv");
        Assert.Equal(["[\"a]", "[b\"\"]"], [TableFiles.Letters(data, "input", 0), TableFiles.Letters(data, "input", 1)]);
    }

    [Theory]
    [InlineData("d.tsv", "s1\ts2\tgold\nab\tcd\t1\n")]
    [InlineData("d.jsonl", "{\"s2\":\"cd\",\"s1\":\"ab\",\"gold\":1}")]
    public void Pairs_are_one_sequence_with_two_types(string name, string text)
    {
        _files.Write(name, text);
        Dataset data = _files.Read(name, new TextColumns { Text = "s1", Pair = "s2", Label = "gold" }, maxTokens: 6);
        TokenTable tokens = data.Require("input").Texts!.Tokens;
        // Seven tokens are one too many: the first of two texts of one length loses its last letter, or the second does, as the tokenizer decides.
        Assert.Equal(6, tokens.LengthOf(0));
        Assert.Equal(0, tokens.Types(0)[0]);
        Assert.Equal(1, tokens.Types(0)[^1]);
        Assert.Equal([1], data.Require("input").Labels.ToArray());
    }

    [Fact]
    public void Columns_without_names_are_called_by_number()
    {
        _files.Write("d.tsv", "1\tx\tab\n0\ty\tcd\n");
        Dataset data = _files.Read("d.tsv", new TextColumns { Text = "3", Label = "1", HasHeader = false });
        Assert.Equal([1, 0], data.Require("input").Labels.ToArray());
        Assert.Equal("[ab]", TableFiles.Letters(data, "input", 0));
    }

    [Theory]
    [InlineData("data.{split}.csv")]
    [InlineData("")]
    public void Splits_are_files_and_the_training_split_names_the_classes(string source)
    {
        string prefix = source.Length == 0 ? "" : "data.";
        _files.Write($"{prefix}train.csv", "text,label\na,zoo\nb,bar\nc,zoo\nd,Ant\n");
        _files.Write($"{prefix}dev.csv", "text,label\na,bar\n");
        _files.Write($"{prefix}test.csv", "text,label\na,zoo\na,Ant\n");
        Dataset data = _files.Read(source);
        Assert.Equal(["train", "validation", "test"], data.Splits.Select(split => split.Name));
        Assert.Equal(["Ant", "bar", "zoo"], data.Classes);
        Assert.Equal([2, 1, 2, 0], data.Train!.Labels.ToArray());
        Assert.Equal([1], data.Validation!.Labels.ToArray());
        Assert.Equal([2, 0], data.Test!.Labels.ToArray());
        if (prefix.Length > 0) Assert.Equal("data", data.Name);
    }

    [Fact]
    public void A_column_tells_the_split()
    {
        _files.Write("d.jsonl", """
            {"text":"a","label":"x","set":"train"}
            {"text":"b","label":"y","set":"test"}
            {"text":"c","label":"y","set":"train"}
            {"text":"d","label":"x","set":"dev"}
            """);
        Dataset data = _files.Read("d.jsonl", new TextColumns { Split = "set" });
        Assert.Equal(["train", "test", "validation"], data.Splits.Select(split => split.Name));
        Assert.Equal([0, 1], data.Train!.Labels.ToArray());
        Assert.Equal(["[a]", "[c]"], [TableFiles.Letters(data, "train", 0), TableFiles.Letters(data, "train", 1)]);
        Assert.Equal([1], data.Test!.Labels.ToArray());
    }

    [Fact]
    public void Numbers_are_the_classes_themselves_or_those_of_given_names()
    {
        _files.Write("d.tsv", "text\tlabel\na\t2\nb\t0\n");
        Assert.Equal(["0", "1", "2"], _files.Read("d.tsv").Classes);
        Dataset named = _files.Read("d.tsv", classes: ["no", "perhaps", "yes"]);
        Assert.Equal(["no", "perhaps", "yes"], named.Classes);
        Assert.Equal([2, 0], named.Require("input").Labels.ToArray());
        // Where the names are numbers themselves, a label is a name: the class "2" is the first here.
        Assert.Equal([0, 1], _files.Read("d.tsv", classes: ["2", "0"]).Require("input").Labels.ToArray());
    }

    [Fact]
    public void The_order_of_rows_does_not_change_the_classes()
    {
        string[] rows = ["a,x", "b,y", "c,z", "d,y"];
        _files.Write("train.csv", "text,label\n" + string.Join("\n", rows));
        Dataset forwards = _files.Read("");
        _files.Write("train.csv", "text,label\n" + string.Join("\n", rows.Reverse()));
        Dataset backwards = _files.Read("");
        Assert.Equal(forwards.Classes, backwards.Classes);
        Assert.Equal(forwards.Train!.Labels.ToArray(), backwards.Train!.Labels.ToArray().Reverse());
    }

    [Fact]
    public void A_share_is_held_out_evenly()
    {
        _files.Write("d.csv", "text,label\n" + string.Concat(Enumerable.Range(0, 40).Select(i => $"{(char)('a' + (i % 26))},{i / 20}\n")));
        DatasetSplit all = _files.Read("d.csv").Require("input");
        (DatasetSplit kept, DatasetSplit heldOut) = HeldOutSamples.Take(all, 0.1, "validation");
        Assert.Equal(("input", 36, "validation", 4), (kept.Name, kept.Count, heldOut.Name, heldOut.Count));
        // Two of each class, though the file is sorted by class.
        Assert.Equal([0, 0, 1, 1], heldOut.Labels.ToArray());
        Assert.Equal(18, kept.Labels.ToArray().Sum());
        Assert.StartsWith($"{all.Source}: the split input has 40 samples, too few", Assert.Throws<ModelException>(() => HeldOutSamples.Take(all, 0.01, "validation")).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Long_texts_are_cut()
    {
        _files.Write("d.csv", $"text,label\n{string.Join(' ', Enumerable.Repeat("a", 100))},0\n");
        Assert.Equal("[aaaaaaaa]", TableFiles.Letters(_files.Read("d.csv", maxTokens: 10), "input", 0));
    }
}
