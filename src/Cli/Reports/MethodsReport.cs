using MergeEngine.Cli.Terminal;
using MergeEngine.Merging.Recipes.Catalog;

namespace MergeEngine.Cli.Reports;

/// <summary>What <c>merge --list-methods</c> shows.</summary>
internal sealed record MethodsReport(IReadOnlyList<MethodReport> Methods)
{
    public void Print(TextWriter output)
    {
        var table = new TextTable("method", "dialect", "models", "base", "parameters");
        foreach (MethodReport method in Methods)
        {
            IEnumerable<string> parameters = method.Parameters.Select(p => p.Default == "required" ? p.Name : p.Default == "none" ? $"[{p.Name}]" : $"{p.Name}={p.Default}");
            table.Add(method.Method, method.Dialect, method.Models, method.Base, string.Join(' ', parameters));
        }

        table.Write(output);
    }
}

/// <summary>One method in one dialect.</summary>
internal sealed record MethodReport(string Method, string Dialect, string Summary, string Models, string Base, IReadOnlyList<ParameterReport> Parameters)
{
    public static MethodReport From(MethodDescription method) => new(
        method.Name, method.Dialect.ToString().ToLowerInvariant(), method.Summary, method.Models, method.Base.ToString().ToLowerInvariant(),
        [.. method.Shared.Select(p => ParameterReport.From(p, false)), .. method.PerModel.Select(p => ParameterReport.From(p, true))]);
}

/// <summary>One parameter of a method.</summary>
internal sealed record ParameterReport(string Name, bool PerModel, string Range, string Default, string Summary)
{
    public static ParameterReport From(MethodParameter parameter, bool perModel) => new(parameter.Name, perModel, parameter.Range, parameter.DefaultText, parameter.Summary);
}
