"""Text to learn from: a file of the user's, or the chapters of Python's language reference that `help()` shows."""

import re
from pathlib import Path
from pydoc_data.topics import topics


def read(path=None):
    """The text of a file; without one some 450,000 characters that come with every Python."""
    return Path(path).read_text() if path else "\n\n".join(topics[name] for name in sorted(topics))


def words(text):
    """The text as lower-case words, numbers and marks."""
    return re.findall(r"[a-z]+|[0-9]+|[^\sa-z0-9]", text.lower())


def vocabulary(tokens, least=1):
    """The distinct tokens that occur at least so often, the most frequent first, behind "<unk>" for all others."""
    counts = {}
    for token in tokens:
        counts[token] = counts.get(token, 0) + 1
    return ["<unk>", *sorted((token for token in counts if counts[token] >= least), key=lambda t: (-counts[t], t))]
