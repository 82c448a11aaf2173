using MergeEngine.Tensors.Operations;

namespace MergeEngine.Models.Checkpoints;

/// <summary>What Hugging Face's configs call the activations.</summary>
internal static class ActivationNames
{
    /// <summary>The activation under a key.</summary>
    /// <param name="config">Where the key stands.</param>
    /// <param name="key">Such as <c>hidden_act</c>.</param>
    /// <param name="missing">Taken where the key is missing.</param>
    /// <exception cref="ModelException">Another activation.</exception>
    public static Activation Parse(ConfigSection config, string key, Activation missing) => config.Text(key) switch
    {
        null => missing,
        "gelu" or "gelu_python" => Activation.GeluErf,
        "gelu_new" or "gelu_pytorch_tanh" or "gelu_fast" or "gelu_tanh" or "gelu_accurate" => Activation.GeluTanh,
        "quick_gelu" => Activation.GeluQuick,
        _ => throw new ModelException($"{config.Describe(key)}, expected gelu, gelu_pytorch_tanh (gelu_new, gelu_fast) or quick_gelu."),
    };

    /// <summary>The activation of a tower of open_clip: <c>quick_gelu</c> stands at the top, everything else with the tower.</summary>
    /// <exception cref="ModelException">Another activation.</exception>
    public static Activation OfOpenClip(ConfigSection model, ConfigSection tower)
    {
        if (model.Flag("quick_gelu") ?? tower.Flag("quick_gelu") ?? false) return Activation.GeluQuick;
        if (tower.Section("act_kwargs") is not { } options || options.Text("approximate") is not { } approximate) return Activation.GeluErf;
        return approximate switch
        {
            "none" => Activation.GeluErf,
            "tanh" => Activation.GeluTanh,
            _ => throw new ModelException($"{options.Describe("approximate")}, expected none or tanh."),
        };
    }

    /// <summary>The name that a config gives an activation.</summary>
    public static string Of(Activation activation) => activation switch
    {
        Activation.GeluTanh => "gelu_pytorch_tanh",
        Activation.GeluQuick => "quick_gelu",
        _ => "gelu",
    };
}
