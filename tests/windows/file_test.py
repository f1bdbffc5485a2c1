"""The shipped file itself: file_test.py PROGRAM OBJDUMP VERSION."""

import re
import subprocess
import sys
import unittest

PROGRAM, OBJDUMP, VERSION = sys.argv[1:4]
del sys.argv[1:4]

# Windows takes these from its own folder whatever lies beside the program ("known DLLs"). Another one might be planted
# there: load it with system_function().
KNOWN_DLLS = {"advapi32.dll", "kernel32.dll", "msvcrt.dll", "user32.dll", "ws2_32.dll"}


class FileTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.headers = subprocess.run([OBJDUMP, "-p", PROGRAM], capture_output=True, text=True,
                                     check=True).stdout
        with open(PROGRAM, "rb") as file:
            cls.bytes = file.read()

    def test_nothing_but_known_dlls_is_loaded_with_it(self):
        imports = {name.lower() for name in re.findall(r"DLL Name: (\S+)", self.headers)}
        print("imports:", " ".join(sorted(imports)))
        self.assertLessEqual(imports, KNOWN_DLLS)

    def test_memory_protection_is_on(self):
        for flag in ("HIGH_ENTROPY_VA", "DYNAMIC_BASE", "NX_COMPAT"):
            self.assertRegex(self.headers, rf"(?m)^\s+{flag}$")

    def test_its_addresses_can_be_moved(self):
        self.assertRegex(self.headers, r"Entry 5 [0-9a-f]*[1-9a-f][0-9a-f]* .*Base Relocation")

    def test_its_time_is_not_that_of_the_build(self):
        self.assertRegex(self.headers, r"Time/Date\s+Thu Jan  1 00:00:00 1970")

    def test_it_names_no_folder_of_the_machine_that_built_it(self):
        self.assertNotIn(__file__.rsplit("/tests/", 1)[0].encode() + b"/", self.bytes)

    def test_its_resources_say_what_it_is(self):
        version = VERSION.encode("utf-16-le")
        self.assertIn("ProductVersion".encode("utf-16-le") + b"\0\0", self.bytes)
        self.assertIn(version, self.bytes)
        for setting in (b">UTF-8</activeCodePage>", b">true</longPathAware>", b'level="asInvoker"'):
            self.assertIn(setting, self.bytes)


if __name__ == "__main__":
    unittest.main(verbosity=2)
