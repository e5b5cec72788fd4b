"""The results as tables, in Markdown that also reads well on a terminal."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from .systems import JAVASCRIPT, SYSTEMS

README = Path(__file__).with_name("README.md")
BEGIN, END = "<!-- begin of results -->", "<!-- end of results -->"
NONE = "–"
UNITS = (("s", 1.0), ("ms", 1e-3), ("µs", 1e-6), ("ns", 1e-9))


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Return a Markdown table, its columns aligned; all but the first to the right."""
    wide = [max(len(row[i]) for row in (head, *rows)) for i in range(len(head))]

    def line(cells: Sequence[str]) -> str:
        aligned = (f"{c:<{w}}" if i == 0 else f"{c:>{w}}" for i, (c, w) in enumerate(zip(cells, wide, strict=True)))
        return f"| {' | '.join(aligned)} |"

    rule = "|".join("-" * (w + 2) if i == 0 else "-" * (w + 1) + ":" for i, w in enumerate(wide))
    return "\n".join([line(head), f"|{rule}|", *map(line, rows)])


def duration(seconds: float) -> str:
    """Return seconds with three digits, in the unit that suits them."""
    unit, size = next((u for u in UNITS if seconds >= u[1]), UNITS[-1])
    return f"{digits(seconds / size)} {unit}"


def digits(number: float) -> str:
    """Return a number with three digits, not fewer than two decimals where it is small."""
    if number == 0:
        return "0"
    if abs(number) >= 100:
        return f"{number:,.0f}"
    if abs(number) >= 10:
        return f"{number:.1f}"
    return f"{number:.2f}" if abs(number) >= 0.1 else f"{number:.3f}" if abs(number) >= 0.01 else f"{number:.4f}"


def spread(quartiles: Sequence[float] | None) -> str:
    """Return a median with its quartiles."""
    if quartiles is None:
        return NONE
    low, middle, high = map(digits, quartiles)
    return middle if low == high else f"{middle} ({low}–{high})"


def in_order(workloads: Sequence[Mapping[str, Any]]) -> list[str]:
    """Return the names of all that took part anywhere: by system, and then by variant."""
    names = dict.fromkeys(name for w in workloads for name in w["entries"])
    systems = [*SYSTEMS, JAVASCRIPT.name]
    return sorted(names, key=lambda name: (systems.index(name.partition(", ")[0]), name))


def overview(results: Mapping[str, Any]) -> str:
    """Return the ratios of all systems on all workloads; the time of the reference in brackets."""
    workloads = results["workloads"]
    rows = []
    for name in in_order(workloads):
        cells = []
        for workload in workloads:
            entry = workload["entries"].get(name)
            if entry is None or entry["ratio"] is None:
                cells.append(NONE)
            elif name == workload["reference"]:
                cells.append(f"1 ({duration(entry['seconds'][1])})")
            else:
                cells.append(digits(entry["ratio"][1]))
        ours = name.startswith("microgd")
        rows.append([f"**{name}**" if ours else name, *(f"**{c}**" if ours and c != NONE else c for c in cells)])
    return table(["", *(w["name"] for w in workloads)], rows)


def details(workload: Mapping[str, Any]) -> str:
    """Return one workload: times and ratios with their quartiles, and who does not take part."""
    count, unit = workload["parts"] or (1, "")
    reference = workload["reference"]
    head = ["", "median", "quartiles", *([f"per {unit}"] if unit else []), f"ratio to {reference} (quartiles)"]
    rows = []
    for name, entry in workload["entries"].items():
        low, middle, high = entry["seconds"]
        per_part = [duration(middle / count)] if unit else []
        rows.append([name, duration(middle), f"{duration(low)} – {duration(high)}", *per_part, spread(entry["ratio"])])
    lines = [f"### ({workload['name']}) {workload['title']}", "", table(head, rows), ""]
    lines.append(f"{workload['rounds']} rounds. " + " ".join(bits_of(workload)))
    lines += [f"- {name}: {reason}" for name, reason in workload["left_out"].items()]
    return "\n".join(lines).rstrip()


def bits_of(workload: Mapping[str, Any]) -> Iterator[str]:
    """Yield a sentence for each pair whose bits were compared."""
    for pair, equal in workload["bits"].items():
        yield f"{pair}, bit for bit." if equal else f"{pair} does NOT hold bit for bit."


