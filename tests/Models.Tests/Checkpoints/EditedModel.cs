using System.Runtime.InteropServices;
using System.Text.Json.Nodes;
using MergeEngine.Tensors.Numerics;
using MergeEngine.Tensors.Safetensors;
using MergeEngine.Tests.Support;

namespace MergeEngine.Models.Tests.Checkpoints;

/// <summary>A fixture's model with some tensors renamed, dropped, added or stored in another dtype, and its config edited, in a directory of its own.</summary>
internal sealed class EditedModel : IDisposable
{
    private readonly TemporaryDirectory _directory = new();
    private readonly List<Tensor> _tensors = [];
    private readonly string _configName;
    private JsonObject? _config;

    public EditedModel(string fixture, string model = "model.safetensors", string config = "config.json")
    {
        using SafetensorsFile file = SafetensorsFile.Open(FixtureFiles.PathOf($"{fixture}/{model}"));
        foreach (TensorEntry entry in file.Tensors) _tensors.Add(new Tensor(entry.Name, entry.DType, entry.Shape, file.GetSpan(entry.Name).ToArray()));
        _configName = config;
        _config = JsonNode.Parse(File.ReadAllText(FixtureFiles.PathOf($"{fixture}/{config}")))!.AsObject();
    }

    public string Path => _directory.Path;

    public string WeightsFile => _directory.File("model.safetensors");

    public JsonObject Config => _config!;

    public EditedModel Rename(Func<string, string> rename)
    {
        for (int i = 0; i < _tensors.Count; i++) _tensors[i] = _tensors[i] with { Name = rename(_tensors[i].Name) };
        return this;
    }

    public EditedModel Drop(string name)
    {
        Assert.Equal(1, _tensors.RemoveAll(t => t.Name == name));
        return this;
    }

    public EditedModel Add(string name, Shape shape) => Add(name, shape, new float[shape.ElementCount]);

    public EditedModel Add(string name, Shape shape, float[] values)
    {
        _tensors.Add(new Tensor(name, DType.F32, shape, MemoryMarshal.AsBytes(values.AsSpan()).ToArray()));
        return this;
    }

    public EditedModel Store(DType dtype)
    {
        for (int i = 0; i < _tensors.Count; i++)
        {
            float[] values = new float[_tensors[i].Shape.ElementCount];
            byte[] bytes = new byte[dtype.ByteCount(values.Length)];
            Conversion.ToSingle(_tensors[i].DType, _tensors[i].Bytes, values);
            Conversion.FromSingle(values, dtype, bytes);
            _tensors[i] = _tensors[i] with { DType = dtype, Bytes = bytes };
        }

        return this;
    }

    public EditedModel WithoutConfig()
    {
        _config = null;
        return this;
    }

    /// <summary>Writes weights and config.</summary>
    /// <returns>The directory.</returns>
    public string Write()
    {
        SafetensorsWriter.Write(WeightsFile, _tensors.Select(t => t.Content), new Dictionary<string, string> { ["format"] = "pt" });
        if (_config is not null) File.WriteAllText(_directory.File(_configName), _config.ToJsonString());
        return Path;
    }

    /// <summary>Writes the tensors as two shards with an index.</summary>
    public string WriteShards()
    {
        string[] names = ["model-00001-of-00002.safetensors", "model-00002-of-00002.safetensors"];
        var map = new JsonObject();
        for (int s = 0; s < 2; s++)
        {
            Tensor[] part = [.. _tensors.Where((_, i) => i % 2 == s)];
            SafetensorsWriter.Write(_directory.File(names[s]), part.Select(t => t.Content));
            foreach (Tensor tensor in part) map[tensor.Name] = names[s];
        }

        File.WriteAllText(_directory.File("model.safetensors.index.json"), new JsonObject { ["metadata"] = new JsonObject(), ["weight_map"] = map }.ToJsonString());
        File.WriteAllText(_directory.File(_configName), _config!.ToJsonString());
        return Path;
    }

    /// <summary>Fills a tensor's bytes anew.</summary>
    public EditedModel Overwrite(string name, byte[] bytes)
    {
        int index = _tensors.FindIndex(t => t.Name == name);
        Assert.Equal(_tensors[index].Bytes.Length, bytes.Length);
        _tensors[index] = _tensors[index] with { Bytes = bytes };
        return this;
    }

    /// <summary>A path for something to write.</summary>
    public string Target(string name) => _directory.File(name);

    public void Dispose() => _directory.Dispose();

    private sealed record Tensor(string Name, DType DType, Shape Shape, byte[] Bytes)
    {
        public TensorContent Content => new(Name, DType, Shape, Bytes);
    }
}
