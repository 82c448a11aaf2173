using MergeEngine.Peers.Encoders;
using static TorchSharp.torch;
using F = TorchSharp.torch.nn.functional;

namespace MergeEngine.Peers.Torch;

/// <summary>The encoder of PyTorch's functions, layer by layer as transformers has it: separate query, key and value, attention by <c>scaled_dot_product_attention</c>.</summary>
internal sealed class TorchEncoder
{
    private readonly EncoderSpec _spec;
    private readonly Dictionary<string, Tensor> _weights;
    private readonly TorchSharp.Modules.Embedding? _words;

    public TorchEncoder(EncoderSpec spec, EncoderWeights weights, bool train)
    {
        _spec = spec;
        _weights = weights.All.ToDictionary(pair => pair.Key, pair => tensor(pair.Value.Values, pair.Value.Shape).requires_grad_(train).DetachFromDisposeScope());
        if (_weights.TryGetValue("word", out Tensor? words))
        {
            // TorchSharp has the look-up as a module only.
            _words = nn.Embedding_from_pretrained(words, freeze: !train);
            _weights["word"] = _words.weight!;
        }
    }

    public IEnumerable<Tensor> Parameters => _weights.Values;

    /// <summary>[batch, 3, side, side] pixels or [batch, tokens] ids.</summary>
    public Tensor Inputs(int batch) => _spec.IsVision
        ? tensor(_spec.Pixels(batch), [batch, 3, _spec.Side, _spec.Side])
        : tensor(_spec.Ids(batch), [batch, _spec.Tokens]);

    /// <returns>Logits, [batch, classes].</returns>
    public Tensor Forward(Tensor inputs)
    {
        Tensor hidden = _spec.IsVision ? Patches(inputs) : Words(inputs);
        for (int layer = 0; layer < _spec.Layers; layer++) hidden = Block($"{layer}.", hidden);
        Tensor features = _spec.IsVision ? Norm("norm", hidden).select(1, 0) : _spec.HasPooler ? Linear("pooler", hidden.select(1, 0)).tanh() : hidden.mean([1L]);
        return Linear("head", features);
    }

    private Tensor Patches(Tensor pixels)
    {
        Tensor patches = F.conv2d(pixels, _weights["patch.weight"], _weights["patch.bias"], strides: [_spec.Patch, _spec.Patch]).flatten(2).transpose(1, 2);
        return cat([_weights["class"].expand(pixels.shape[0], -1, -1), patches], 1) + _weights["position"];
    }

    private Tensor Words(Tensor ids)
    {
        Tensor embedded = _words!.call(ids) + _weights["type"].select(0, 0) + _weights["position"].narrow(0, 0, _spec.Tokens);
        return Norm("norm", embedded);
    }

    private Tensor Block(string name, Tensor hidden)
    {
        if (_spec.IsVision)
        {
            hidden = hidden + Attention(name, Norm($"{name}norm1", hidden));
            return hidden + Inner(name, Norm($"{name}norm2", hidden));
        }

        hidden = Norm($"{name}norm1", hidden + Attention(name, hidden));
        return Norm($"{name}norm2", hidden + Inner(name, hidden));
    }

    private Tensor Attention(string name, Tensor hidden)
    {
        Tensor Heads(string part) => Linear($"{name}{part}", hidden).view(hidden.shape[0], _spec.Tokens, _spec.Heads, -1).transpose(1, 2);
        Tensor mixed = F.scaled_dot_product_attention(Heads("query"), Heads("key"), Heads("value"));
        return Linear($"{name}output", mixed.transpose(1, 2).reshape(hidden.shape));
    }

    private Tensor Inner(string name, Tensor hidden) => Linear($"{name}down", F.gelu(Linear($"{name}up", hidden)));

    private Tensor Linear(string name, Tensor x) => F.linear(x, _weights[$"{name}.weight"], _weights[$"{name}.bias"]);

    private Tensor Norm(string name, Tensor x) => F.layer_norm(x, [_spec.Width], _weights[$"{name}.weight"], _weights[$"{name}.bias"], _spec.Epsilon);
}
