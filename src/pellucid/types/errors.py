"""The errors a user can cause, and the words they are told in."""

from __future__ import annotations

import difflib
from collections.abc import Iterable


class InputError(ValueError):
    """A user's mistake. The message is one line: what was expected, what came, where, and what to do.

    The command line prints it without a traceback and exits with status 2.
    """


class UnknownNameError(InputError, KeyError):
    """A name that is not in a registry. It is a `KeyError` too, so that `Mapping.get` works."""

    __str__ = ValueError.__str__  # KeyError would print the message in quotes


def in_words(error: Exception) -> str:
    """What an error says, in one line: of a file that cannot be read or written which one it is, and why."""
    if isinstance(error, OSError) and error.filename and error.strerror:
        known = {
            FileNotFoundError: "no such file or folder",
            IsADirectoryError: "it is a folder, where a file is expected",
        }
        return f"{error.filename}: {known.get(type(error), error.strerror.lower())}"
    return " ".join(str(error).split())


def unknown_name(
    kind: str, name: str, names: Iterable[str], *, shown_by: str = "pellucid list"
) -> UnknownNameError:
    """The error for a name that does not exist, offering the closest ones that do, or the command that shows
    them all.
    """
    known = sorted(names)
    close = difflib.get_close_matches(name.lower(), known, n=3, cutoff=0.5)
    if close:
        hint = "did you mean " + " or ".join(repr(other) for other in close) + "?"
    elif len(known) <= 12:
        hint = "there are: " + ", ".join(known) + "."
    else:
        hint = f"there are {len(known)}, which `{shown_by}` shows."
    return UnknownNameError(f"no {kind} is called {name!r}; {hint}")
