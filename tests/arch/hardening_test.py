"""The program has every protection that compiler and linker offer.

    hardening_test.py PROGRAM COMPILER [fortified]     "fortified": it was built with an optimiser
"""

import os
import re
import subprocess
import sys
import tempfile


def tool(*arguments):
    return subprocess.run(arguments, capture_output=True, text=True, check=True).stdout


def properties(program, fortified):
    head = tool("readelf", "-hW", program)
    segments = tool("readelf", "-lW", program)
    dynamic = tool("readelf", "-dW", program)
    symbols = tool("readelf", "-W", "--dyn-syms", program)
    stack = re.search(r"GNU_STACK.*", segments)
    yield "position independent", "PIE" in dynamic
    yield "read-only after relocation", "GNU_RELRO" in segments and "BIND_NOW" in dynamic
    yield "stack is not executable", stack and not re.search(r"\bRWE\b", stack.group())
    yield "no segment is written and executed", not re.search(r"LOAD.*\bRWE\b", segments)
    yield "no text relocations", "TEXTREL" not in dynamic
    yield "no search path of its own", not re.search(r"\((RPATH|RUNPATH)\)", dynamic)
    yield "stack protector", "__stack_chk_fail" in symbols
    if fortified:
        yield "fortified functions", re.search(r"__\w+_chk\b(?<!stack_chk)", symbols)
    if "X86-64" in head:
        yield "entries marked for CET", "endbr64" in tool("objdump", "-d", "--disassemble=main", program)


def prove(compiler):
    """A program without protections is found out."""
    with tempfile.TemporaryDirectory() as folder:
        source, program = os.path.join(folder, "bare.cpp"), os.path.join(folder, "bare")
        with open(source, "w", encoding="utf-8") as file:
            file.write("int main() {}\n")
        tool(compiler, "-no-pie", "-fno-stack-protector", "-fcf-protection=none", "-o", program, source,
             "-Wl,-z,norelro,-z,lazy,-z,execstack,-rpath,/nowhere")
        missing = {name for name, there in properties(program, True) if not there}
        assert missing >= {"position independent", "read-only after relocation", "stack protector",
                           "stack is not executable", "no search path of its own",
                           "fortified functions"}, missing


def main():
    program, compiler = sys.argv[1:3]
    prove(compiler)
    missing = 0
    for name, there in properties(program, "fortified" in sys.argv[3:]):
        print(f"{'yes' if there else 'MISSING':8}{name}")
        missing += not there
    return 1 if missing else 0


if __name__ == "__main__":
    sys.exit(main())
