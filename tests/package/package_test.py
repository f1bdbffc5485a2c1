"""The Debian package without installing it: what is in it, its unit, its manual page, its completion."""

import os
import re
import shutil
import subprocess
import sys
import tempfile
import unittest

PROGRAM, SOURCE, BUILD = sys.argv[1:4]
del sys.argv[1:4]
LINUX = os.path.join(SOURCE, "server", "linux")


def run(*words, **options):
    return subprocess.run(words, capture_output=True, text=True, timeout=300, check=True, **options).stdout


def helps():
    """The help of the program, of each command and of each command's commands."""
    texts = {}

    def visit(words):
        texts[words] = run(PROGRAM, *words, "--help")
        for name in re.findall(r"^  ([a-z-]+)  +\S", texts[words].partition("Subcommands:")[2], re.MULTILINE):
            visit((*words, name))

    visit(())
    return texts


class PackageTest(unittest.TestCase):
    def test_the_unit_is_hardened(self):
        if not shutil.which("systemd-analyze"):
            self.skipTest("systemd-analyze is not installed")
        # 20 is an exposure of 2.0.
        unit = os.path.join(LINUX, "blockwatch.service")
        run("systemd-analyze", "security", "--offline=yes", "--threshold=20", "--no-pager", unit)

    def test_the_manual_page_tells_every_command_and_option_of_the_server(self):
        with open(os.path.join(LINUX, "blockwatchd.8"), encoding="utf-8") as file:
            page = file.read().replace("\\-", "-")
        texts = helps()
        for words, text in texts.items():
            for word in words:
                self.assertIn(word, page)
            if words in ((), ("serve",)):
                for option in re.findall(r"--[a-z-]+", text.partition("Subcommands:")[0]):
                    if option not in ("--help", "--version"):
                        self.assertIn(option, page)
        if shutil.which("groff"):
            faults = subprocess.run(["groff", "-man", "-ww", "-z", "-Tutf8", os.path.join(LINUX, "blockwatchd.8")],
                                    capture_output=True, text=True, timeout=60, check=True).stderr
            self.assertEqual(faults, "")

    def complete(self, *words):
        # The program goes by its name, as on a system where it is installed.
        script = f"""source {os.path.join(LINUX, 'blockwatchd.bash')}
        COMP_WORDS=(blockwatchd "$@"); COMP_CWORD=$#; compopt() {{ :; }}
        _blockwatchd; printf '%s\\n' "${{COMPREPLY[@]}}\""""
        environment = {**os.environ, "PATH": os.path.dirname(PROGRAM) + os.pathsep + os.environ["PATH"]}
        return run("bash", "-c", script, "bash", *words, env=environment).split()

    def test_tab_completes_commands_options_and_values(self):
        self.assertEqual(self.complete("fi"), ["firewall-log"])
        self.assertIn("enable", self.complete("firewall-log", ""))
        self.assertIn("--apply", self.complete("firewall-log", "enable", "--"))
        self.assertIn("--max-db-size", self.complete("--max"))
        self.assertIn("--preset", self.complete("audit", "set", "--"))
        self.assertEqual(self.complete("audit", "set", "--preset", "pa"), ["packets"])
        self.assertEqual(self.complete("query", "remote_p"), ["remote_port="])

    def test_tab_knows_every_filter(self):
        with open(os.path.join(LINUX, "blockwatchd.bash"), encoding="utf-8") as file:
            known = set(re.search(r'_blockwatchd_filters="([^"]+)"', file.read())[1].split())
        with open(os.path.join(SOURCE, "openapi", "openapi.yaml"), encoding="utf-8") as file:
            contract = set(re.findall(r"\bname: ([a-z_]+)", file.read()))
        self.assertLessEqual(known, contract)
        self.assertLessEqual({"direction", "remote_port", "filter_name", "q", "since"}, known)

    def test_the_package_holds_what_it_should(self):
        folder = tempfile.mkdtemp(prefix="blockwatch-deb-")
        self.addCleanup(shutil.rmtree, folder)
        run("cpack", "--config", os.path.join(BUILD, "CPackConfig.cmake"), "-B", folder)
        packages = [name for name in os.listdir(folder) if name.endswith(".deb")]
        self.assertEqual(len(packages), 1)
        package = os.path.join(folder, packages[0])
        files = {line.split()[5]: line.split()[0] for line in run("dpkg-deb", "--contents", package).splitlines()}
        for name in ("./usr/bin/blockwatchd", "./usr/lib/systemd/system/blockwatch.service",
                     "./etc/blockwatch/blockwatchd.json", "./usr/share/man/man8/blockwatchd.8.gz",
                     "./usr/share/bash-completion/completions/blockwatchd", "./usr/share/doc/blockwatch/copyright"):
            self.assertIn(name, files)
        self.assertEqual([name for name, mode in files.items() if "s" in mode or mode[8] == "w"], [])
        about = run("dpkg-deb", "--field", package)
        self.assertIn("libsqlite3-0", about)
        self.assertIn("Package: blockwatch\n", about)
        control = run("dpkg-deb", "--ctrl-tarfile", package, encoding="latin-1")
        self.assertIn("conffiles", control)


if __name__ == "__main__":
    unittest.main(verbosity=2)
