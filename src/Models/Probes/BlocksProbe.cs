using MergeEngine.Models.Encoders;
using MergeEngine.Tensors;
using MergeEngine.Tensors.Numerics;
using MergeEngine.Tensors.Operations;
using MergeEngine.Tensors.Parameters;

namespace MergeEngine.Models.Probes;

/// <summary>The blocks of a BERT between given embeddings and given gradients: norms after the branches, erf GELU, every token read.</summary>
internal sealed class BlocksProbe : ProbeModel
{
    private readonly int _tokens, _width, _layers;
    private readonly ParameterVector _parameters;
    private readonly TransformerStack _stack;
    private readonly ActivationArena _inference, _training;
    private readonly StackSlots _inferenceSlots, _trainingSlots;
    private readonly SampleRows _rows;
    private readonly WorkReplay _replay;
    private readonly float[] _embeddings;
    private readonly float[] _output;

    public BlocksProbe(Device device, int tokens, int width, int layers, int heads, int batch)
        : base(device, batch)
    {
        (_tokens, _width, _layers) = (tokens, width, layers);
        var shapes = new List<KeyValuePair<string, Shape>>();
        for (int i = 0; i < layers; i++) Declare(shapes, i, width);
        var layout = new ParameterLayout(shapes);
        _parameters = new ParameterVector(device, layout);
        foreach (Parameter parameter in layout.Parameters)
        {
            if (parameter.Shape.Rank > 1) RandomWeights.Normal(_parameters, parameter, 1, (float)(1 / Math.Sqrt(parameter.Length / (double)parameter.Shape[0])));
            else if (parameter.Name.Contains("norm", StringComparison.Ordinal) && parameter.Name.EndsWith("weight", StringComparison.Ordinal)) device.Operations.Fill(_parameters[parameter], 1);
        }

        var shape = new TransformerBlockShape(width, heads, 4 * width, Activation.GeluErf, NormPlacement.After);
        _stack = new TransformerStack(shape, [.. Enumerable.Range(0, layers).Select(i => Block(layout, i))]);
        _inference = new ActivationArena(device);
        _training = new ActivationArena(device);
        _inferenceSlots = _stack.Plan(_inference, Retention.Output, tokens);
        _trainingSlots = _stack.Plan(_training, Retention.Backward, tokens);
        _rows = SampleRows.Uniform(batch, tokens);
        _replay = device.CreateReplay();
        _embeddings = new float[batch * tokens * width];
        _output = new float[_embeddings.Length];
        var random = new PhiloxStream(1, "embeddings");
        for (int i = 0; i < _embeddings.Length; i++) _embeddings[i] = random.NextGaussian();
    }

    public override double ForwardOperations => (double)Batch * _layers * BlockOperations(_tokens, _width, 4 * _width);

    public override void Forward()
    {
        _inference.Reserve(Batch);
        Device.Upload<float>(_embeddings, _inference.Span(_inferenceSlots.Hidden[0], _embeddings.Length));
        _replay.Run(this, static probe => probe._stack.Forward(
            probe.Device.Operations, probe._parameters, probe._inference, probe._inferenceSlots, probe._rows, firstTokenOnly: false));
        Device.Download(_inference.Span(_inferenceSlots.Hidden[^1], _output.Length), _output);
    }

    protected override ParameterVector Parameters => _parameters;

    protected override void Accumulate(ParameterVector gradients)
    {
        if (_training.Capacity == 0)
        {
            _training.Reserve(Batch);
            Device.Upload<float>(_embeddings, _training.Span(_trainingSlots.Hidden[0], _embeddings.Length));
        }

        _replay.Run((Probe: this, gradients), static pass => pass.Probe.Train(pass.gradients));
    }

    protected override void Dispose(bool disposing)
    {
        _replay.Dispose();
        _training.Dispose();
        _inference.Dispose();
        _parameters.Dispose();
    }

    private void Train(ParameterVector gradients)
    {
        OperationSet operations = Device.Operations;
        _stack.Forward(operations, _parameters, _training, _trainingSlots, _rows, firstTokenOnly: false);
        operations.Fill(_training.Span(_trainingSlots.Gradients!.Hidden, _embeddings.Length), 1e-3f);
        _stack.Backward(new BackwardPass(operations, _parameters, gradients, GradientReduction.Sum), _training, _trainingSlots, _rows, firstTokenOnly: false);
    }

    private static void Declare(List<KeyValuePair<string, Shape>> shapes, int block, int width)
    {
        void Add(string name, int outputs, int inputs)
        {
            if (inputs > 0) shapes.Add(new($"{block}.{name}.weight", [outputs, inputs]));
            else shapes.Add(new($"{block}.{name}.weight", [outputs]));
            shapes.Add(new($"{block}.{name}.bias", [outputs]));
        }

        foreach (string name in new[] { "query", "key", "value", "projection" }) Add(name, width, width);
        Add("expand", 4 * width, width);
        Add("contract", width, 4 * width);
        Add("norm1", width, 0);
        Add("norm2", width, 0);
    }

    private static TransformerBlockParameters Block(ParameterLayout layout, int block)
    {
        LinearPart Part(string name) => new(layout[$"{block}.{name}.weight"], layout[$"{block}.{name}.bias"]);
        LayerNorm Norm(string name) => new(layout[$"{block}.{name}.weight"], layout[$"{block}.{name}.bias"], 1e-12f);
        return new TransformerBlockParameters(
            Norm("norm1"), new LinearLayer(Part("query"), Part("key"), Part("value")), new LinearLayer(Part("projection")),
            Norm("norm2"), new LinearLayer(Part("expand")), new LinearLayer(Part("contract")));
    }
}
