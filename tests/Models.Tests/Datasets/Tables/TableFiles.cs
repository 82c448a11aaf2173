using System.Text;
using MergeEngine.Models.Datasets;
using MergeEngine.Models.Datasets.Tables;
using MergeEngine.Models.Tokenizers;
using MergeEngine.Tests.Support;

namespace MergeEngine.Models.Tests.Datasets.Tables;

/// <summary>Tables of texts in a directory of their own, and a WordPiece vocabulary of letters to read them with.</summary>
internal sealed class TableFiles : IDisposable
{
    private readonly TemporaryDirectory _directory = new();

    public TableFiles()
    {
        IEnumerable<string> letters = Enumerable.Range('a', 26).Select(c => $"{(char)c}");
        File.WriteAllLines(PathOf("vocab.txt"), ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", .. letters, .. letters.Select(c => $"##{c}"), ",", "\"", "!"]);
        Tokenizer = Models.Tokenizers.Tokenizer.Load(_directory.Path);
    }

    public ITokenizer Tokenizer { get; }

    public string Path => _directory.Path;

    public string PathOf(string name) => _directory.File(name);

    public string Write(string name, string text) => Write(name, Encoding.UTF8.GetBytes(text));

    public string Write(string name, byte[] bytes)
    {
        File.WriteAllBytes(PathOf(name), bytes);
        return PathOf(name);
    }

    public Dataset Read(string name, TextColumns? columns = null, int maxTokens = 16, IReadOnlyList<string>? classes = null) =>
        TextDataset.Read(TextFiles.Find(PathOf(name)), columns ?? new TextColumns(), Tokenizer, maxTokens, classes: classes);

    /// <summary>The letters of a text's tokens, [ and ] for the special ones.</summary>
    public static string Letters(Dataset data, string split, int text)
    {
        const string marks = "_?[]*";
        var builder = new StringBuilder();
        foreach (int id in data.Require(split).Texts!.Tokens.Ids(text)) builder.Append(id < 5 ? marks[id] : id < 57 ? (char)('a' + ((id - 5) % 26)) : ",\"!"[id - 57]);
        return builder.ToString();
    }

    public void Dispose() => _directory.Dispose();
}
