"""Who may include whom: the arrows between the modules and the walls around the libraries; and that nothing
starts another program.

    include_test.py ROOT     reads every .h and .cpp of storage/, monitor/ and server/
"""

import re
import sys
import tempfile
from fnmatch import fnmatch
from pathlib import Path

MODULES = ("storage", "monitor", "server")

# Library headers (patterns), and the only files that may include them.
WALLS = [
    (["httplib.h", "httplib/*"], ["server/http_server*", "server/httplib_guard*"]),
    (["SQLiteCpp/*", "sqlite3.h"], ["storage/*.cpp", "storage/*_internal.h"]),
    (["nlohmann/*"], ["server/*.cpp", "server/handlers/*.h", "server/firewall_log/*.h",
                     "monitor/winlog/json_lines*.cpp"]),
    (["pugixml.hpp"], ["monitor/winlog/*.cpp"]),
    (["CLI/*"], ["server/*.cpp"]),
    (["spdlog/*", "fmt/*"], ["server/*.cpp", "storage/*.cpp", "monitor/*.cpp"]),
    (["libdeflate.h", "zlib.h"], ["server/*.cpp", "storage/*.cpp", "monitor/*.cpp"]),
    (["openssl/*"], ["server/*.cpp", "server/openssl_types.h", "storage/sha256_posix.cpp"]),
    (["windows.h"], ["*_windows.cpp", "*_windows.h", "monitor/windows/*", "server/windows/*"]),
    (["winevt.h", "ntsecapi.h", "fwpmu.h"], ["monitor/windows/*"]),
    (["bpf/*"], ["monitor/linux/drop_watch*"]),
    (["linux/*", "libmnl/*"], ["monitor/linux/*", "server/*_posix.cpp"]),
    (
        ["unistd.h", "fcntl.h", "poll.h", "sys/*", "arpa/*", "netinet/*", "winsock2.h", "io.h"],
        ["*_posix.cpp", "*_posix.h", "*_windows.cpp", "monitor/linux/*", "monitor/windows/*"],
    ),
]

# Our headers (patterns), the files the rule is about, the files that may all the same, and why.
ARROWS = [
    (["monitor/*", "server/*"], ["storage/*"], [], "storage knows nobody above it"),
    (["server/*"], ["monitor/*"], [], "monitor knows nobody above it"),
    (
        ["storage/event_store.h", "storage/event_writer.h", "storage/*_internal.h"],
        ["monitor/*"],
        [],
        "a source is handed a function that takes a batch; it never sees the store",
    ),
    (["storage/*_internal.h"], ["server/*"], [], "private to storage"),
    (
        ["monitor/monitor.h", "monitor/sources.h", "monitor/event_source.h", "monitor/event_file.h"],
        ["server/*"],
        ["server/daemon*", "server/config*", "server/import*", "server/commands/*"],
        "handlers and transport see the store only; the daemon, the importers and the options "
        "know both sides",
    ),
]

# A shell, or any program of somebody else's, runs with our rights.
STARTS_PROGRAM = re.compile(
    r"\b(system|_?w?popen|_?w?exec[lv]\w*|_?w?spawn[lv]\w*|posix_spawnp?|v?fork|fexecve|CreateProcess\w*|"
    r"ShellExecute\w*|WinExec)\s*\(")
# nft is started for `blockwatchd firewall-log` by its whole path, with no shell and no environment.
STARTS_NFT = ["server/firewall_log/nft_posix.cpp"]

INCLUDE = re.compile(r'^[ \t]*#[ \t]*include[ \t]*(?:"([^"]+)"|<([^>]+)>)', re.MULTILINE)


def fits(name, patterns):
    return any(fnmatch(name, pattern) for pattern in patterns)


def faults_of(path, text, exists):
    for match in STARTS_PROGRAM.finditer(text) if not fits(path, STARTS_NFT) else ():
        where = f"{path}:{text.count(chr(10), 0, match.start(0)) + 1}"
        yield f"{where}: {match.group(1)}() starts another program"
    for match in INCLUDE.finditer(text):
        ours, library = match.group(1), match.group(2)
        where = f"{path}:{text.count(chr(10), 0, match.start(0)) + 1}"
        if ours is not None:
            if not ours.startswith(MODULES) or not exists(ours):
                yield f'{where}: "{ours}" is not a header of ours named from the root'
            for headers, about, free, why in ARROWS:
                if fits(ours, headers) and fits(path, about) and not fits(path, free):
                    yield f'{where}: must not include "{ours}": {why}'
            continue
        for headers, allowed in WALLS:
            if fits(library, headers) and not fits(path, allowed):
                yield f"{where}: <{library}> belongs into {' '.join(allowed)} only"


