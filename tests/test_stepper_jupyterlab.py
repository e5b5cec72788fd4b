"""The stepper in real JupyterLab, clicked through in a browser. Run by hand: `pytest -m by_hand`; half a minute.

Screenshots are left in the folder that the environment variable SCREENSHOTS names, to be looked at.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

pytestmark = [
    pytest.mark.by_hand,
    pytest.mark.skipif(find_spec("jupyterlab") is None, reason="jupyterlab is not installed"),
]
playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed; the extra `dev` has it")
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")

SCALARS = """\
import microgd as mg
v, x, y = mg.Value(0.0, name="v"), mg.Value(2.0, name="x"), mg.Value(5.0, name="y")
loss = (v * x - y) ** 2
loss.name = "loss"
mg.step(loss)"""
ARRAYS = """\
import numpy as np
kernel, bias = mg.Value(np.ones((2, 3)), name="kernel"), mg.Value(np.zeros(3), name="bias")
mg.step(np.mean(np.tanh(mg.affine(np.arange(8.0).reshape(4, 2) / 8, kernel, bias)) ** 2))"""


@contextlib.contextmanager
def jupyterlab(folder: Path, data: str) -> Iterator[str]:
    """Run JupyterLab on a folder, with settings and signatures of its own, and give its address."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    places = {f"JUPYTER_{kind}_DIR": str(folder / data / kind.lower()) for kind in ("DATA", "CONFIG", "RUNTIME")}
    places |= {f"JUPYTERLAB_{kind}_DIR": str(folder / data / kind.lower()) for kind in ("SETTINGS", "WORKSPACES")}
    options = [f"--port={port}", "--no-browser", "--allow-root", "--IdentityProvider.token=", "--LabApp.news_url=None"]
    options += [f"--ServerApp.root_dir={folder}", "--LabApp.check_for_updates_class=jupyterlab.NeverCheckForUpdate"]
    with (folder / f"{data}.log").open("w") as log:
        command = [sys.executable, "-m", "jupyterlab", *options]
        server = subprocess.Popen(command, env={**os.environ, **places}, stdout=log, stderr=subprocess.STDOUT)
        try:
            for _ in range(300):
                with contextlib.suppress(OSError):
                    urllib.request.urlopen(f"http://127.0.0.1:{port}/api", timeout=1)
                    break
                time.sleep(0.2)
            yield f"http://127.0.0.1:{port}"
        finally:
            server.terminate()
            server.wait()


@contextlib.contextmanager
def page_at(address: str, own: str) -> Iterator[Any]:
    """Open a page in Chromium; at the end, fail on any error in it and on any request to another place."""
    faults: list[str] = []
    with playwright.sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=CHROMIUM)
        page = browser.new_page(viewport={"width": 1300, "height": 1000})
        page.on("pageerror", lambda error: faults.append(str(error)))
        page.on("request", lambda r: None if r.url.startswith((own, "data:", "blob:")) else faults.append(r.url))
        page.goto(address)
        yield page
        browser.close()
    assert faults == []


def screenshot(page: Any, name: str) -> None:
    if folder := os.environ.get("SCREENSHOTS"):
        page.wait_for_timeout(500)
        page.screenshot(path=Path(folder) / f"{name}.png")


def write_notebook(path: Path) -> None:
    """Write a notebook of two steppers, not executed."""
    cell: dict[str, Any] = {"cell_type": "code", "execution_count": None, "metadata": {}, "outputs": []}
    cells = [{**cell, "id": f"cell-{i}", "source": source} for i, source in enumerate((SCALARS, ARRAYS))]
    kernel = {"name": "python3", "display_name": "Python 3", "language": "python"}
    notebook = {"cells": cells, "metadata": {"kernelspec": kernel}, "nbformat": 4, "nbformat_minor": 5}
    path.write_text(json.dumps(notebook), encoding="utf-8")


def test_a_notebook_is_run_clicked_through_saved_reopened_and_exported(tmp_path: Path) -> None:
    path = tmp_path / "steppers.ipynb"
    write_notebook(path)
    steppers = ".jp-OutputArea .microgd-stepper"
    with jupyterlab(tmp_path, "first") as own, page_at(f"{own}/lab/tree/{path.name}", own) as page:
        page.wait_for_selector(".jp-Notebook .jp-CodeCell", timeout=60_000)
        page.wait_for_timeout(3000)  # JupyterLab fills its menus while it starts
        page.get_by_role("menuitem", name="Run", exact=True).click()
        page.get_by_text("Run All Cells", exact=True).click()
        page.wait_for_selector(f"{steppers}[data-step] >> nth=1", timeout=60_000)
        for _ in range(8):
            page.get_by_role("button", name="Next step").first.click()
        assert "0 + (−10) × 2 = −20" in page.get_by_role("status").first.inner_text()
        assert page.locator(steppers).nth(1).get_attribute("data-step") == "0"
        screenshot(page, "light")
        page.locator(".frame").nth(1).focus()
        for key in ("End", "ArrowLeft", "d", "d"):  # d d would delete the cell, were the keys the notebook's
            page.keyboard.press(key)
        assert page.locator(".jp-CodeCell").count() == 2
        assert page.locator(steppers).nth(1).get_attribute("data-step") == "12"
        page.get_by_role("menuitem", name="Settings", exact=True).click()
        page.get_by_text("Theme", exact=True).first.hover()
        page.get_by_text("JupyterLab Dark", exact=True).first.click()
        playwright.expect(page.locator(steppers).first).to_have_attribute("data-theme", "dark", timeout=20_000)
        screenshot(page, "dark")
        page.locator(".frame").nth(1).focus()
        page.keyboard.press("Control+s")
        for _ in range(50):
            if "data-key" in path.read_text(encoding="utf-8"):
                break
            page.wait_for_timeout(200)
    assert path.read_text(encoding="utf-8").count('class=\\"microgd-stepper\\"') == 2

    with jupyterlab(tmp_path, "second") as own, page_at(f"{own}/lab/tree/{path.name}", own) as page:
        page.wait_for_selector(f"{steppers} img >> nth=1", timeout=60_000)  # not trusted here: scripts are stripped
        assert page.locator(f"{steppers}[data-step]").count() == 0
        assert page.locator(f"{steppers} img").first.bounding_box()["width"] > 300
        assert "v → n4 = v·x" in page.locator(f"{steppers} pre").first.inner_text()
        screenshot(page, "not trusted")

    convert = [sys.executable, "-m", "nbconvert", "--to", "html", "--HTMLExporter.mathjax_url="]
    subprocess.run([*convert, "--HTMLExporter.require_js_url=", str(path)], check=True, capture_output=True)
    exported = path.with_suffix(".html").as_uri()
    with page_at(exported, exported) as page:
        page.get_by_role("button", name="Last step").nth(1).click()
        assert page.locator(".microgd-stepper").nth(1).get_attribute("data-step") == "13"
        screenshot(page, "exported")
