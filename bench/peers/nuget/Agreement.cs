using MergeEngine.Peers.Onnx;
using MergeEngine.Peers.Torch;

namespace MergeEngine.Peers;

/// <summary>Whether both runtimes do the same work: their logits of one model and one input, beside each other.</summary>
internal static class Agreement
{
    public static void Print(Options options)
    {
        float[] torch = TorchLatency.Logits(options), onnx = OnnxLatency.Logits(options);
        float largest = torch.Max(Math.Abs), difference = torch.Zip(onnx, (a, b) => Math.Abs(a - b)).Max();
        Console.WriteLine($"{options.Model.Name}, batch {options.Batch}: logits up to {largest:g4}, largest difference {difference:g3}");
        if (!(difference <= 1e-4f * largest)) throw new ArgumentException($"{TorchProducts.Program} and {OnnxLatency.Program} disagree");
    }
}
