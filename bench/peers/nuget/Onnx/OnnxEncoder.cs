using MergeEngine.Peers.Encoders;

namespace MergeEngine.Peers.Onnx;

/// <summary>
/// The encoder as an ONNX graph: of standard operators, as an exporter writes it and ONNX Runtime's graph optimisations find it, or of ONNX Runtime's own fused
/// operators (Attention, SkipLayerNormalization, BiasGelu), as its transformers optimiser leaves it.
/// </summary>
internal sealed class OnnxEncoder(EncoderSpec spec, EncoderWeights weights, int batch, bool fused)
{
    private readonly OnnxModel _model = new();

    public byte[] Build()
    {
        (string hidden, string? residual) = (spec.IsVision ? Patches() : Words(), null);
        for (int layer = 0; layer < spec.Layers; layer++) (hidden, residual) = spec.IsVision ? VisionBlock($"{layer}.", hidden, residual) : (TextBlock($"{layer}.", hidden), null);
        if (spec.IsVision) hidden = fused ? SkipNorm("norm", hidden, residual!, out _) : Norm("norm", residual is null ? hidden : Add(hidden, residual));
        string features = spec.IsVision || spec.HasPooler ? _model.Node("Gather", [hidden, _model.Constant([0], scalar: true)], [("axis", 1L)])
            : _model.Node("ReduceMean", [hidden, _model.Constant([1])], [("keepdims", 0L)]);
        if (spec.HasPooler) features = _model.Node("Tanh", [Linear("pooler", features)]);
        _model.Node("Gemm", [features, _model.Constant(weights["head.weight"]), _model.Constant(weights["head.bias"])], [("transB", 1L)], outputs: ["logits"]);
        return _model.ToBytes(
            ("values", !spec.IsVision, spec.IsVision ? [batch, 3, spec.Side, spec.Side] : [batch, spec.Tokens]),
            ("logits", [batch, EncoderSpec.Classes]));
    }

    private string Patches()
    {
        string patches = _model.Node(
            "Conv", ["values", _model.Constant(weights["patch.weight"]), _model.Constant(weights["patch.bias"])],
            [("strides", new long[] { spec.Patch, spec.Patch }), ("kernel_shape", new long[] { spec.Patch, spec.Patch })]);
        string rows = _model.Node("Transpose", [_model.Node("Reshape", [patches, _model.Constant([batch, spec.Width, spec.Tokens - 1])])], [("perm", new long[] { 0, 2, 1 })]);
        float[] classes = [.. Enumerable.Repeat(weights["class"].Values, batch).SelectMany(values => values)];
        string tokens = _model.Node("Concat", [_model.Constant(new Weight(classes, batch, 1, spec.Width)), rows], [("axis", 1L)]);
        return Add(tokens, _model.Constant(weights["position"]));
    }

    private string Words()
    {
        // Position and type of each row never change, so an exporter folds them into one constant.
        float[] places = [.. Enumerable.Range(0, spec.Tokens * spec.Width).Select(i => weights["position"].Values[i] + weights["type"].Values[i % spec.Width])];
        string words = _model.Node("Gather", [_model.Constant(weights["word"]), "values"]);
        return Norm("norm", Add(words, _model.Constant(new Weight(places, 1, spec.Tokens, spec.Width))));
    }

    private string TextBlock(string name, string hidden)
    {
        string attended = fused ? SkipNorm($"{name}norm1", Attention(name, hidden), hidden, out _) : Norm($"{name}norm1", Add(Attention(name, hidden), hidden));
        string inner = Inner(name, attended);
        return fused ? SkipNorm($"{name}norm2", inner, attended, out _) : Norm($"{name}norm2", Add(inner, attended));
    }

    /// <summary>A block's result is a sum that the next normalisation adds up, if operators are fused.</summary>
    private (string Hidden, string? Residual) VisionBlock(string name, string hidden, string? residual)
    {
        if (!fused)
        {
            string attended = Add(hidden, Attention(name, Norm($"{name}norm1", hidden)));
            return (Add(attended, Inner(name, Norm($"{name}norm2", attended))), null);
        }

        string sum = hidden;
        string normalized = residual is null ? Norm($"{name}norm1", hidden) : SkipNorm($"{name}norm1", hidden, residual, out sum);
        normalized = SkipNorm($"{name}norm2", Attention(name, normalized), sum, out string middle);
        return (Inner(name, normalized), middle);
    }

    private string Attention(string name, string hidden)
    {
        if (fused)
        {
            string[] parts = ["query", "key", "value"];
            Weight matrix = Weight.Stack([.. parts.Select(part => weights[$"{name}{part}.weight"])]).Transposed();
            Weight bias = Weight.Stack([.. parts.Select(part => weights[$"{name}{part}.bias"])]);
            string mixed = _model.Node("Attention", [hidden, _model.Constant(matrix), _model.Constant(bias)], [("num_heads", (long)spec.Heads)], own: true);
            return Linear($"{name}output", mixed);
        }

        int size = spec.Width / spec.Heads;
        string Heads(string part, long[] order) =>
            _model.Node("Transpose", [_model.Node("Reshape", [Linear($"{name}{part}", hidden), _model.Constant([batch, spec.Tokens, spec.Heads, size])])], [("perm", order)]);
        string query = Heads("query", [0, 2, 1, 3]), key = Heads("key", [0, 2, 3, 1]), value = Heads("value", [0, 2, 1, 3]);
        string scores = _model.Node("Div", [_model.Node("MatMul", [query, key]), _model.Constant(new Weight([MathF.Sqrt(size)]))]);
        string rows = _model.Node("Transpose", [_model.Node("MatMul", [_model.Node("Softmax", [scores], [("axis", -1L)]), value])], [("perm", new long[] { 0, 2, 1, 3 })]);
        return Linear($"{name}output", _model.Node("Reshape", [rows, _model.Constant([batch, spec.Tokens, spec.Width])]));
    }

    private string Inner(string name, string hidden)
    {
        string product = _model.Node("MatMul", [hidden, _model.Constant(weights[$"{name}up.weight"].Transposed())]), bias = _model.Constant(weights[$"{name}up.bias"]);
        return Linear($"{name}down", fused ? _model.Node("BiasGelu", [product, bias], own: true) : _model.Node("Gelu", [Add(product, bias)]));
    }

    private string Linear(string name, string x) => Add(_model.Node("MatMul", [x, _model.Constant(weights[$"{name}.weight"].Transposed())]), _model.Constant(weights[$"{name}.bias"]));

    private string Add(string a, string b) => _model.Node("Add", [a, b]);

    private string Norm(string name, string x) => _model.Node(
        "LayerNormalization", [x, _model.Constant(weights[$"{name}.weight"]), _model.Constant(weights[$"{name}.bias"])], [("axis", -1L), ("epsilon", spec.Epsilon)]);

    private string SkipNorm(string name, string x, string residual, out string sum)
    {
        sum = _model.NewName();
        return _model.Node(
            "SkipLayerNormalization", [x, residual, _model.Constant(weights[$"{name}.weight"]), _model.Constant(weights[$"{name}.bias"])],
            [("epsilon", spec.Epsilon)], own: true, outputs: [_model.NewName(), "", "", sum]);
    }
}
