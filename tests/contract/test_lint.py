"""Spectral and Redocly find nothing in the contract, and do find a planted fault."""

import subprocess
import tempfile
import unittest
from pathlib import Path

from tools import CONTRACT, ENVIRONMENT, REDOCLY, SPECTRAL


def run(command, folder):
    return subprocess.run(command, cwd=folder, env=ENVIRONMENT, timeout=120, text=True,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT)


SPECTRAL_LINT = [*SPECTRAL, "lint", "openapi.yaml", "-r", ".spectral.yaml", "--fail-severity=hint"]
REDOCLY_LINT = [*REDOCLY, "lint", "openapi.yaml", "--config", "redocly.yaml"]


class Lint(unittest.TestCase):
    def test_spectral_is_silent(self):
        done = run(SPECTRAL_LINT, CONTRACT.parent)
        self.assertEqual(done.returncode, 0, done.stdout)

    def test_redocly_strict_is_silent(self):
        done = run(REDOCLY_LINT, CONTRACT.parent)
        self.assertEqual(done.returncode, 0, done.stdout)
        self.assertNotIn("Warning was generated", done.stdout)

    def test_both_find_a_planted_fault(self):
        with tempfile.TemporaryDirectory() as folder:
            for name in (".spectral.yaml", "redocly.yaml", ".redocly.lint-ignore.yaml"):
                (Path(folder) / name).write_bytes((CONTRACT.parent / name).read_bytes())
            planted = CONTRACT.read_text(encoding="utf-8").replace("operationId: get_status", "operationId: get_event")
            (Path(folder) / "openapi.yaml").write_text(planted, encoding="utf-8")
            for command in (SPECTRAL_LINT, REDOCLY_LINT):
                self.assertNotEqual(run(command, folder).returncode, 0, command)


if __name__ == "__main__":
    unittest.main()
