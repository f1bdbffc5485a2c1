"""tests/soak/run: the parts one after the other; the exit code tells whether every bar was met."""

import sys
import time

import cuts
import damage
import faults
import kills

PARTS = {"kills": kills.run, "cuts": cuts.run, "faults": faults.run, "damage": damage.run}


def main(words):
    long_form = "long" in words
    names = [w for w in words if w not in ("short", "long")]
    unknown = [n for n in names if n not in PARTS]
    if unknown:
        print(f"unknown part {unknown[0]}: one of {', '.join(PARTS)}", file=sys.stderr)
        return 2
    met = True
    for name in names or PARTS:
        begun = time.monotonic()
        for counts in PARTS[name](long_form):
            met = counts.report() and met
        print(f"{name}: {time.monotonic() - begun:.0f} s", flush=True)
    return 0 if met else 1


sys.exit(main(sys.argv[1:]))
