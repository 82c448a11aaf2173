using System.Buffers;
using System.Buffers.Binary;
using System.Globalization;
using System.Runtime.InteropServices;
using System.Text;
using MergeEngine.Tensors.Numerics;

namespace MergeEngine.Tensors.Safetensors;

/// <summary>
/// The first bytes of a file, equal to the last byte with what the reference crate writes for the same sorted tensors: no white space,
/// serde_json's escapes, <c>__metadata__</c> first, spaces up to a multiple of 8.
/// </summary>
internal static class HeaderBuilder
{
    /// <param name="tensors">Sorted.</param>
    /// <param name="metadata">Null for none.</param>
    /// <param name="length">How many bytes of the array they take.</param>
    public static byte[] Build(IReadOnlyList<TensorEntry> tensors, IReadOnlyDictionary<string, string>? metadata, out int length)
    {
        var output = new ArrayBufferWriter<byte>(256 + tensors.Sum(t => t.Name.Length + 80));
        output.Advance(Clear(output.GetSpan(SafetensorsHeader.PrefixLength)));
        output.Write("{"u8);
        bool first = true;
        if (metadata is not null)
        {
            first = false;
            output.Write("\"__metadata__\":{"u8);
            bool firstKey = true;
            foreach (string key in metadata.Keys.Order(Utf8Order.Instance))
            {
                if (!firstKey) output.Write(","u8);
                firstKey = false;
                WriteString(output, key);
                output.Write(":"u8);
                WriteString(output, metadata[key]);
            }

            output.Write("}"u8);
        }

        foreach (var tensor in tensors)
        {
            if (!first) output.Write(","u8);
            first = false;
            WriteString(output, tensor.Name);
            output.Write(":{\"dtype\":\""u8);
            WriteText(output, tensor.DType.Name());
            output.Write("\",\"shape\":["u8);
            WriteNumbers(output, tensor.Shape.Dimensions);
            output.Write("],\"data_offsets\":["u8);
            WriteNumbers(output, [tensor.Begin, tensor.End]);
            output.Write("]}"u8);
        }

        output.Write("}"u8);
        while (output.WrittenCount % 8 != 0) output.Write(" "u8);
        MemoryMarshal.TryGetArray(output.WrittenMemory, out ArraySegment<byte> bytes);
        length = bytes.Count;
        BinaryPrimitives.WriteUInt64LittleEndian(bytes, (ulong)(length - SafetensorsHeader.PrefixLength));
        return bytes.Array!;
    }

    private static void WriteNumbers(ArrayBufferWriter<byte> output, ReadOnlySpan<long> numbers)
    {
        const int MostDigits = 20;
        for (int i = 0; i < numbers.Length; i++)
        {
            if (i > 0) output.Write(","u8);
            numbers[i].TryFormat(output.GetSpan(MostDigits), out int written, default, CultureInfo.InvariantCulture);
            output.Advance(written);
        }
    }

    private static int Clear(Span<byte> span)
    {
        span[..SafetensorsHeader.PrefixLength].Clear();
        return SafetensorsHeader.PrefixLength;
    }

    private static void WriteString(ArrayBufferWriter<byte> output, string text)
    {
        output.Write("\""u8);
        int plain = 0;
        for (int i = 0; i < text.Length; i++)
        {
            if (text[i] >= ' ' && text[i] is not ('"' or '\\')) continue;
            WriteText(output, text.AsSpan(plain, i - plain));
            plain = i + 1;
            string escape = text[i] switch
            {
                '"' => "\\\"",
                '\\' => "\\\\",
                '\b' => "\\b",
                '\f' => "\\f",
                '\n' => "\\n",
                '\r' => "\\r",
                '\t' => "\\t",
                char c => $"\\u{(int)c:x4}",
            };
            WriteText(output, escape);
        }

        WriteText(output, text.AsSpan(plain));
        output.Write("\""u8);
    }

    private static void WriteText(ArrayBufferWriter<byte> output, ReadOnlySpan<char> text) => Encoding.UTF8.GetBytes(text, output);
}
