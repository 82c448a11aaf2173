using MergeEngine.Models.Checkpoints;
using MergeEngine.Models.Datasets;
using MergeEngine.Tensors;
using MergeEngine.Tensors.Operations;
using MergeEngine.Tensors.Parameters;

namespace MergeEngine.Models.Encoders;

/// <summary>
/// A network from inputs to one row of features a sample. It owns the weights that it was loaded with and the memory of its activations,
/// but runs on any <see cref="ParameterVector"/> of its layout: fine-tuning, task vectors and merging are arithmetic on such vectors, and
/// one encoder serves them all. It is used by one thread at a time, and refuses a second one while a pass is under way.
/// </summary>
public abstract class Encoder : IDisposable
{
    private Matrix _features;
    private int _user;
    private int _depth;

    protected Encoder(Device device, ParameterVector parameters)
    {
        Device = device;
        Parameters = parameters;
        Replay = device.CreateReplay();
    }

    public Device Device { get; }

    /// <summary>What repeats from batch to batch runs through this: a forward pass alone, or a training step's passes and loss as one.</summary>
    private WorkReplay Replay { get; }

    /// <summary>The weights that the encoder was loaded with, or made with.</summary>
    public ParameterVector Parameters { get; }

    /// <summary>The encoder's parameters, a projection of the features included, a checkpoint's own classifier left out.</summary>
    public ParameterLayout Layout => Parameters.Layout;

    /// <summary>Columns that a head sees: the projected features where the model has a projection.</summary>
    public abstract int FeatureWidth { get; }

    /// <summary>Keeps the hidden states of every forward pass; off by default.</summary>
    public bool KeepHiddenStates { get; set; }

    /// <summary>
    /// Loads a checkpoint of any known kind: a <see cref="TextTransformer"/> or a <see cref="VisionTransformer"/>. A whole CLIP has both towers, of which
    /// one is loaded.
    /// </summary>
    /// <param name="device">Where it runs.</param>
    /// <param name="path">A directory or a safetensors file.</param>
    /// <param name="configPath">The config; null for the one beside the weights.</param>
    /// <param name="preferTexts">Of a checkpoint with both towers: true for that of texts, false for that of images.</param>
    /// <exception cref="ModelException">The config or the tensors are not those of a supported model.</exception>
    /// <exception cref="Tensors.Safetensors.SafetensorsException">The weights cannot be read.</exception>
    public static Encoder Open(Device device, string path, string? configPath = null, bool preferTexts = false) =>
        TextLayout.Matches(path) && (preferTexts || !VisionLayout.Matches(path)) ? TextTransformer.Load(device, path, configPath) : VisionTransformer.Load(device, path, configPath);

    /// <summary>An empty batch of this encoder's kind of input.</summary>
    public abstract Batch CreateBatch();

    /// <summary>The checkpoint's own classifier under its own names; null where it has none.</summary>
    public virtual ClassificationHead? CreateCheckpointHead() => null;

    /// <summary>Why a split cannot be the encoder's input, as the end of a sentence; null if it can.</summary>
    public abstract string? Refuses(DatasetSplit split);

    /// <summary>
    /// Readies weights for inference: those of the linear layers are packed in the device's own order and <see cref="Precision"/>, for as long as the
    /// vector lives or until <see cref="ParameterVector.Unpack"/>. Answers to few or short inputs come sooner; they take as much memory again, half as
    /// much in BF16. Call it again after the values have changed. A device that has no use for it changes nothing.
    /// </summary>
    /// <param name="parameters">Weights of this encoder's layout.</param>
    public void Pack(ParameterVector parameters)
    {
        ArgumentNullException.ThrowIfNull(parameters);
        if (Device.Operations.PacksWeights) parameters.Pack(LinearLayers.SelectMany(layer => layer.Weights));
    }

    /// <summary>Runs the network.</summary>
    /// <param name="parameters">Weights of this encoder's layout.</param>
    /// <param name="batch">The inputs.</param>
    /// <param name="keepForBackward">Keeps what <see cref="Backward"/> reads; without it the pass needs far less memory.</param>
    /// <returns>Features [batch, <see cref="FeatureWidth"/>] in the encoder's own memory, valid until the next pass.</returns>
    /// <exception cref="InvalidOperationException">Another thread uses the encoder; or the weights are packed, which a backward pass would not see.</exception>
    public Matrix Forward(ParameterVector parameters, Batch batch, bool keepForBackward)
    {
        if (keepForBackward && parameters.Packed is not null)
            throw new InvalidOperationException("These weights are packed for inference, and training changes weights behind their packed copies: call Unpack first.");
        Run(
            (Encoder: this, Parameters: parameters, Batch: batch, Keep: keepForBackward),
            static pass => pass.Encoder._features = pass.Encoder.ForwardCore(pass.Parameters, pass.Batch, pass.Keep));
        return _features;
    }

