using System.Globalization;
using MergeEngine.Tensors.Safetensors;

namespace MergeEngine.Models.Datasets.Tables;

/// <summary>
/// Labels as a table has them, and the classes that they are. With names given, a label is one of them or, where no name is a number itself,
/// the number of one. Without, the training split decides: whole numbers are the classes themselves, and anything else is a
/// name, numbered in ordinal order, so that the order of the rows does not matter.
/// </summary>
internal sealed class LabelNames
{
    /// <summary>A table with more has no classes in that column.</summary>
    public const int MostClasses = 1 << 16;

    private readonly Dictionary<string, int> _known = new(StringComparer.Ordinal);
    private readonly List<string> _labels = [];

    /// <summary>A number for a label, in the order in which labels are seen.</summary>
    /// <returns>−1 for one label more than there can be classes.</returns>
    public int Add(string label)
    {
        if (_known.TryGetValue(label, out int number)) return number;
        if (_labels.Count == MostClasses) return -1;
        _known.Add(label, _labels.Count);
        _labels.Add(label);
        return _labels.Count - 1;
    }

    public string this[int number] => _labels[number];

    /// <summary>Names of the classes that the labels of a split make, by class.</summary>
    /// <param name="seen">Numbers of the labels of the split.</param>
    public IReadOnlyList<string> ClassesOf(IEnumerable<int> seen)
    {
        string[] labels = [.. seen.Select(number => _labels[number]).Order(StringComparer.Ordinal)];
        if (!labels.All(label => NumberOf(label) >= 0)) return labels;
        return [.. Enumerable.Range(0, labels.Max(NumberOf) + 1).Select(number => number.ToString(CultureInfo.InvariantCulture))];
    }

    /// <summary>The class of every label by its number; −1 for one that is none.</summary>
    /// <param name="classes">Names of the classes.</param>
    /// <param name="areOfHead">The names are those of a head, which may be written in capitals that the table does not have.</param>
    public int[] Map(IReadOnlyList<string> classes, bool areOfHead = false)
    {
        var byName = new Dictionary<string, int>(areOfHead && classes.Distinct(StringComparer.OrdinalIgnoreCase).Count() == classes.Count ? StringComparer.OrdinalIgnoreCase : StringComparer.Ordinal);
        for (int i = 0; i < classes.Count; i++) byName.TryAdd(classes[i], i);
        bool takesNumbers = !classes.Any(name => NumberOf(name) >= 0);
        return [.. _labels.Select(label => byName.TryGetValue(label, out int c) ? c : takesNumbers && NumberOf(label) < classes.Count ? NumberOf(label) : -1)];
    }

    /// <summary>What a label could be, for a message.</summary>
    public static string Describe(IReadOnlyList<string> classes) => $"one of {Quoting.QuoteSome([.. classes])}";

    /// <summary>A whole number as it is usually written, below <see cref="MostClasses"/>; −1 for anything else.</summary>
    private static int NumberOf(string label) =>
        int.TryParse(label, NumberStyles.None, CultureInfo.InvariantCulture, out int number) && number < MostClasses && (label.Length == 1 || label[0] != '0') ? number : -1;
}