def check(root):
    files = [f for m in MODULES for f in sorted((root / m).rglob("*")) if f.suffix in (".h", ".cpp")]
    faults = []
    for file in files:
        path = file.relative_to(root).as_posix()
        faults += faults_of(path, file.read_text(encoding="utf-8"), lambda h: (root / h).is_file())
    return len(files), faults


# (file, line that must be found at fault) and (file, line that is fine).
PLANTED = [
    ("storage/a.cpp", '#include "monitor/event_source.h"'),
    ("storage/a.cpp", '#include "server/http.h"'),
    ("storage/a.h", "#include <SQLiteCpp/Database.h>"),
    ("storage/a.cpp", "#include <nlohmann/json.hpp>"),
    ("monitor/a.cpp", '#include "server/http.h"'),
    ("monitor/a.h", '#include "storage/event_store.h"'),
    ("monitor/winlog/a.cpp", '#  include "storage/event_writer.h"'),
    ("monitor/winlog/a.cpp", "#include <nlohmann/json.hpp>"),
    ("monitor/winlog/a.h", "#include <pugixml.hpp>"),
    ("monitor/evtx/a.cpp", "#include <pugixml.hpp>"),
    ("monitor/evtx/a.cpp", "#include <unistd.h>"),
    ("monitor/a.cpp", "  #include <sqlite3.h>"),
    ("server/handlers/a.cpp", "#include <httplib.h>"),
    ("server/handlers/a.cpp", '#include "monitor/event_source.h"'),
    ("server/handlers/a.cpp", "#include <sys/socket.h>"),
    ("server/a.h", "#include <nlohmann/json.hpp>"),
    ("server/a.cpp", "#include <windows.h>"),
    ("server/a_windows.cpp", "#include <winevt.h>"),
    ("server/a.cpp", '#include "storage/x_internal.h"'),
    ("server/a.cpp", '#include "http.h"'),
    ("server/a_posix.cpp", "const int code = ::system(text);"),
    ("monitor/a.cpp", "FILE* pipe = popen (text);"),
    ("storage/a.cpp", "execvp(name, arguments);"),
    ("server/a_windows.cpp", "::CreateProcessW(name);"),
    ("server/a.cpp", '#include "server/no_such.h"'),
]
INNOCENT = [
    ("storage/a.cpp", "#include <SQLiteCpp/Database.h>"),
    ("storage/a_posix.cpp", "#include <fcntl.h>"),
    ("server/a_windows.cpp", "#include <windows.h>"),
    ("monitor/winlog/json_lines_tree.cpp", "#include <nlohmann/json.hpp>"),
    ("monitor/a.cpp", '#include "storage/event.h"'),
    ("server/http_server_posix.cpp", "#include <httplib.h>"),
    ("server/daemon.cpp", '#include "monitor/event_source.h"'),
    ("server/handlers/a.cpp", '#include "storage/event_store.h"'),
    ("server/a.cpp", "const auto now = system_clock::now(); file_system(now); executed(now);"),
    ("server/a.cpp", "#include <string>\n// text that says #include <httplib.h>"),
]
HEADERS = [
    "storage/event.h", "storage/event_store.h", "storage/event_writer.h", "storage/x_internal.h",
    "monitor/event_source.h", "server/http.h",
]


def prove():
    """Each planted violation is found, by one fault, and no innocent line is."""
    for path, line, expected in [(*p, 1) for p in PLANTED] + [(*p, 0) for p in INNOCENT]:
        with tempfile.TemporaryDirectory() as folder:
            root = Path(folder)
            for name in [*HEADERS, path]:
                (root / name).parent.mkdir(parents=True, exist_ok=True)
                (root / name).write_text("")
            (root / path).write_text(f"#pragma once\n{line}\n")
            _, faults = check(root)
            assert len(faults) == expected, f"{path}: {line}: {faults}"
            assert all(fault.startswith(f"{path}:2:") for fault in faults), faults


def main():
    prove()
    count, faults = check(Path(sys.argv[1]))
    print("\n".join(faults))
    print(f"{count} files, {len(faults)} faults; {len(PLANTED)} planted violations were found")
    return 1 if faults or count == 0 else 0


if __name__ == "__main__":
    sys.exit(main())
