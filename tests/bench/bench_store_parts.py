"""Points 2 to 5, 8 and 9: the programs that measure the store, the writer and the JSON from inside."""

import re
import subprocess

from bench_tools import Failed, json_lines, run
from growth_svg import growth_svg, growth_table

PAGE_P50, PAGE_P99 = 0.2, 2.0  # ms


def bench_store(context, rows, *options):
    command = [context.need("bench_store"), "--json", *(["--short"] if context.short else []), *options, str(rows)]
    context.results.command(" ".join(["bench_store", *command[1:]]))
    return json_lines(run(command))


def of_kind(lines, kind):
    """The lines of one kind of question, by the rest of their name."""
    return {name.split(": ", 1)[1]: line for name, line in lines.items() if name.startswith(kind + ":")}


def worst(kinds, key):
    name = max(kinds, key=lambda k: kinds[k][key])
    return kinds[name][key], name


def store(context):
    lines = bench_store(context, context.rows)
    insert, bare = lines["insert"], lines["bare SQLite, the same tables"]
    results = context.results
    rows = f"{insert['rows']:,.0f} rows"
    ratio = insert["rows_per_s"] / bare["rows_per_s"]
    results.add(2, f"store alone: rows/s sustained to {rows}", "", f"{insert['rows_per_s']:,.0f} rows/s", None,
                f"first million {insert['first_rows_per_s']:,.0f}, last {insert['last_rows_per_s']:,.0f}, "
                f"slowest transaction {insert['worst_batch_ms']:.0f} ms")
    results.add(2, "store alone over bare SQLite, same rows, same schema", ">= 0.85", f"{ratio:.2f}", ratio >= 0.85,
                f"bare {bare['rows_per_s']:,.0f} events/s, {bare['tables']:.0f} tables")
    plain = lines["bare SQLite, one plain table"]
    results.add(2, "store alone over bare SQLite with one plain table, 4 indexes", "",
                f"{insert['rows_per_s'] / plain['rows_per_s']:.2f}", None,
                f"plain {plain['rows_per_s']:,.0f} rows/s, {plain['bytes_per_row']:.0f} bytes a row without raw values")
    memory = lines["memory while inserting"]
    results.add(2, "store alone: resident memory after the first and the last million", "< 200 MB, flat",
                f"{memory['first_mb']:.0f} MB, {memory['last_mb']:.0f} MB",
                memory["last_mb"] < 200 and memory["last_mb"] <= 1.2 * memory["first_mb"] + 5,
                "with the generator's batch of 10,000 events")
    space = lines["space"]["bytes_per_row"]
    results.add(3, f"traffic of a month: bytes a row at {rows}", "<= 110", f"{space:.1f}", space <= 110,
                "13 recorded fields an event")
    queries(context, lines)
    context.growth[int(insert["rows"])] = lines


def queries(context, lines):
    results = context.results

    def told(kind, what, limits):
        """limits: {"p50_ms": ..., "p99_ms": ...} that every kind of question has to keep."""
        kinds = of_kind(lines, kind)
        figures = {key: worst(kinds, key) for key in ("p50_ms", "p99_ms", "max_ms")}
        kept = [name for name, line in kinds.items() if all(line[k] < v for k, v in limits.items())]
        target = ", ".join(f"{k.removesuffix('_ms')} < {v:g} ms" for k, v in limits.items())
        measured = ", ".join(f"{k.removesuffix('_ms')} {figures[k][0]:.3f} ms" for k in limits)
        worst_names = sorted({figures[k][1] for k in limits})
        spread = f"{len(kept)} of {len(kinds)} kinds keep it; worst: {'; '.join(worst_names)}"
        if "max_ms" not in limits:
            spread += f"; slowest single answer {figures['max_ms'][0]:.1f} ms"
        results.add(5, what, target, measured, len(kept) == len(kinds), spread)

    page = {"p50_ms": PAGE_P50, "p99_ms": PAGE_P99}
    told("page", "page of 100, no filter", page)
    told("page, one filter", "page of 100, any single filter (worst)", page)
    told("page, two filters", "page of 100, pairs of filters (worst)", page)
    depth = of_kind(lines, "page, depth")
    first, last = depth["1 to 10"], depth["991 to 1000"]
    ratio = last["p50_ms"] / first["p50_ms"]
    results.add(5, "page 1,000 over page 1", "<= 1.2x", f"{ratio:.2f}x", ratio <= 1.2,
                f"p50 {first['p50_ms']:.3f} ms and {last['p50_ms']:.3f} ms, p99 {last['p99_ms']:.3f} ms")
    told("page, three filters", "rare conjunction of three filters", {"max_ms": 100})
    for what in ("top", "timeline"):
        told(f"{what}, no filter", f"stats/{what}, no filter (worst)", {"p99_ms": 2})
        told(f"{what}, one filter, asked again", f"stats/{what}, one filter, asked again as rows arrive (worst)",
             {"p99_ms": 2})
        told(f"{what}, one filter, first time", f"stats/{what}, one filter, first time (worst)", {"max_ms": 100})
        told(f"{what}, three filters, first time", f"stats/{what}, any filters, first time (worst)", {"max_ms": 100})
    told("count", "count=exact, no filter", {"p99_ms": 50})
    for filters in ("one filter", "two filters", "three filters"):
        told(f"count, {filters}", f"count=exact, {filters} (worst)", {"p99_ms": 50})
    deadline = lines["deadline of 1 ms"]
    kept = deadline["usable_after"] == 1 and deadline["max_ms"] < 100
    results.add(5, "over a deadline of 1 ms: refused within 100 ms, reader usable", "refused, usable",
                f"{deadline['refused']:.0f} of {deadline['asked']:.0f} refused",
                kept if deadline["refused"] else None,  # nothing took so long: nothing was shown
                f"after {deadline['p50_ms']:.1f} ms, at most {deadline['max_ms']:.1f} ms")
    refused = lines["refused at the default deadline"]["count"]
    results.add(5, "questions refused at the default deadline of 5 s", "0", f"{refused:.0f}", refused == 0)
    table = ["| question | p50 ms | p99 ms | max ms | runs | rows |", "|---|---|---|---|---|---|"]
    asked = {name: q for name, q in lines.items() if name.startswith(("page", "top", "timeline", "count"))}
    table += [f"| {name} | {q['p50_ms']:.3f} | {q['p99_ms']:.3f} | {q['max_ms']:.3f} | {q['runs']:.0f} "
              f"| {q['rows']:.0f} |" for name, q in asked.items()]
    results.text("Every kind of question", "Inside the program, another value in each run, drawn as the traffic draws "
                 "them; rows: mean of what the answers hold or count. Warm: the file is in the page cache and the reader "
                 "has answered before. First time: nothing is remembered of any answer. Asked again: the same question "
                 "was answered before, and 100 rows were stored since.\n\n" + "\n".join(table))


