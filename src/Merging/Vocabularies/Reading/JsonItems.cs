using System.Text.Json;

namespace MergeEngine.Merging.Vocabularies.Reading;

/// <summary>Where an array or object and its items stand in the bytes of a file, so that the file can be written again with items more or fewer and all else as it is.</summary>
/// <param name="Start">Its bracket.</param>
/// <param name="End">Behind its closing bracket.</param>
/// <param name="Items">Start and end of every item; in an object, from the name's quotation mark to the end of the value.</param>
internal sealed record JsonItems(int Start, int End, IReadOnlyList<(int Start, int End)> Items)
{
    /// <summary>Reads the value at which the reader stands, item after item.</summary>
    /// <param name="reader">Stands at the bracket; in the end at the closing one.</param>
    /// <param name="read">Reads one item: called with the reader at its first token (in an object, at the name), and leaves it at the last; the number of the item comes with it.</param>
    public static JsonItems Read(ref Utf8JsonReader reader, ItemReader read)
    {
        var items = new List<(int, int)>();
        int start = (int)reader.TokenStartIndex;
        while (reader.Read() && reader.TokenType is not (JsonTokenType.EndArray or JsonTokenType.EndObject))
        {
            int first = (int)reader.TokenStartIndex;
            read(ref reader, items.Count);
            items.Add((first, (int)reader.BytesConsumed));
        }

        return new JsonItems(start, (int)reader.BytesConsumed, items);
    }

    /// <summary>Writes it again: the items that are kept, then new ones, set apart like the first.</summary>
    public void Write(ReadOnlySpan<byte> file, Stream to, Func<int, bool> keeps, IEnumerable<byte[]> more)
    {
        ReadOnlySpan<byte> apart = Items.Count == 0 ? [] : file[(Start + 1)..Items[0].Start], tail = Items.Count == 0 ? [] : file[Items[^1].End..(End - 1)];
        to.Write(file.Slice(Start, 1));
        bool any = false;
        for (int i = 0; i < Items.Count; i++)
        {
            if (!keeps(i)) continue;
            Separate(to, apart, ref any);
            to.Write(file[Items[i].Start..Items[i].End]);
        }

        foreach (byte[] item in more)
        {
            Separate(to, apart, ref any);
            to.Write(item);
        }

        if (any) to.Write(tail);
        to.Write(file.Slice(End - 1, 1));
    }

    private static void Separate(Stream to, ReadOnlySpan<byte> apart, ref bool any)
    {
        if (any) to.WriteByte((byte)',');
        to.Write(apart);
        any = true;
    }

    /// <summary>Reads one item.</summary>
    internal delegate void ItemReader(ref Utf8JsonReader reader, int index);
}
