"""The results as one picture: ratios on each workload, and how cost grows."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from .report import duration
from .systems import COMPILED, JAVASCRIPT, MICROGD, SYSTEMS

INK, FAINT, PAPER = "#22292e", "#d9dee2", "#ffffff"
GOOD = "#f3f7f4"  # the side on which it is faster than the reference
COLOURS = {name: system.colour for name, system in SYSTEMS.items()} | {JAVASCRIPT.name: JAVASCRIPT.colour}
MARKERS = {MICROGD: "o", COMPILED: "D"}
TITLES = {
    "a": "book example, scalars",
    "b": "2-16-16-1, all scalars",
    "c": "regression 32 × 13",
    "c by hand": "… update by hand",
    "d": "regression 506 × 13",
    "d by hand": "… update by hand",
    "e": "network 784-128-64-10",
    "f": "20 operations on 1e6",
    "f tanh": "… with tanh",
    "g": "100,000 scalar nodes",
    "second order": "second derivative",
    "houses": "house prices, fit",
}
OTHER_FORM = "hollow: sumprod, wasm"
LINES = 9.5  # the least size of letters


def draw(results: Mapping[str, Any], path: Path) -> None:
    """Write the picture to a file."""
    try:
        import matplotlib
    except ImportError:
        print(f"no picture: matplotlib is not installed ({path.name} is not written)")
        return
    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    with plt.rc_context(
        {
            "font.size": LINES,
            "axes.edgecolor": FAINT,
            "axes.labelcolor": INK,
            "text.color": INK,
            "xtick.color": INK,
            "ytick.color": INK,
            "axes.spines.top": False,
            "axes.spines.right": False,
            "figure.facecolor": PAPER,
        }
    ):
        growth = results.get("growth")
        figure = plt.figure(figsize=(14 if growth else 9.5, 8.6), layout="constrained")
        if growth:
            left, right = figure.subfigures(1, 2, width_ratios=(1.75, 1.0), wspace=0.04)
            curves(right, growth)
        else:
            left = figure
        ratios(left, results["workloads"])
        figure.savefig(path, dpi=130)
        plt.close(figure)


def ratios(figure: Any, workloads: list[Mapping[str, Any]]) -> None:
    """Draw a line a workload, a mark a system: where it stands beside the reference, with its quartiles."""
    axes = figure.subplots()
    workloads = [w for w in workloads if w["reference"]]
    axes.axvspan(1e-6, 1.0, color=GOOD, zorder=0, linewidth=0)
    axes.axvline(1.0, color=COLOURS["torch eager"], linewidth=1.2, zorder=1)
    named: dict[str, Any] = {}
    values = []
    for row, workload in enumerate(workloads):
        axes.axhline(row, color=FAINT, linewidth=0.8, zorder=1)
        for name, entry in workload["entries"].items():
            system, _, variant = name.partition(", ")
            low, middle, high = entry["ratio"]
            ours = system in MARKERS
            values.append(middle)
            style = {"color": COLOURS[system], "zorder": 6 if ours else 4}
            axes.plot([low, high], [row, row], linewidth=5 if ours else 4, alpha=0.35, solid_capstyle="round", **style)
            (mark,) = axes.plot(
                [middle],
                [row],
                marker=MARKERS.get(system, "o"),
                markersize=11 if ours else 7.5,
                markerfacecolor=PAPER if variant else COLOURS[system],
                markeredgecolor=COLOURS[system] if variant else PAPER,
                markeredgewidth=1.8 if variant else 1.0,
                linestyle="none",
                **style,
            )
            named.setdefault(OTHER_FORM if variant else system, mark)
    axes.set_xscale("log")
    axes.set_xlim(min(values) / 1.6, max(values) * 1.8)
    axes.set_ylim(len(workloads) - 0.4, -0.7)
    labels = []
    for workload in workloads:
        seconds = workload["entries"][workload["reference"]]["seconds"][1]
        beside = "" if workload["reference"] == "torch eager" else f"{workload['reference']}: "
        letter = f"({workload['name'][0]})  " if len(workload["name"]) == 1 else ""
        labels.append(f"{letter}{TITLES[workload['name']]}\n{beside}{duration(seconds)}")
    axes.set_yticks(range(len(workloads)), labels)
    axes.tick_params(axis="both", length=0)
    axes.spines["left"].set_visible(False)
    axes.xaxis.set_major_formatter(lambda x, _: f"{x:g}")
    axes.grid(axis="x", color=FAINT, linewidth=0.6)
    axes.set_axisbelow(True)
    axes.set_xlabel("time, as a ratio to PyTorch eager (its own time is on the left); further left is faster")
    axes.set_title("One step of each task, on one thread", loc="left", fontsize=13, fontweight="bold")
    order = [name for name in (*COLOURS, OTHER_FORM) if name in named]
    axes.legend(
        [named[name] for name in order],
        order,
        loc="lower center",
        bbox_to_anchor=(0.44, -0.19),
        ncols=4,
        frameon=False,
        handletextpad=0.2,
        columnspacing=1.6,
    )


def curves(figure: Any, growth: Mapping[str, Any]) -> None:
    """Draw how cost grows with nodes, rows and features, in the colours of the ratios."""
    kinds = (
        ("nodes", "Nodes of a scalar chain: time per node", "nodes", True),
        ("rows", "Regression step: time by rows in a batch", "rows (13 features)", False),
        ("features", "Regression step: time by features", "features (32 rows)", False),
    )
    for axes, (kind, title, label, per_size) in zip(figure.subplots(3, 1), kinds, strict=True):
        for system, curve in growth[kind].items():
            sizes = sorted(map(int, curve))
            times = [curve[str(n)][1] / (n if per_size else 1) for n in sizes]
            ours = system in MARKERS
            axes.plot(
                sizes,
                times,
                color=COLOURS[system],
                marker=MARKERS.get(system, "o"),
                markersize=7 if ours else 5,
                markeredgecolor=PAPER,
                linewidth=2.2 if ours else 1.5,
                zorder=5 if ours else 3,
            )
        axes.set_xscale("log")
        axes.set_yscale("log")
        axes.yaxis.set_major_formatter(lambda seconds, _: duration(seconds).replace(".00", "").replace(".0 ", " "))
        axes.yaxis.set_minor_formatter(lambda seconds, _: "")
        axes.xaxis.set_major_formatter(lambda n, _: f"{n:,.0f}")
        axes.grid(color=FAINT, linewidth=0.6)
        axes.set_axisbelow(True)
        axes.tick_params(length=0, which="both")
        axes.set_title(title, loc="left", fontsize=11, fontweight="bold")
        axes.set_xlabel(label)