def live(context):
    command = [context.need("bench_live"), "--json", *(["--short"] if context.short else [])]
    context.results.command(" ".join(["bench_live", *command[1:]]))
    lines = json_lines(run(command))
    about, commit, wake = lines["live"], lines["live: arrival to commit"], lines["live: arrival to a waiting stream"]
    results = context.results
    results.add(4, f"{about['events_per_s']:,.0f} events/s for {about['seconds']:.0f} s: arrival to commit",
                "p99 < 20 ms", f"p99 {commit['p99_ms']:.1f} ms", commit["p99_ms"] < 20,
                f"p50 {commit['p50_ms']:.2f} ms, max {commit['max_ms']:.1f} ms, {about['commits']:.0f} commits, "
                f"{about['stored_before']:,.0f} rows before")
    results.add(4, "arrival to a stream that waits in the program", "p99 < 50 ms", f"p99 {wake['p99_ms']:.1f} ms",
                wake["p99_ms"] < 50, f"p50 {wake['p50_ms']:.2f} ms, max {wake['max_ms']:.1f} ms")
    results.add(4, "processor while live", "", f"{100 * about['cpu_share']:.0f} % of a core", None,
                f"with the generator; {about['resident_mb']:.0f} MB resident")


def verbatim(context, name, title, *options):
    """Runs a program that judges itself, and gives its words."""
    program = context.program(name)
    if not program:
        return None
    command = [program, *(["--short"] if context.short else []), *options]
    context.results.command(" ".join([name, *command[1:]]))
    done = subprocess.run(command, capture_output=True, text=True)
    context.results.text(title, f"```\n{(done.stdout + done.stderr).rstrip()}\n```")
    if done.returncode != 0:
        raise Failed(f"{name} ended with {done.returncode}: {(done.stderr or done.stdout)[-300:]}")
    return done.stdout


def json_writer(context):
    output = verbatim(context, "bench_json", "bench_json, in its own words")
    if output is None:
        context.results.not_measured(8, "fast writer over nlohmann", ">= 15x", "bench_json is not built")
        return
    ratio = re.search(r"([\d.]+) times as long", output)
    if not ratio:
        raise Failed(f"bench_json: {output[-300:]}")
    times = float(ratio.group(1))
    context.results.add(8, "events as JSON: nlohmann's time over ours", ">= 15x", f"{times:.1f}x", times >= 15,
                        "medians; the bytes are the same")


def scan_program(context):
    verbatim(context, "bench_scan", "bench_scan, in its own words")


def growth(context):
    measured = context.growth
    for rows in (context.rows // 10, context.rows, context.rows * 5):
        if rows not in measured:
            lines = bench_store(context, rows, "--no-bare")
            measured[int(lines["insert"]["rows"])] = lines
    sizes = sorted(measured)
    series = {
        "insert, ms per 1,000 rows": [1e6 / measured[n]["insert"]["last_rows_per_s"] for n in sizes],
        "page, no filter, p50": [measured[n]["page: no filter"]["p50_ms"] for n in sizes],
        "page, one filter, worst p99": [worst(of_kind(measured[n], "page, one filter"), "p99_ms")[0] for n in sizes],
        "page, three filters, worst p99": [worst(of_kind(measured[n], "page, three filters"), "p99_ms")[0]
                                           for n in sizes],
        "top, no filter, worst p50": [worst(of_kind(measured[n], "top, no filter"), "p50_ms")[0] for n in sizes],
        "timeline, no filter, worst p50": [worst(of_kind(measured[n], "timeline, no filter"), "p50_ms")[0]
                                           for n in sizes],
        "count, one filter, worst p99": [worst(of_kind(measured[n], "count, one filter"), "p99_ms")[0] for n in sizes],
    }
    space = [measured[n]["space"]["bytes_per_row"] for n in sizes]
    results = context.results
    for name, values in series.items():
        results.add(9, f"{name}, ms at {', '.join(f'{n:,}' for n in sizes)} rows", "",
                    ", ".join(f"{v:.3g}" for v in values), None, f"{values[-1] / values[0]:.1f}x from first to last")
    with open(context.svg, "w", encoding="utf-8") as out:
        out.write(growth_svg(sizes, series))
    results.text("Growth, as a table", growth_table(sizes, series, space) + "\n\n![Cost against rows](growth.svg)")
