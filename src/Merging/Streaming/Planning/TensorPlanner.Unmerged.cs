using MergeEngine.Merging.Recipes;
using MergeEngine.Tensors.Numerics;
using MergeEngine.Tensors.Safetensors;

namespace MergeEngine.Merging.Streaming.Planning;

/// <content>Tensors that are not merged: those that some models lack, and those that nobody computes with.</content>
internal sealed partial class TensorPlanner
{
    // Buffers such as position ids are far smaller; larger ones are not looked into while planning.
    private const long MostComparedBytes = 1 << 20;

    private TensorJob? WithoutSome(PlacedTensor tensor, List<Found> found, List<int> lacking, Found chosen)
    {
        RecipeSlice slice = tensor.Slice;
        string[] without = [.. lacking.Select(i => models[slice.Sources[i].Model].Title).Distinct()];
        string have = string.Join(", ", found.Select(f => f.Model.Title).Distinct()), lack = string.Join(", ", without);
        string shown = Quoting.Quote(tensor.Output) + (chosen.Entry.Name == tensor.Inputs[chosen.Index] ? "" : $" ({Quoting.Quote(chosen.Entry.Name)} in the file)");
        bool buffer = !chosen.Entry.DType.IsFloatingPoint(), inLayers = finder.Find(tensor.Output) is not null;
        if (TensorRoles.IsDerived(tensor.Output, chosen.Entry.DType))
        {
            findings.Note($"{shown} is left out: {have} has it and {lack} does not, and programs compute it anew.");
            return null;
        }

        if (buffer && !inLayers) return CopyBuffer(tensor, found, chosen, $" ({lack} has none)");
        foreach (int i in lacking)
        {
            ModelTensors model = models[slice.Sources[i].Model];
            if (Belongs(tensor.Inputs[i], model)) findings.Problem($"{model.Title}: the tensor {Quoting.Quote(tensor.Inputs[i])} is missing, which {have} has.");
        }

        if (lacking.Exists(i => Belongs(tensor.Inputs[i], models[slice.Sources[i].Model]))) return null;
        if (chosen.Index == slice.BaseIndex && !slice.Sources[chosen.Index].IsInput)
        {
            findings.Note($"{shown} is copied from the base {chosen.Model.Title}: {lack} has nothing like it.");
            return Copy(tensor.Output, chosen.Model, chosen.Entry);
        }

        findings.Note($"{shown} is left out: only {have} has it, and {lack} has nothing like it.");
        return null;
    }

    /// <summary>
    /// Whether a model that lacks a tensor is incomplete without it: all of a layer belongs to it, and so does what is part of a module that it has. A
    /// module of its own (another head, a projector), or a pooler, is something that only some models have.
    /// </summary>
    private bool Belongs(string name, ModelTensors model) =>
        finder.Find(name) is not null || (model.Modules.Contains(NameAliases.FirstPart(name)) && !name.Split('.').Contains("pooler"));

    private TensorJob? Uncomputed(PlacedTensor tensor, List<Found> found, Found chosen)
    {
        if (found.Find(f => f.Entry.DType != chosen.Entry.DType) is { Model: not null } other)
        {
            findings.Problem($"{other.Model.Title}: the tensor {Quoting.Quote(other.Entry.Name)} is {other.Entry.DType.Name()}, expected {chosen.Entry.DType.Name()} as in {chosen.Model.Title}.");
            return null;
        }

        if (chosen.Entry.DType.IsInteger() || chosen.Entry.DType is DType.Bool) return CopyBuffer(tensor, found, chosen, "");
        if (found.Count == 1)
        {
            findings.Note($"{Quoting.Quote(tensor.Output)} is {chosen.Entry.DType.Name()}, which is not computed with, and is copied.");
            return Copy(tensor.Output, chosen.Model, chosen.Entry);
        }

        findings.Problem($"{chosen.Model.Title}: the tensor {Quoting.Quote(chosen.Entry.Name)} is {chosen.Entry.DType.Name()}, which cannot be computed with, expected F32, F16, BF16 or F64.");
        return null;
    }

    private TensorJob? CopyBuffer(PlacedTensor tensor, List<Found> found, Found chosen, string remark)
    {
        foreach (Found other in found)
        {
            if (other.Entry.DType == chosen.Entry.DType) continue;
            findings.Problem($"{other.Model.Title}: the tensor {Quoting.Quote(other.Entry.Name)} is {other.Entry.DType.Name()}, expected {chosen.Entry.DType.Name()} as in {chosen.Model.Title}.");
            return null;
        }

        if (found.Find(f => f.Entry.Shape != chosen.Entry.Shape) is { Model: not null } shaped)
        {
            findings.Problem(WrongShape(shaped, chosen, chosen.Entry.Shape, ""));
            return null;
        }

        string[] unlike = [.. found.Where(f => !SameBytes(f, chosen)).Select(f => f.Model.Title).Distinct()];
        if (unlike.Length > 0) remark += $"; its values in {string.Join(", ", unlike)} are others";
        findings.Note($"{Quoting.Quote(tensor.Output)} is {chosen.Entry.DType.Name()} and is copied from {chosen.Model.Title}{remark}.");
        return Copy(tensor.Output, chosen.Model, chosen.Entry);
    }

    private static bool SameBytes(Found a, Found b) =>
        (ReferenceEquals(a.Model.Checkpoint, b.Model.Checkpoint) && ReferenceEquals(a.Entry, b.Entry)) || a.Entry.ByteLength > MostComparedBytes || a.Model.Checkpoint.GetSpan(a.Entry.Name).SequenceEqual(b.Model.Checkpoint.GetSpan(b.Entry.Name));
}
