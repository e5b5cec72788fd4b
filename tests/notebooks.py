"""Runs the notebooks, and stores them with what came out: `MICROGD_DATA=FOLDER python -m tests.notebooks`.

What is stored is the same on each run but for times that a notebook measures: no dates, no versions; pictures are sharp
and in 256 colours, so that they are small.
"""

from __future__ import annotations

import base64
import os
import sys
import tempfile
from io import BytesIO
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).parents[1] / "notebooks"
SHARP = "--InlineBackend.figure_format=retina"  # twice as many points a side as a page has


def executed(path: Path, folder: Path) -> Any:
    """Return a notebook after it has been run in a folder."""
    import nbclient
    import nbformat

    notebook: Any = nbformat.read(path, as_version=4)  # type: ignore[no-untyped-call]
    settings: dict[str, Any] = {
        "timeout": 120,
        "record_timing": False,
        "coalesce_streams": True,
        "extra_arguments": [SHARP],
    }
    nbclient.NotebookClient(notebook, resources={"metadata": {"path": str(folder)}}, **settings).execute()
    return notebook


def stored(notebook: Any) -> None:
    """Make an executed notebook small, and the same on each run."""
    python = {"name": "python", "file_extension": ".py", "mimetype": "text/x-python"}
    notebook.metadata["language_info"] = python
    for place, cell in enumerate(notebook.cells, 1):
        cell["id"] = f"cell-{place:02}"
        for output in cell.get("outputs", []):
            data = output.get("data", {})
            if "image/png" in data:
                data["image/png"] = in_256_colours(data["image/png"])


def in_256_colours(picture: str) -> str:
    """Return a PNG, as a notebook holds it, with a palette."""
    from PIL import Image  # comes with matplotlib

    image = Image.open(BytesIO(base64.b64decode(picture)))
    if image.mode == "P":
        return picture
    ground = Image.new("RGB", image.size, "white")
    ground.paste(image, mask=image.getchannel("A") if image.mode == "RGBA" else None)
    file = BytesIO()
    ground.quantize(256, dither=Image.Dither.NONE).save(file, format="png", optimize=True)
    return base64.b64encode(file.getvalue()).decode()


def main(names: list[str]) -> None:
    """Run the notebooks of some names, all by default, and store them."""
    import nbformat

    with tempfile.TemporaryDirectory() as folder:
        os.environ |= {"IPYTHONDIR": folder, "PYTHONPATH": str(FOLDER.parent)}
        os.environ["OPENBLAS_NUM_THREADS"] = "1"  # two on a busy computer wait for each other, which would be measured
        for path in sorted(FOLDER.glob("*.ipynb")):
            if not names or any(name in path.stem for name in names):
                notebook = executed(path, Path(folder))
                stored(notebook)
                nbformat.write(notebook, path)  # type: ignore[no-untyped-call]
                print(f"{path.name}: {path.stat().st_size / 1000:.0f} kB")


if __name__ == "__main__":
    main(sys.argv[1:])
