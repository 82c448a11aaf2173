namespace MergeEngine.Models.Training;

/// <summary>Where in the data a run stands: the next batch begins at sample <paramref name="Offset"/> of the order of <paramref name="Epoch"/>.</summary>
public readonly record struct DataPosition(int Epoch, int Offset);
