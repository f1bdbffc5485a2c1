"""make_exports.py OBJDUMP ADVAPI32 FOLDER: what a double of advapi32.dll needs of Wine's own.

FOLDER/wine_advapi32.dll is a copy of Wine's that counts as a foreign library, and
FOLDER/advapi32.def the list of exports: our own functions, and everything else passed on to it.
"""

import re
import subprocess
import sys
from pathlib import Path

OWN = ("AdjustTokenPrivileges", "AuditFree", "AuditQuerySystemPolicy", "AuditSetSystemPolicy")
# Wine's loader takes a file with this mark at this place for its own, and no copy of it.
MARK, PLACE = b"Wine builtin DLL", 0x40


def main(objdump, library, folder):
    image = bytearray(Path(library).read_bytes())
    if image[PLACE:PLACE + len(MARK)] != MARK:
        sys.exit(f"{library}: not made by a Wine that is known here")
    image[PLACE:PLACE + len(MARK)] = b"A foreign DLL".ljust(len(MARK), b"\0")
    Path(folder, "wine_advapi32.dll").write_bytes(image)

    headers = subprocess.run([objdump, "-p", library], capture_output=True, text=True, check=True).stdout
    table = headers.split("[Ordinal/Name Pointer] Table", 1)[1].split("\n\n", 1)[0]
    names = sorted(set(re.findall(r"^\s*\[ *\d+\] (\w+)$", table, re.M)) - set(OWN))
    if len(names) < 100:
        sys.exit(f"{library}: {len(names)} exports")
    lines = ["LIBRARY advapi32.dll", "EXPORTS", *OWN, *(f"{n} = wine_advapi32.{n}" for n in names)]
    Path(folder, "advapi32.def").write_text("\n".join(lines) + "\n")


if __name__ == "__main__":
    main(*sys.argv[1:])
