using System.Text;
using MergeEngine.Models.Datasets;
using MergeEngine.Models.Datasets.Tables;

namespace MergeEngine.Models.Tests.Datasets.Tables;

/// <summary>Tables that cannot be read: each gets one sentence with file and line, and no more memory than it is worth.</summary>
public sealed class BadTableTests : IDisposable
{
    private readonly TableFiles _files = new();

    public void Dispose() => _files.Dispose();

    [Theory]
    [InlineData("d.tsv", "", "is empty, expected a table of texts.")]
    [InlineData("d.tsv", "text\tlabel\n", "there is no row, expected labelled texts.")]
    [InlineData("d.jsonl", "\n\n", "there is no row, expected labelled texts.")]
    [InlineData("d.tsv", "txt\tlabel\na\t0\n", "there is no column \"text\" on the first line, expected one of \"txt\", \"label\"; --no-header says that the first line is a row too")]
    [InlineData("d.csv", "text,label,label\na,0,1\n", "the column \"label\" stands twice on the first line.")]
    [InlineData("d.jsonl", "{\"text\":\"a\",\"label\":0}\n{\"text\":\"a\"}\n", "line 2 has no \"label\".")]
    [InlineData("d.jsonl", "{\"text\":null,\"label\":0}\n", "line 1 has no \"text\".")]
    [InlineData("d.tsv", "text\tlabel\na\t0\nb\t1\tc\n", "line 3 has 3 columns, expected 2 as the first line has.")]
    [InlineData("d.csv", "text,label\na,0\nb\n", "line 3 has 1 column, expected 2 as the first line has.")]
    [InlineData("d.csv", "text,label\na,0\n\"b,1\nc,2\n", "line 3 begins a quoted field that is never closed, expected a \" at its end.")]
    [InlineData("d.csv", "text,label\na\"b,0\n", "line 2 has a \" inside a field that does not begin with one")]
    [InlineData("d.csv", "text,label\n\"a\"b,0\n", "line 2 goes on after a field's closing \"")]
    [InlineData("d.jsonl", "{\"text\":\"a\",\"label\":0}\n{\"text\":\"a\n", "line 2 is no JSON object (byte 10).")]
    [InlineData("d.jsonl", "[1]\n", "line 1 is no JSON object.")]
    [InlineData("d.jsonl", "{\"text\":\"a\",\"label\":0} {}\n", "line 1 is no JSON object (byte 23).")]
    [InlineData("d.jsonl", "{\"text\":\"a\",\"text\":\"b\",\"label\":0}\n", "line 1 has \"text\" twice.")]
    [InlineData("d.jsonl", "{\"text\":5,\"label\":0}\n", "\"text\" on line 1 is a number, expected a text.")]
    [InlineData("d.jsonl", "{\"text\":\"a\",\"label\":[0]}\n", "\"label\" on line 1 is a list, expected a text or a number.")]
    [InlineData("d.jsonl", "{\"text\":\"\\ud800\",\"label\":0}\n", "line 1 has a text that is not Unicode")]
    [InlineData("d.tsv", "text\tlabel\na\t\n", "line 2 has an empty label, expected the name or number of a class.")]
    [InlineData("d.tsv", "text\tlabel\na\tx\n", "the labels are names such as \"x\", and there is no training split that tells all of them, expected a list of the classes.")]
    [InlineData("d.tsv", "text\tlabel\na\t1\nb\t70000\n", "the labels are names such as \"1\", and there is no training split")]
    public void Broken_tables_get_a_sentence(string name, string text, string sentence)
    {
        string path = _files.Write(name, text);
        string message = Assert.Throws<ModelException>(() => _files.Read(name)).Message;
        Assert.StartsWith($"{path}: ", message, StringComparison.Ordinal);
        Assert.Contains(sentence, message, StringComparison.Ordinal);
        Assert.DoesNotContain('\n', message);
    }

    [Theory]
    [InlineData("d.tsv", "text\tlabel\nb\t0\na\xff\t0\n", 3)]
    [InlineData("d.csv", "text,label\n\"b\nc\",0\na\xff,0\n", 4)]
    [InlineData("d.jsonl", "{\"text\":\"a\",\"label\":0}\n{\"text\":\"a\xff\",\"label\":0}\n", 2)]
    [InlineData("d.jsonl", "{\"text\":\"a\",\"label\":0}\n{\"x\":\"\xc3\",\"text\":\"a\",\"label\":0}\n", 2)]
    public void Bytes_that_are_not_utf8_are_found(string name, string latin, int line)
    {
        string path = _files.Write(name, Encoding.Latin1.GetBytes(latin));
        Assert.Equal($"{path}: line {line} is not UTF-8.", Assert.Throws<ModelException>(() => _files.Read(name)).Message);
    }

