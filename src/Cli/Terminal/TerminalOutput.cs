using System.Text;
using Spectre.Console;

namespace MergeEngine.Cli.Terminal;

/// <summary>Standard output or error, where it is a terminal, for Spectre.Console: its size comes from <see cref="TerminalSize"/>, and its encoding is as <see cref="StandardStreams"/> has set it.</summary>
/// <param name="writer">Writes to it.</param>
/// <param name="descriptor">Of <see cref="InheritedStream"/>.</param>
internal sealed class TerminalOutput(TextWriter writer, int descriptor) : IAnsiConsoleOutput
{
    public TextWriter Writer => writer;

    public bool IsTerminal => true;

    public int Width => TerminalSize.Of(descriptor).Columns;

    public int Height => TerminalSize.Of(descriptor).Rows;

    public void SetEncoding(Encoding encoding)
    {
    }
}
