using System.Buffers.Binary;
using System.Runtime.InteropServices;
using System.Text;

namespace MergeEngine.Peers.Onnx;

/// <summary>A graph as ONNX's protocol buffer: nodes, constants, one input, one output. Field numbers are those of onnx.proto.</summary>
internal sealed class OnnxModel
{
    private const int Float = 1, Int64 = 7;
    private readonly List<byte[]> _nodes = [], _constants = [];
    private int _count;

    /// <summary>A float32 constant.</summary>
    /// <returns>Its name.</returns>
    public string Constant(Encoders.Weight weight) => Constant(weight.Shape, Float, MemoryMarshal.AsBytes(weight.Values.AsSpan()));

    /// <summary>A constant of whole numbers, a vector or a scalar.</summary>
    /// <returns>Its name.</returns>
    public string Constant(long[] values, bool scalar = false) => Constant(scalar ? [] : [values.Length], Int64, MemoryMarshal.AsBytes(values.AsSpan()));

    /// <summary>A node with one output that counts; <paramref name="outputs"/> gives all of them names of its own choice instead.</summary>
    /// <returns>The output's name.</returns>
    public string Node(string type, string[] inputs, (string Name, object Value)[]? attributes = null, bool own = false, string[]? outputs = null)
    {
        outputs ??= [$"t{_count++}"];
        var node = new Message();
        foreach (string input in inputs) node.Text(1, input);
        foreach (string output in outputs) node.Text(2, output);
        node.Text(4, type);
        foreach ((string name, object value) in attributes ?? []) node.Nested(5, Attribute(name, value));
        if (own) node.Text(7, "com.microsoft");
        _nodes.Add(node.ToArray());
        return outputs[0];
    }

    public string NewName() => $"t{_count++}";

    /// <summary>The file's bytes.</summary>
    public byte[] ToBytes((string Name, bool Ids, long[] Shape) input, (string Name, long[] Shape) output)
    {
        var graph = new Message();
        foreach (byte[] node in _nodes) graph.Bytes(1, node);
        graph.Text(2, "encoder");
        foreach (byte[] constant in _constants) graph.Bytes(5, constant);
        graph.Nested(11, Value(input.Name, input.Ids ? Int64 : Float, input.Shape));
        graph.Nested(12, Value(output.Name, Float, output.Shape));
        return new Message().Number(1, 9).Nested(7, graph).Nested(8, new Message().Text(1, "").Number(2, 20)).Nested(8, new Message().Text(1, "com.microsoft").Number(2, 1)).ToArray();
    }

    private string Constant(long[] shape, int type, ReadOnlySpan<byte> data)
    {
        string name = $"c{_count++}";
        var tensor = new Message();
        foreach (long size in shape) tensor.Number(1, size);
        _constants.Add(tensor.Number(2, type).Text(8, name).Bytes(9, data).ToArray());
        return name;
    }

    private static Message Value(string name, int type, long[] shape)
    {
        var dimensions = new Message();
        foreach (long size in shape) dimensions.Nested(1, new Message().Number(1, size));
        return new Message().Text(1, name).Nested(2, new Message().Nested(1, new Message().Number(1, type).Nested(2, dimensions)));
    }

    private static Message Attribute(string name, object value)
    {
        var attribute = new Message().Text(1, name);
        if (value is float real) return attribute.Real(2, real).Number(20, 1);
        if (value is long number) return attribute.Number(3, number).Number(20, 2);
        foreach (long item in (long[])value) attribute.Number(8, item);
        return attribute.Number(20, 7);
    }

    /// <summary>A message in the wire format: tags, varints, lengths.</summary>
    private sealed class Message
    {
        private readonly MemoryStream _bytes = new();

        public Message Number(int field, long value)
        {
            Varint((ulong)field << 3);
            Varint((ulong)value);
            return this;
        }

        public Message Real(int field, float value)
        {
            Span<byte> bytes = stackalloc byte[4];
            BinaryPrimitives.WriteSingleLittleEndian(bytes, value);
            Varint(((ulong)field << 3) | 5);
            _bytes.Write(bytes);
            return this;
        }

        public Message Text(int field, string value) => Bytes(field, Encoding.UTF8.GetBytes(value));

        public Message Nested(int field, Message value) => Bytes(field, value._bytes.GetBuffer().AsSpan(0, (int)value._bytes.Length));

        public Message Bytes(int field, ReadOnlySpan<byte> value)
        {
            Varint(((ulong)field << 3) | 2);
            Varint((ulong)value.Length);
            _bytes.Write(value);
            return this;
        }

        public byte[] ToArray() => _bytes.ToArray();

        private void Varint(ulong value)
        {
            for (; value >= 0x80; value >>= 7) _bytes.WriteByte((byte)(value | 0x80));
            _bytes.WriteByte((byte)value);
        }
    }
}