def target_table(results: Mapping[str, Any]) -> str:
    """Return the targets, met or not."""
    verdict = {None: "not measured", True: "met", False: "**not met**"}
    rows = [
        [f"{t['target']}: {t['text']}", f"≤ {digits(t['limit'])}", spread(t["figure"]), verdict[t["met"]]]
        for t in results["targets"]
    ]
    return table(["target", "limit", "measured", ""], rows)


def growth_tables(growth: Mapping[str, Any]) -> str:
    """Return how cost grows with nodes, rows and features."""
    parts = []
    for kind, title, per in (
        ("nodes", "time per node of a scalar chain, by the number of nodes", True),
        ("rows", "time of a regression step with 13 features, by the rows in a batch", False),
        ("features", "time of a regression step of 32 rows, by the number of features", False),
    ):
        curves = growth[kind]
        sizes = sorted({int(n) for curve in curves.values() for n in curve})
        rows = []
        for system, curve in curves.items():
            times = {int(n): q[1] / (int(n) if per else 1) for n, q in curve.items()}
            rows.append([system, *(duration(times[n]) if n in times else NONE for n in sizes)])
        parts.append(f"### Growth: {title}\n\n{table(['', *(f'{n:,}' for n in sizes)], rows)}")
    return "\n\n".join(parts)


def memory_table(memory: Mapping[str, Any]) -> str:
    """Return the memory at the peak of the elementwise chains."""
    chains = memory["megabytes"]
    names = dict.fromkeys(name for chain in chains.values() for name in chain)
    rows = [
        [name, *(f"{megabytes:.0f} MB" for chain in chains.values() for megabytes in chain.get(name, ()))]
        for name in names
    ]
    heads = [head for name in chains for head in (f"{name}: whole process", f"{name}: the work alone")]
    left_out = "".join(f"\n- {name}: {reason}" for name, reason in memory["left_out"].items())
    return f"### Peak memory of (f)\n\n{table(['', *heads], rows)}\n{left_out}"


def import_table(imports: Mapping[str, Any]) -> str:
    """Return how long each module takes to import."""
    numpy = imports["seconds"]["numpy"][1]
    ratios = {module: digits(q[1] / numpy) for module, q in imports["seconds"].items()}
    ratios["microgd"] = spread(imports["microgd over numpy"])
    rows = [[f"import {m}", duration(q[1]), ratios[m]] for m, q in imports["seconds"].items()]
    return f"### Import time\n\n{table(['', 'median', 'ratio to NumPy'], rows)}"


def made(results: Mapping[str, Any]) -> str:
    """Return when, where and with what this was measured."""
    m = results["made"]
    versions = ", ".join(f"{name} {number}" for name, number in m["versions"].items())
    kind = "quick run" if m["quick"] else "full run"
    missing = "".join(f" Missing: {name} ({reason})." for name, reason in m["missing"].items())
    return (
        f"Measured {m['date']} on {m['machine']}, {m['cores']} cores of which one is used, {m['platform']}, Python "
        f"{m['python']}; {kind}, {m['seconds']:.0f} s; load average {m['load'][0]:.1f} before and {m['load'][1]:.1f} "
        f"after. {versions}. House prices: {m['houses']}.{missing}"
    )


def sections(results: Mapping[str, Any]) -> Iterator[str]:
    """Yield the whole report, part by part."""
    yield made(results)
    workloads = results["workloads"]
    if workloads:
        legend = "\n".join(f"- ({w['name']}) {w['title']}" for w in workloads)
        references = sorted({f"{w['reference']}" for w in workloads if w["reference"]})
        yield (
            f"### Ratios to {' or '.join(references)}: medians over the rounds, lower is better\n\n"
            f"{overview(results)}\n\n{legend}"
        )
    if results["targets"]:
        yield f"### Targets\n\n{target_table(results)}"
    if "growth" in results:
        yield growth_tables(results["growth"])
    if results.get("memory", {}).get("megabytes"):
        yield memory_table(results["memory"])
    if "import" in results:
        yield import_table(results["import"])
    yield from map(details, workloads)


def as_text(results: Mapping[str, Any]) -> str:
    """Return the whole report."""
    return "\n\n".join(sections(results))


def write_readme(results: Mapping[str, Any]) -> None:
    """Put the report between the markers in the README."""
    text = README.read_text(encoding="utf-8")
    if BEGIN not in text or END not in text:
        raise ValueError(f"{README.name} has no markers {BEGIN} and {END}")
    marked = re.compile(f"{re.escape(BEGIN)}.*{re.escape(END)}", re.DOTALL)
    README.write_text(marked.sub(lambda _: f"{BEGIN}\n{as_text(results)}\n{END}", text), encoding="utf-8")