    [Theory]
    [InlineData("x", "line 3 has the label \"x\", expected one of \"no\", \"yes\".")]
    [InlineData("2", "line 3 has the label \"2\", expected one of \"no\", \"yes\".")]
    [InlineData("-1", "line 3 has the label \"-1\", expected one of \"no\", \"yes\".")]
    [InlineData("01", "line 3 has the label \"01\", expected one of \"no\", \"yes\".")]
    public void Labels_that_are_no_class_are_named_with_their_line(string label, string sentence)
    {
        string path = _files.Write("d.tsv", $"text\tlabel\na\t1\nb\t{label}\n");
        Assert.Equal($"{path}: {sentence}", Assert.Throws<ModelException>(() => _files.Read("d.tsv", classes: ["no", "yes"])).Message);
    }

    [Fact]
    public void A_label_that_training_does_not_know_is_named_with_its_file()
    {
        _files.Write("train.tsv", "text\tlabel\na\tx\nb\ty\n");
        string path = _files.Write("test.tsv", "text\tlabel\na\tx\na\tz\n");
        Assert.Equal($"{path}: line 3 has the label \"z\", expected one of \"x\", \"y\".", Assert.Throws<ModelException>(() => _files.Read("")).Message);
    }

    [Theory]
    [InlineData("0", "the column is called \"0\", expected a number from 1 as the table is said to have no line of names.")]
    [InlineData("text", "the column is called \"text\", expected a number from 1")]
    [InlineData("3", "there is no column 3, as the first line has 2 columns.")]
    public void Numbers_of_columns_are_checked(string column, string sentence)
    {
        _files.Write("d.tsv", "0\ta\n");
        string message = Assert.Throws<ModelException>(() => _files.Read("d.tsv", new TextColumns { Text = column, Label = "1", HasHeader = false })).Message;
        Assert.Contains(sentence, message, StringComparison.Ordinal);
    }

    [Fact]
    public void Splits_have_one_file_and_a_known_name()
    {
        Assert.EndsWith("there is no such file, expected a table of texts.", Fails("none.tsv", new TextColumns()), StringComparison.Ordinal);
        Assert.EndsWith("there is no such file with train, validation or test for {split}.", Fails("x.{split}.tsv", new TextColumns()), StringComparison.Ordinal);
        _files.Write("d.tsv", "text\tlabel\tset\na\t0\tother\n");
        Assert.EndsWith("line 2 is of the split \"other\", expected train, validation (valid, val, dev) or test.", Fails("d.tsv", new TextColumns { Split = "set" }), StringComparison.Ordinal);
        _files.Write("train.tsv", "text\tlabel\na\t0\n");
        Assert.EndsWith("the splits have files of their own, expected no column for them, but \"set\" is said to be one.", Fails("", new TextColumns { Split = "set" }), StringComparison.Ordinal);
        _files.Write("dev.tsv", "");
        _files.Write("val.tsv", "");
        Assert.Contains("are both there, expected one file for the split validation.", Fails("", new TextColumns()), StringComparison.Ordinal);
    }

    /// <summary>A row may be 16 MiB; buffers double, and a text has two bytes a character: 8 times that is far below the 320 MB of the file's one row.</summary>
    [Theory]
    [InlineData("d.csv", "text,label\n\"")]
    [InlineData("d.tsv", "text\tlabel\n")]
    [InlineData("d.jsonl", "{\"text\":\"")]
    public void A_row_without_end_takes_bounded_memory(string name, string start)
    {
        string path = _files.Write(name, start);
        using (FileStream file = File.OpenWrite(path))
        {
            // A hole in the file: zeros that take no room on the disk.
            file.SetLength(320 << 20);
        }

        long before = GC.GetAllocatedBytesForCurrentThread();
        string message = Assert.Throws<ModelException>(() => _files.Read(name)).Message;
        Assert.StartsWith(path, message, StringComparison.Ordinal);
        Assert.Contains("is longer than 16777216 bytes.", message, StringComparison.Ordinal);
        Assert.InRange(GC.GetAllocatedBytesForCurrentThread() - before, 0, 8L << 24);
    }

    [Fact]
    public void A_table_is_not_opened_without_a_tokenizer()
    {
        string path = _files.Write("d.tsv", "text\tlabel\na\t0\n");
        Assert.StartsWith($"{path}: is a table of texts, expected images or token ids", Assert.Throws<ModelException>(() => Dataset.Open(path)).Message, StringComparison.Ordinal);
    }

    private string Fails(string name, TextColumns columns) => Assert.Throws<ModelException>(() => _files.Read(name, columns)).Message;
}
