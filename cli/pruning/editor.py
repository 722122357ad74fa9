"""Editing of a text in the editor of the user."""

from __future__ import annotations

import os
import shlex
import subprocess
import tempfile
from pathlib import Path

from cachedb.errors import InvalidInput, StorageFailed

_DEFAULT = "vi"


def edited(text: str, suffix: str) -> str:
    """Return a text after the user has changed it in $VISUAL or $EDITOR.

    Raises:
        InvalidInput: The editor cannot be started or fails, or the text is not UTF-8.
    """
    editor = os.environ.get("VISUAL") or os.environ.get("EDITOR") or _DEFAULT
    with tempfile.TemporaryDirectory(prefix="cachedb-") as folder:
        path = Path(folder, f"policy{suffix}")
        path.write_text(text, encoding="utf-8")
        try:
            # The user's own setting, with arguments as a shell splits them, and no shell.
            done = subprocess.run([*shlex.split(editor), str(path)], check=False)  # noqa: S603
            if done.returncode:
                raise InvalidInput(f"{editor!r} ended with {done.returncode}; nothing was changed")
            return path.read_text(encoding="utf-8")
        except UnicodeDecodeError as error:
            raise InvalidInput(f"the edited text is not UTF-8: {error}") from error
        except (OSError, ValueError) as error:
            hint = "EDITOR=nano cachedb policy edit, or cachedb policy edit FILE"
            if isinstance(error, OSError):
                failed = StorageFailed.of(error, f"start the editor {editor!r}")
                failed.hint = hint
                raise failed from error
            raise InvalidInput(f"invalid editor {editor!r}: {error}", hint=hint) from error
