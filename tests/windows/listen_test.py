"""TLS of blockwatchd.exe under Wine, asked from Linux: listen_test.py RUNNER.

tests/integration/listen_test.py, apart from what Windows has not got.
"""

import importlib.util
import signal
import sys
import unittest
from pathlib import Path

INTEGRATION = Path(__file__).resolve().parent.parent / "integration"
sys.path.insert(0, str(INTEGRATION))
import blockwatch_server  # noqa: E402

blockwatch_server.STOP_SIGNAL = signal.SIGINT
blockwatch_server.SHOWS_TOKEN = True
spec = importlib.util.spec_from_file_location("integration_listen", INTEGRATION / "listen_test.py")
listen_test = importlib.util.module_from_spec(spec)
spec.loader.exec_module(listen_test)


class WindowsListenTest(listen_test.ListenTest):
    MODE_BITS = 0o007  # Wine makes a mode of an access list; administrators are its group
    POLICY_STATUS = 503  # Wine has none

    # There are no socket files.
    test_a_socket_file_beside_a_port = None
    test_a_socket_file_of_a_killed_server_is_taken_over_and_no_other = None

    def test_a_socket_file_is_refused(self):
        self.assertIn("no Unix sockets", self.refused("--listen", "unix:" + self.path("socket")))


if __name__ == "__main__":
    unittest.main(verbosity=2)
