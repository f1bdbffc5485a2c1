"""Doubles of Windows' libraries in the system folder of a Wine prefix."""

import os
import shutil
from pathlib import Path


def install_doubles(prefix, *libraries):
    """Another test may have the same file open, or may be doing the same."""
    system32 = Path(prefix) / "drive_c/windows/system32"
    for library in libraries:
        target = system32 / Path(library).name
        new = target.with_suffix(f".{os.getpid()}")
        shutil.copy(library, new)
        os.replace(new, target)
