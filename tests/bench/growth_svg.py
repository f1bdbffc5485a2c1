"""Cost against the number of rows: a table with a look at a billion rows, and a small SVG plot."""

import math

WIDTH, HEIGHT, LEFT, TOP, RIGHT, BOTTOM = 860, 420, 70, 20, 270, 50
# Told apart on white and on black, also by people who see few colours.
COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#b8860b", "#56a0d3", "#8a6fd1")
BILLION = 1_000_000_000


def at_a_billion(sizes, values):
    """On paper: the line through the last two sizes on logarithmic axes, never falling."""
    if len(sizes) < 2 or min(values[-2:]) <= 0:
        return values[-1]
    slope = math.log(values[-1] / values[-2]) / math.log(sizes[-1] / sizes[-2])
    return values[-1] * (BILLION / sizes[-1]) ** max(slope, 0)


def growth_table(sizes, series, space):
    head = ["cost in ms", *(f"{n:,} rows" for n in sizes), "1,000,000,000 rows, on paper"]
    rows = [[name, *(f"{v:.3g}" for v in values), f"{at_a_billion(sizes, values):.3g}"]
            for name, values in series.items()]
    rows.append(["bytes a row", *(f"{v:.1f}" for v in space), f"{space[-1]:.1f}"])
    rows.append(["file", *(f"{n * v / 1e9:.2f} GB" for n, v in zip(sizes, space)), f"{space[-1]:.0f} GB"])
    lines = [" | ".join(row).join(("| ", " |")) for row in ([head, ["---"] * len(head)] + rows)]
    hours = at_a_billion(sizes, next(iter(series.values()))) * BILLION / 1000 / 3.6e6
    return ("\n".join(lines) + "\n\nOn paper: the line through the last two sizes goes on. A billion rows would then "
            f"take a file of {space[-1]:.0f} GB and at most {hours:.1f} hours to import; what grows with the rows in "
            "this table is what would have to be divided, by time, into several files.")


def label(value):
    if value >= 1e6:
        return f"{value / 1e6:g} M"
    if value >= 1e3:
        return f"{value / 1e3:g} k"
    return f"{value:g}"


def text(x, y, words, anchor="start"):
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}">{words}</text>'


def growth_svg(sizes, series):
    every = [max(v, 1e-4) for values in series.values() for v in values]
    low, high = math.floor(math.log10(min(every))), math.ceil(math.log10(max(every)))
    high = max(high, low + 1)
    first, last = math.log10(sizes[0]), math.log10(max(sizes[-1], sizes[0] + 1))

    def x(rows):
        return LEFT + (math.log10(rows) - first) / (last - first) * (WIDTH - LEFT - RIGHT)

    def y(ms):
        return TOP + (high - math.log10(max(ms, 1e-4))) / (high - low) * (HEIGHT - TOP - BOTTOM)

    parts = [f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" role="img" '
             'aria-label="Cost in milliseconds against the number of rows, both logarithmic">',
             # Text and grid take a grey that is readable on white and on black.
             "<style>text{font:13px sans-serif;fill:#777}.grid{stroke:#888;stroke-opacity:.35}"
             "polyline{fill:none;stroke-width:2.5}"
             "@media(prefers-color-scheme:dark){text{fill:#bbb}}"
             "@media(prefers-color-scheme:light){text{fill:#333}}</style>"]
    for power in range(low, high + 1):
        at = y(10.0 ** power)
        parts.append(f'<line class="grid" x1="{LEFT}" y1="{at:.1f}" x2="{WIDTH - RIGHT}" y2="{at:.1f}"/>')
        parts.append(text(LEFT - 8, at + 4, label(10.0 ** power), "end"))
    for rows in sizes:
        parts.append(f'<line class="grid" x1="{x(rows):.1f}" y1="{TOP}" x2="{x(rows):.1f}" y2="{HEIGHT - BOTTOM}"/>')
        parts.append(text(x(rows), HEIGHT - BOTTOM + 20, label(rows), "middle"))
    parts.append(text((LEFT + WIDTH - RIGHT) / 2, HEIGHT - 8, "rows in the store", "middle"))
    parts.append(f'<g transform="translate(16 {(TOP + HEIGHT - BOTTOM) / 2:.0f}) rotate(-90)">'
                 + text(0, 0, "milliseconds", "middle") + "</g>")
    # The names stand beside the lines' ends, moved apart where they would cover each other.
    ends, below = [], 0.0
    for (name, values), colour in sorted(zip(series.items(), COLOURS), key=lambda item: y(item[0][1][-1])):
        below = max(y(values[-1]) + 4, below + 17)
        ends.append((name, values, colour, below))
    for name, values, colour, at in ends:
        points = " ".join(f"{x(n):.1f},{y(v):.1f}" for n, v in zip(sizes, values))
        parts.append(f'<polyline points="{points}" stroke="{colour}"/>')
        parts += [f'<circle cx="{x(n):.1f}" cy="{y(v):.1f}" r="3.5" fill="{colour}"/>'
                  for n, v in zip(sizes, values)]
        parts.append(f'<line x1="{WIDTH - RIGHT + 6}" y1="{y(values[-1]):.1f}" x2="{WIDTH - RIGHT + 26}" '
                     f'y2="{at - 4:.1f}" stroke="{colour}"/>')
        parts.append(text(WIDTH - RIGHT + 30, at, name))
    return "\n".join(parts) + "\n</svg>\n"