    /// <summary>Adds the gradients of the parameters for the last forward pass, which was told to keep what this needs.</summary>
    /// <param name="parameters">The weights of the forward pass.</param>
    /// <param name="gradients">Added to.</param>
    /// <param name="featureGradient">[batch, <see cref="FeatureWidth"/>]; its content is not needed afterwards, and may be gone.</param>
    /// <param name="reduction">How the samples' gradients are put together.</param>
    /// <exception cref="InvalidOperationException">Another thread uses the encoder.</exception>
    public void Backward(ParameterVector parameters, ParameterVector gradients, Matrix featureGradient, GradientReduction reduction)
    {
        using EncoderUse use = Use();
        BackwardCore(parameters, gradients, featureGradient, reduction);
    }

    /// <summary>Reads a checkpoint of the same architecture as a vector of this layout.</summary>
    /// <param name="path">A directory or a safetensors file.</param>
    /// <exception cref="ModelException">A parameter is missing or has another shape; the message lists them.</exception>
    public abstract ParameterVector ReadParameters(string path);

    /// <summary>Writes weights in the layout that the encoder was loaded from; tensors that are not the encoder's are copied.</summary>
    /// <param name="path">A directory, or a name that ends in <c>.safetensors</c>.</param>
    /// <param name="parameters">Weights of this encoder's layout.</param>
    /// <param name="head">Takes the place of the checkpoint's classifier, or becomes that of a new model; null leaves it alone.</param>
    public abstract void Save(string path, ParameterVector parameters, ClassificationHead? head = null);

    public void Dispose()
    {
        Dispose(true);
        GC.SuppressFinalize(this);
    }

    /// <summary>Runs what repeats from batch to batch, or replays it: see <see cref="WorkReplay"/>.</summary>
    /// <typeparam name="TState">What the work needs.</typeparam>
    /// <param name="state">Handed to <paramref name="work"/>.</param>
    /// <param name="work">A static lambda.</param>
    /// <exception cref="InvalidOperationException">Another thread uses the encoder.</exception>
    internal void Run<TState>(TState state, Action<TState> work)
    {
        using EncoderUse use = Use();
        if (MayRepeat) Replay.Run(state, work);
        else work(state);
    }

    /// <summary>The calling thread has the encoder until what is returned is disposed; it may ask again meanwhile.</summary>
    /// <exception cref="InvalidOperationException">Another thread has it: the activations of one would be those of the other.</exception>
    internal EncoderUse Use()
    {
        int thread = Environment.CurrentManagedThreadId;
        // Only this thread writes its own number there, so that no other can come between the question and what follows.
        if (Volatile.Read(ref _user) != thread && Interlocked.CompareExchange(ref _user, thread, 0) != 0)
            throw new InvalidOperationException("This encoder is in use by another thread: its activations are those of one batch, so take turns, or load one encoder for each thread.");
        _depth++;
        return new EncoderUse(this);
    }

    internal void EndUse()
    {
        if (--_depth == 0) Volatile.Write(ref _user, 0);
    }

    /// <summary>False where the next pass will hardly launch what an earlier one did, so that looking for a recording of it is wasted.</summary>
    protected virtual bool MayRepeat => true;

    /// <summary>The layers whose weights <see cref="Pack"/> packs.</summary>
    private protected abstract IEnumerable<LinearLayer> LinearLayers { get; }

    /// <summary>The pass of <see cref="Backward"/>.</summary>
    protected abstract void BackwardCore(ParameterVector parameters, ParameterVector gradients, Matrix featureGradient, GradientReduction reduction);

    /// <summary>The pass of <see cref="Forward"/>. It may be called again without its launches being made, see <see cref="WorkReplay"/>.</summary>
    protected abstract Matrix ForwardCore(ParameterVector parameters, Batch batch, bool keepForBackward);

    protected virtual void Dispose(bool disposing)
    {
        if (!disposing) return;
        Replay.Dispose();
        Parameters.Dispose();
    }
}
