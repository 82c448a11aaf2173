using MergeEngine.Models.Datasets;
using MergeEngine.Models.Encoders;
using MergeEngine.Tensors.Safetensors;

namespace MergeEngine.Models.Training;

/// <summary>
/// Which row of a head a class of the data is. Tensors name no classes, so that a head whose rows are in another order scores badly without any
/// fault; where the names of both are known they decide, and where they are not, what can be told is.
/// </summary>
public static class HeadRows
{
    /// <summary>Data whose labels are rows of the head.</summary>
    /// <param name="data">The samples; classes that are numbers are rows as they stand.</param>
    /// <param name="head">What they are for.</param>
    /// <param name="remark">What people should know of it, as a sentence; null for nothing.</param>
    /// <returns>The data itself, or with other labels where every class is a row of another number.</returns>
    /// <exception cref="ModelException">Some classes are rows of other numbers, and others are none.</exception>
    public static Dataset Match(Dataset data, ClassificationHead head, out string? remark)
    {
        ArgumentNullException.ThrowIfNull(data);
        ArgumentNullException.ThrowIfNull(head);
        remark = null;
        if (ClassNames.AreNumbers(data.Classes)) return data;
        if (head.ClassNames is not { } names || ClassNames.AreNumbers(names))
        {
            if (data.Classes.Count != head.Classes) remark = $"The head has {Counting.Of(head.Classes, "row")} without names for {Counting.Of(data.Classes.Count, "class", "classes")} of the data: a label may be another row than the one that was trained for it.";
            return data;
        }

        int[] rows = [.. data.Classes.Select(name => IndexOf(names, name))];
        int other = Array.IndexOf(rows, -1), moved = Enumerable.Range(0, rows.Length).FirstOrDefault(i => rows[i] >= 0 && rows[i] != i, -1);
        if (other < 0 && moved < 0) return data;
        if (moved < 0)
        {
            string row = other < names.Count ? $"row {other} of the head is {Quoting.Quote(names[other])}" : $"the head has {Counting.Of(names.Count, "row")}";
            remark = $"Class {other} of the data is {Quoting.Quote(data.Classes[other])}, but {row}; labels are taken for rows as they stand.";
            return data;
        }

        string found = $"class {moved} of the data, {Quoting.Quote(data.Classes[moved])}, is row {rows[moved]} of the head";
        if (other >= 0) throw new ModelException($"{data.Source}: {found}, but {Quoting.Quote(data.Classes[other])} is none of its rows, expected all of its classes there or the same order.");
        if (rows.Distinct().Count() < rows.Length) throw new ModelException($"{data.Source}: {found}, and another one is too, expected names that differ in more than capitals.");
        remark = $"Labels are matched with the head's rows by name: {found}.";
        return data.WithRows(names, rows);
    }

    /// <summary>The row of a name as it stands, else of one that differs in capitals alone; −1 for none.</summary>
    private static int IndexOf(IReadOnlyList<string> names, string name)
    {
        int alike = -1;
        for (int i = 0; i < names.Count; i++)
        {
            if (names[i] == name) return i;
            if (alike < 0 && string.Equals(names[i], name, StringComparison.OrdinalIgnoreCase)) alike = i;
        }

        return alike;
    }
}
