"""Tables and figures as text."""

from __future__ import annotations

from collections.abc import Sequence


def table(head: Sequence[str], rows: Sequence[Sequence[str]], left: int = 1) -> str:
    """Columns under a line; the first `left` of them and texts that are no numbers lean to the left."""
    columns = list(zip(head, *rows, strict=True))
    widths = [max(map(len, column)) for column in columns]
    leans = [place < left or any(len(cell) > 24 for cell in column) for place, column in enumerate(columns)]

    def line(cells: Sequence[str]) -> str:
        padded = [f"{c:<{w}}" if lean else f"{c:>{w}}" for c, w, lean in zip(cells, widths, leans, strict=True)]
        return "  ".join(padded).rstrip()

    return "\n".join([line(head), "─" * (sum(widths) + 2 * (len(widths) - 1)), *map(line, rows)])


def time_text(seconds: float) -> str:
    """A duration for people."""
    if seconds < 1e-3:
        return f"{seconds * 1e6:.1f} us"
    return f"{seconds * 1e3:.3f} ms" if seconds < 1 else f"{seconds:.3f} s"
