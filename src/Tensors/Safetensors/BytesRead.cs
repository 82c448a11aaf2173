namespace MergeEngine.Tensors.Safetensors;

/// <summary>Looks at bytes of a file that were just read.</summary>
/// <param name="offset">The first of them, counted from the start of the file.</param>
/// <param name="bytes">What stands there; good until the call returns.</param>
public delegate void BytesRead(long offset, ReadOnlySpan<byte> bytes);
