namespace MergeEngine.Tensors.Operations;

/// <summary>Point-wise non-linearity, alone or fused into a linear layer.</summary>
public enum Activation
{
    /// <summary>x.</summary>
    None,

    /// <summary>x·Φ(x) with the error function (Hendrycks and Gimpel, arXiv 1606.08415); <c>gelu</c>.</summary>
    GeluErf,

    /// <summary>0.5·x·(1 + tanh(√(2/π)·(x + 0.044715·x³))); <c>gelu_new</c>, <c>gelu_pytorch_tanh</c>, <c>gelu_fast</c>.</summary>
    GeluTanh,

    /// <summary>x·sigmoid(1.702·x); <c>quick_gelu</c> of OpenAI's CLIP.</summary>
    GeluQuick,

    /// <summary>tanh(x): the pooler of BERT and ViT.</summary>
    Tanh,
}
