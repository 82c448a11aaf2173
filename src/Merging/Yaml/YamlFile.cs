using System.Buffers;
using System.Text;
using System.Text.Unicode;
using YamlDotNet.Core;
using YamlDotNet.Core.Events;

namespace MergeEngine.Merging.Yaml;

/// <summary>
/// Reads YAML from people who may not be friends: no types are constructed, no tags obeyed, and size, depth and what aliases stand for are
/// bounded.
/// </summary>
public static class YamlFile
{
    /// <summary>Largest file that is read: 1 MiB.</summary>
    public const int MaxBytes = 1 << 20;

    /// <summary>Reads the one document of a file.</summary>
    /// <exception cref="YamlException">The file is not readable YAML with one document; one sentence with line and column.</exception>
    /// <exception cref="IOException">The file cannot be read.</exception>
    public static YamlValue Read(string path)
    {
        IReadOnlyList<YamlValue> documents = ReadAll(path);
        return documents.Count == 1 ? documents[0] : throw new YamlException(new YamlPlace(path, 1, 1), $"the file holds {documents.Count} documents, expected one.");
    }

    /// <summary>Reads all documents of a file.</summary>
    /// <exception cref="YamlException">The file is not readable YAML; one sentence with line and column.</exception>
    /// <exception cref="IOException">The file cannot be read.</exception>
    public static IReadOnlyList<YamlValue> ReadAll(string path) => Parse(ReadText(path), path);

    /// <summary>Reads the text of a file.</summary>
    /// <exception cref="YamlException">The bytes are not UTF-8.</exception>
    /// <exception cref="IOException">The file cannot be read, or is larger than <see cref="MaxBytes"/>.</exception>
    public static string ReadText(string path)
    {
        if (Directory.Exists(path)) throw new IOException($"'{path}' is a directory, expected a YAML file.");
        if (!File.Exists(path)) throw new FileNotFoundException($"'{path}' does not exist, expected a YAML file.");
        using FileStream stream = File.OpenRead(path);
        return ReadText(stream, path);
    }

    /// <summary>Reads the text of a stream; <paramref name="path"/> is named in errors.</summary>
    /// <inheritdoc cref="ReadText(string)"/>
    public static string ReadText(Stream stream, string path)
    {
        // Counted while it is read: pipes and devices have no length.
        byte[] bytes = new byte[MaxBytes + 1];
        int count = stream.ReadAtLeast(bytes, bytes.Length, throwOnEndOfStream: false);
        if (count > MaxBytes) throw new IOException($"'{path}' has more than {MaxBytes} bytes, which is the most that a YAML file may have.");
        if (FirstNoUtf8(bytes.AsSpan(0, count)) is { } place) throw new YamlException(new YamlPlace(path, place.Line, place.Column), "this is not UTF-8, expected text in it.");
        using var reader = new StreamReader(new MemoryStream(bytes, 0, count));
        return reader.ReadToEnd();
    }

    /// <summary>Where bytes stop being UTF-8, in lines and characters from 1; null where they do not, or begin with the mark of UTF-16 or UTF-32, which is read too.</summary>
    private static (long Line, long Column)? FirstNoUtf8(ReadOnlySpan<byte> bytes)
    {
        if (bytes is [0xFF, 0xFE, ..] or [0xFE, 0xFF, ..] or [0, 0, 0xFE, 0xFF, ..] || Utf8.IsValid(bytes)) return null;
        (long line, long column) = (1, 1);
        while (Rune.DecodeFromUtf8(bytes, out Rune character, out int length) == OperationStatus.Done)
        {
            (line, column) = character.Value == '\n' ? (line + 1, 1) : (line, column + 1);
            bytes = bytes[length..];
        }

        return (line, column);
    }

    /// <summary>Parses all documents of a text; <paramref name="file"/> is named in errors.</summary>
    /// <exception cref="YamlException">The text is not YAML, nests too deeply, or its aliases stand for nothing or for too much.</exception>
    public static IReadOnlyList<YamlValue> Parse(string text, string file)
    {
        var documents = new List<YamlValue>();
        var scanner = new Scanner(new StringReader(text), skipComments: true);
        try
        {
            var parser = new Parser(scanner);
            var reader = new NodeReader(parser, file);
            parser.MoveNext();
            while (parser.MoveNext() && parser.Current is not StreamEnd)
            {
                if (parser.Current is DocumentStart or DocumentEnd) continue;
                documents.Add(reader.ReadDocument());
            }
        }
        catch (YamlDotNet.Core.YamlException error)
        {
            // The error may name the beginning of what surrounds the fault; the scanner stands at the fault.
            Mark fault = scanner.CurrentPosition.Line > error.End.Line ? scanner.CurrentPosition : error.End;
            throw new YamlException(new YamlPlace(file, fault.Line, fault.Column), $"this is not YAML: {FirstSentence(error)}");
        }
        catch (Exception error) when (error is InvalidOperationException or ArgumentException)
        {
            // The scanner gives up so on braces and brackets that do not match, such as '{{ a'.
            throw new YamlException(new YamlPlace(file, 1, 1), "this is not YAML: braces, brackets or quotes do not match.");
        }

        return documents;
    }

    private static string FirstSentence(YamlDotNet.Core.YamlException error)
    {
        string message = (error.InnerException?.Message ?? error.Message).ReplaceLineEndings(" ").Trim();
        return message.EndsWith('.') ? message : message + ".";
    }
}
