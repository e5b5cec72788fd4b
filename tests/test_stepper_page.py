"""The stepper's page in a real browser: mouse, keys, light, dark, hostile names, no script, no network."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import microgd as mg
from microgd import Value
from tests.test_viz_drawing import HOSTILE, book_example

playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed; the extra `dev` has it")
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="no browser here: chromium is not installed")

ROOT = "document.querySelector('.microgd-stepper').shadowRoot"

# Each text of the page with its colour and the one behind it, as [text, [r, g, b], [r, g, b]].
COLOURS = """() => {
  const root = document.querySelector('.microgd-stepper').shadowRoot;
  const numbers = (colour) => (colour.match(/[\\d.]+/g) || []).map(Number);
  const behind = (part) => {
    const rect = part.closest('.box') && part.closest('.box').querySelector('rect');
    if (rect && part !== rect) return numbers(getComputedStyle(rect).fill);
    for (let up = part; up instanceof Element; up = up.parentElement) {
      const colour = numbers(getComputedStyle(up).backgroundColor);
      if (colour.length === 3 || colour[3] > 0) return colour.slice(0, 3);
    }
    return [0, 0, 0];
  };
  const found = [];
  for (const part of root.querySelectorAll('.frame *')) {
    const text = [...part.childNodes].filter((n) => n.nodeType === 3).map((n) => n.textContent.trim()).join('');
    const style = getComputedStyle(part);
    if (!text || style.opacity === '0' || part.disabled || part.tagName === 'OPTION') continue;
    found.push([text, numbers(part instanceof SVGElement ? style.fill : style.color).slice(0, 3), behind(part)]);
  }
  return found;
}"""

# The texts that stick out of their box in the picture, or out of the page.
OVERFLOWING = """() => {
  const root = document.querySelector('.microgd-stepper').shadowRoot;
  const found = [];
  for (const box of root.querySelectorAll('.box')) {
    const outer = box.querySelector('rect').getBoundingClientRect();
    for (const text of box.querySelectorAll('text, .ground')) {
      const inner = text.getBoundingClientRect();
      if (!inner.width) continue;
      if (inner.left < outer.left || inner.right > outer.right || inner.top < outer.top || inner.bottom > outer.bottom)
        found.push(text.textContent || 'an array');
    }
  }
  const frame = root.querySelector('.frame').getBoundingClientRect();
  for (const part of root.querySelectorAll('.bar *, .card *')) {
    const inner = part.getBoundingClientRect();
    if (inner.width && (inner.right > frame.right || inner.left < frame.left)) found.push(part.textContent);
  }
  if (document.documentElement.scrollWidth > document.documentElement.clientWidth) found.push('the page itself');
  return found;
}"""


def network() -> Value:
    kernel, bias = (
        Value(np.array([[0.5, -1.0, 2.0], [1.5, 0.25, -0.5]]), name="kernel"),
        Value(np.zeros(3), name="bias"),
    )
    x = np.array([[1.0, 2.0], [-1.0, 0.5], [0.0, 1.0], [2.0, -1.0]])
    loss: Value = mg.mean_squared_error(np.ones((4, 3)), np.tanh(mg.affine(x, kernel, bias)))
    loss.name = "loss"
    return loss


def long_chain() -> Value:
    value = weight = Value(1.5, name="weight")
    for _ in range(400):
        value = value * weight - 0.5
    return value


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    with playwright.sync_playwright() as driver:
        started = driver.chromium.launch(executable_path=CHROMIUM)
        yield started
        started.close()


class Pages:
    """Opens pages that may ask for nothing but the file itself, and may throw no error."""

    def __init__(self, browser: Any, folder: Path) -> None:
        self.browser, self.folder = browser, folder
        self.faults: list[str] = []
        self.opened: list[Any] = []

    def open(self, html: str, width: int = 1000, **settings: Any) -> Any:
        context = self.browser.new_context(viewport={"width": width, "height": 700}, **settings)
        self.opened.append(context)
        context.set_default_timeout(5000)
        page = context.new_page()
        page.on("pageerror", lambda error: self.faults.append(str(error)))
        page.on("console", lambda message: self.faults.append(message.text) if message.type == "error" else None)
        page.on("dialog", lambda dialog: self.fail_on(dialog))
        page.on("request", lambda r: None if r.url.startswith(("file:", "data:")) else self.faults.append(r.url))
        path = self.folder / "page.html"
        path.write_text(html, encoding="utf-8")
        page.goto(path.as_uri())
        return page

    def fail_on(self, dialog: Any) -> None:
        self.faults.append(dialog.message)
        dialog.dismiss()

    def step(self, value: Value, width: int = 1000, **settings: Any) -> Any:
        path = mg.step(value).save(self.folder / "saved.html")
        return self.open(path.read_text(encoding="utf-8"), width, **settings)


@pytest.fixture
def pages(browser: Any, tmp_path: Path) -> Iterator[Pages]:
    opened = Pages(browser, tmp_path)
    yield opened
    for context in opened.opened:
        context.close()
    assert opened.faults == []


def at(page: Any, number: int = 0) -> str:
    return str(page.locator(".microgd-stepper").nth(number).get_attribute("data-step"))


def test_clicking_through_with_the_mouse(pages: Pages) -> None:
    page = pages.step(book_example())
    card = page.get_by_role("status")
    assert "3 steps forward, 6 back" in card.inner_text()
    assert page.get_by_role("button", name="Previous step").is_disabled()
    for _ in range(8):
        page.get_by_role("button", name="Next step").click()
    assert "∂loss/∂v += ∂loss/∂n4 · ∂n4/∂v" in card.inner_text()
    assert "0 + (−10) × 2 = −20" in card.inner_text()
    assert "∂(v·x)/∂v = x = 2" in card.inner_text()
    assert page.locator(".box.current text").all_text_contents() == ["v", "0", "∂ −20"]
    assert page.locator(".edge.current").count() == 1
    page.get_by_role("button", name="Last step").click()
    assert at(page) == "9"
    assert page.get_by_role("button", name="Next step").is_disabled()
    page.get_by_role("button", name="Previous step").click()
    assert at(page) == "8"
    page.get_by_role("button", name="First step").click()
    assert at(page) == "0"
    page.locator(".box", has_text="y").first.click()  # its first event: the first that it takes part in
    assert "∂loss/∂y" in card.inner_text()


def test_stepping_with_the_keyboard(pages: Pages) -> None:
    page = pages.step(book_example())
    page.keyboard.press("ArrowRight")
    assert at(page) == "0"  # the keys are the stepper's inside it only
    page.locator(".frame").focus()
    for key, place in (("ArrowRight", "1"), ("ArrowRight", "2"), ("ArrowLeft", "1"), ("End", "9"), ("Home", "0")):
        page.keyboard.press(key)
        assert at(page) == place
    page.keyboard.press("Space")
    assert page.get_by_role("button", name="Pause").is_visible()
    assert page.get_by_role("status").get_attribute("aria-live") == "off"
    page.keyboard.press("Space")
    assert page.get_by_role("button", name="Play").is_visible()
    assert page.get_by_role("status").get_attribute("aria-live") == "polite"


def test_values_are_reached_with_the_keyboard_too(pages: Pages) -> None:
    page = pages.step(book_example())
    page.locator(".box[tabindex='0']").focus()
    page.keyboard.press("ArrowDown")
    focused = page.evaluate(
        "document.querySelector('.microgd-stepper').shadowRoot.activeElement.getAttribute('aria-label')"
    )
    assert focused == "x, 2"
    page.keyboard.press("Enter")
    assert "∂loss/∂x" in page.get_by_role("status").inner_text()


def test_the_keys_go_on_when_a_button_that_was_pressed_can_be_pressed_no_more(pages: Pages) -> None:
    page = pages.step(book_example())
    page.get_by_role("button", name="Last step").focus()
    page.keyboard.press("Enter")
    page.keyboard.press("ArrowLeft")
    assert at(page) == "8"


def test_playing_moves_on_and_stops_at_the_end(pages: Pages) -> None:
    page = pages.step(book_example())
    page.clock.install()
    page.get_by_role("combobox", name="Speed").select_option("4×")
    page.get_by_role("button", name="Play").click()
    page.clock.run_for(800)
    assert at(page) == "2"
    page.clock.run_for(5000)
    assert at(page) == "9"
    assert page.get_by_role("button", name="Play").is_visible()


def test_the_whole_picture_at_once(pages: Pages) -> None:
    page = pages.step(network(), 420)
    hidden = f"{ROOT}.querySelector('.view').scrollWidth - {ROOT}.querySelector('.view').clientWidth"
    assert page.evaluate(hidden) > 100
    page.get_by_role("button", name="The whole picture at once").click()
    assert page.evaluate(hidden) == 0
    assert page.evaluate(OVERFLOWING) == []


def test_one_way_only(pages: Pages) -> None:
    page = pages.step(book_example())
    page.get_by_role("button", name="Backward").click()
    assert at(page) == "3"
    assert page.locator(".box .data").all_text_contents() == ["0", "2", "5", "0", "−5", "25"]
    page.get_by_role("button", name="Last step").click()
    page.get_by_role("button", name="Forward").click()
    assert at(page) == "3"
    assert page.get_by_role("button", name="Next step").is_disabled()
    assert "".join(page.locator(".box .gradient").all_text_contents()) == ""


@pytest.mark.parametrize("make", [book_example, network, long_chain])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_every_text_stands_out_and_fits(pages: Pages, scheme: str, make: Any) -> None:
    page = pages.step(make(), 360, color_scheme=scheme, reduced_motion="reduce")
    assert page.locator(".microgd-stepper").get_attribute("data-theme") == scheme
    page.locator(".frame").focus()
    seen = 0
    for key in ("Home", "ArrowRight", "End", *["ArrowLeft"] * 4):
        page.keyboard.press(key)
        for text, colour, behind in page.evaluate(COLOURS):
            seen += 1
            assert contrast(colour, behind) >= 4.5, f"{text!r}: {colour} on {behind}"
        assert page.evaluate(OVERFLOWING) == []
    assert seen > 40


def contrast(colour: list[float], behind: list[float]) -> float:
    """Return the contrast of two colours, 1 to 21, as the Web Content Accessibility Guidelines define it."""

    def luminance(levels: list[float]) -> float:
        linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in (x / 255 for x in levels)]
        return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]

    low, high = sorted((luminance(colour), luminance(behind)))
    return (high + 0.05) / (low + 0.05)


def test_contrast_is_measured_as_it_should_be() -> None:
    assert contrast([0, 0, 0], [255, 255, 255]) == pytest.approx(21.0)
    assert contrast([119, 119, 119], [255, 255, 255]) == pytest.approx(4.48, abs=0.01)


def test_it_follows_the_notebooks_theme_while_it_is_open(pages: Pages) -> None:
    page = pages.step(book_example(), color_scheme="light")
    host = page.locator(".microgd-stepper")
    ground = f"getComputedStyle({ROOT}.querySelector('.frame')).backgroundColor"
    light = page.evaluate(ground)
    page.evaluate("document.body.dataset.jpThemeLight = 'false'")
    playwright.expect(host).to_have_attribute("data-theme", "dark")
    assert page.evaluate(ground) != light
    page.evaluate("document.body.dataset.jpThemeLight = 'true'")
    playwright.expect(host).to_have_attribute("data-theme", "light")
    page.evaluate("delete document.body.dataset.jpThemeLight")
    page.emulate_media(color_scheme="dark")
    playwright.expect(host).to_have_attribute("data-theme", "dark")


def test_two_steppers_in_one_page_keep_apart(pages: Pages) -> None:
    page = pages.open(mg.step(book_example())._repr_html_() + mg.step(network())._repr_html_())
    page.get_by_role("button", name="Next step").nth(1).click()
    assert (at(page, 0), at(page, 1)) == ("0", "1")
    page.locator(".frame").nth(0).focus()
    page.keyboard.press("End")
    assert (at(page, 0), at(page, 1)) == ("9", "1")


def test_the_same_stepper_twice(pages: Pages) -> None:
    output = mg.step(book_example())._repr_html_()
    page = pages.open(output + output)
    page.get_by_role("button", name="Next step").nth(1).click()
    assert (at(page, 0), at(page, 1)) == ("0", "1")


def test_where_scripts_are_stripped_a_picture_and_the_table_are_seen(pages: Pages) -> None:
    page = pages.step(book_example(), java_script_enabled=False)
    picture = page.locator(".microgd-stepper img")
    assert picture.bounding_box()["width"] > 300
    assert "∂" not in str(picture.get_attribute("alt"))
    assert "v → n4 = v·x" in page.locator("pre").inner_text()


@pytest.mark.parametrize("name", [HOSTILE, "漢字" * 5000, "{}$<b>&amp;\\N\u202e\u2028", "'\"`${1}"])
def test_a_hostile_name_is_text_and_nothing_else(pages: Pages, name: str) -> None:
    value = Value(1.0, name=name) * Value(2.0, name=name)
    value.name = name
    page = pages.step(value, 360)
    page.locator(".frame").focus()
    for key in ("ArrowRight", "End"):
        page.keyboard.press(key)
    assert page.evaluate(f"{ROOT}.querySelectorAll('img, script, b').length") == 0
    assert page.evaluate("document.images.length") == 1
    assert name[:8].strip() in page.get_by_role("status").inner_text()
    assert page.evaluate(OVERFLOWING) == []


def test_a_tensors_step_shows_its_arrays(pages: Pages) -> None:
    page = pages.step(network())
    page.get_by_role("button", name="Last step").click()
    captions = page.locator("figcaption").all_inner_texts()
    assert captions == ["local (2,4)", "upstream (4,3)", "contribution (2,3)"]
    assert page.locator(".sign").all_inner_texts() == ["@", "="]
    assert page.locator(".grid").nth(2).locator("span").count() == 6
    assert "(2,3) = (2,4) @ (4,3)" in page.get_by_role("status").inner_text()


def test_a_graph_too_large_for_a_picture_shows_what_is_near(pages: Pages) -> None:
    page = pages.step(long_chain())
    page.get_by_role("button", name="Next step").click()
    assert "801 values are too many for one picture" in page.locator(".advice").inner_text()
    assert page.locator(".box").count() >= 3
    page.get_by_role("button", name="Last step").click()
    assert page.locator(".edge.current").count() == 1


def test_without_graphviz_it_steps_and_says_what_to_install(pages: Pages, monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(*_: Any) -> bytes:
        raise mg.viz.DrawingError("there is no Graphviz")

    monkeypatch.setattr("microgd.viz.drawing.Drawing.render", missing)
    page = pages.step(book_example())
    page.get_by_role("button", name="Last step").click()
    assert page.locator(".advice").inner_text() == "For the picture of the graph: pip install 'microgd[viz]'."
    assert page.locator(".box.current .title").text_content() == "x"
    many: Value = np.sum(np.stack([Value(float(i), name=f"x{i}") for i in range(12)]))
    page = pages.step(many)
    page.get_by_role("button", name="Last step").click()
    assert page.locator(".box.current .title").text_content() == "x11"
    assert page.evaluate(OVERFLOWING) == []
