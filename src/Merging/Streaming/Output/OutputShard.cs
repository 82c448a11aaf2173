using MergeEngine.Tensors.Safetensors;

namespace MergeEngine.Merging.Streaming.Output;

/// <summary>One weight file of the output.</summary>
public sealed class OutputShard
{
    internal OutputShard(int index, string fileName, SafetensorsLayout layout)
    {
        Index = index;
        FileName = fileName;
        Layout = layout;
    }

    /// <summary>Its place among the files, from 0.</summary>
    public int Index { get; }

    public string FileName { get; }

    /// <summary>Header, order and places of its tensors.</summary>
    public SafetensorsLayout Layout { get; }
}
