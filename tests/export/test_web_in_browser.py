"""Pages that hold a generator, opened as files in Chromium: their images and all controls."""

import io
import time

import av
import browser as browser_module
import numpy as np
import pytest
from export.conftest import KINDS, write_snapshot
from PIL import Image

from pgan_tf import latents, truncation
from pgan_tf.directions import principal_directions
from pgan_tf.export import web
from pgan_tf.generate import generate
from pgan_tf.inference import synthesize
from pgan_tf.snapshots import load_snapshot

pytestmark = pytest.mark.browser

HOSTILE = "</script><script>window.hacked=1</script><img src=x onerror=window.hacked=1>"
SEEDS = [0, 1, 5, 123456, 2**32 - 1]
READY = "explorer && explorer.shown && !explorer.queue.isBusy"


@pytest.fixture(scope="module")
def labelled(tmp_path_factory):
    """A snapshot with three classes, one with a hostile name, while 16x16 fades in."""
    path = tmp_path_factory.mktemp("labelled") / "network-snapshot-000005.npz"
    return load_snapshot(write_snapshot(path, 0.6, ["cat", HOSTILE, "dog"], **KINDS["labels"]))


@pytest.fixture(scope="module")
def page(labelled, tmp_path_factory):
    """The start page of `labelled`, exported as a folder."""
    folder = tmp_path_factory.mktemp("page") / "page"
    web.export_web(labelled.path, folder)
    return folder / "index.html"


@pytest.fixture
def opened(browser, page):
    """A browser that has just opened the page in a wide window."""
    browser.show(page, 1280)
    browser.wait(READY)
    return browser


def slide(browser, element_id, value):
    """Moves a slider and waits for the image."""
    browser.run(
        f"const e = document.getElementById('{element_id}'); e.value = {value};"
        " e.dispatchEvent(new Event('input'))"
    )
    browser.wait(READY)


def shown_latent(browser):
    """Returns the latent of the image that is shown."""
    return np.float32(browser.run("return [...explorer.current().latent]"))


def wait_for(directory, pattern):
    """Returns the first completely saved file that matches a pattern."""
    end = time.monotonic() + 30
    while time.monotonic() < end:
        for path in directory.glob(pattern):
            if path.stat().st_size and not list(directory.glob("*.crdownload")):
                return path
        time.sleep(0.05)
    raise TimeoutError(f"{pattern}: {list(directory.iterdir())}")


@pytest.mark.parametrize(("width", "dark"), [(360, True), (1280, False)])
def test_draws_without_errors_and_loads_only_its_own_files(browser, page, width, dark):
    browser.requests()
    browser.show(page, width, dark)
    browser.wait(READY)
    assert browser.console() == []
    asked = [url for url in browser.requests() if not url.startswith(("blob:", "data:"))]
    assert {url.rsplit("/", 1)[0] for url in asked} == {page.parent.resolve().as_uri()}
    browser.check_looks(width, dark)
    columns = browser.run("return new Set(explorer.grid.cells.map((c) => c.place.offsetLeft)).size")
    assert columns >= (3 if width == 360 else 5)
    # Every canvas shows an image: the large one, twelve in the grid, two ends of the mix.
    colours = browser.run(
        "return [...document.querySelectorAll('canvas')].map((canvas) => new Set(canvas.getContext"
        "('2d').getImageData(0, 0, canvas.width, canvas.height).data).size)"
    )
    assert len(colours) == 15 and min(colours) > 30


def test_hostile_names_stay_text_and_every_control_is_labelled(opened):
    hacked = "return [window.hacked, document.querySelectorAll('img').length]"
    assert opened.run(hacked) == [None, 0]
    assert HOSTILE in opened.run("return document.getElementById('grid').textContent")
    classes = "return [...document.getElementById('class').options].map((o) => o.text)"
    assert opened.run(classes) == ["by the seed", "cat", HOSTILE, "dog"]
    unnamed = opened.run(
        "return [...document.querySelectorAll('button, input, select, [role=img], [role=status]')]"
        ".filter((e) => !(e.hidden || e.getAttribute('aria-label') || e.textContent.trim() ||"
        " e.labels?.length || e.getAttribute('aria-labelledby') || e.id === 'status'))"
        ".map((e) => e.outerHTML)"
    )
    assert unnamed == []


def test_random_numbers_equal_numpys(opened):
    seen = opened.run(f"return {SEEDS}.map((seed) => [...new RandomState(seed).randn(1001)])")
    for seed, row in zip(SEEDS, seen, strict=True):
        expected = np.random.RandomState(seed).randn(1001)
        np.testing.assert_array_equal(np.float32(row), np.float32(expected))
        # JavaScript's logarithm may differ in its last bit from the C library's.
        np.testing.assert_allclose(row, expected, rtol=4e-16, atol=0)
    assert opened.run("return [...latentOfSeed(7, 8)]") == latents.from_seeds([7], 8)[0].tolist()


def test_images_equal_the_generators(opened, labelled):
    z, label = latents.from_seeds([5], 8), np.float32([[0, 0, 1]])
    for lod, resolution in ((0.6, 16), (1.0, 8), (2.0, 4)):
        asked = f"{{ latents: latentOfSeed(5, 8), label: 2, lod: {lod} }}"
        width, height, floats = opened.run(
            f"return explorer.engine.floats({asked})"
            ".then(({ floats, width, height }) => [width, height, [...floats]])"
        )
        assert width == height == resolution
        images = np.float32(floats).reshape(3, resolution, resolution).transpose(1, 2, 0)
        expected = synthesize(labelled.Gs, z, label, lod)[0]
        np.testing.assert_allclose(images, expected, rtol=0, atol=1e-4)


def test_a_seed_gives_the_image_that_generate_gives(opened, labelled, tmp_path):
    opened.downloads_go_to(tmp_path)
    for seed, class_name in ((4, None), (2**32 - 1, "cat")):
        if class_name:
            choose_class = "e.value = 0; e.dispatchEvent(new Event('change'))"
            opened.run(f"const e = document.getElementById('class'); {choose_class}")
        opened.run("document.getElementById('seed').value = ''")
        opened.press("seed", str(seed), "\n")
        opened.wait(f"explorer.chosen.seed === {seed} && {READY}")
        (made,) = generate(labelled.path, tmp_path / "generated", [seed], class_name=class_name)
        expected = np.asarray(Image.open(made)).astype(int)
        pixels = opened.run("return [...explorer.shown.data]")
        pixels = np.reshape(pixels, [16, 16, 4])
        assert np.abs(pixels[..., :3] - expected).max() <= 1 and (pixels[..., 3] == 255).all()
        # The saved file has the name that `generate` gives, and the shown pixels.
        opened.run("document.getElementById('save-png').click()")
        saved = np.asarray(Image.open(io.BytesIO(wait_for(tmp_path, made.name).read_bytes())))
        np.testing.assert_array_equal(saved[..., :3], pixels[..., :3])


def test_the_keyboard_chooses_keeps_and_resamples(opened):
    from selenium.webdriver.common.keys import Keys

    opened.run("explorer.grid.cells[0].button.focus()")
    focused = opened.driver.switch_to.active_element
    focused.send_keys(Keys.ARROW_RIGHT)
    opened.driver.switch_to.active_element.send_keys(Keys.ARROW_RIGHT)
    third = opened.driver.switch_to.active_element
    third.send_keys("k")
    third.send_keys(Keys.ENTER)
    opened.wait(READY)
    assert opened.run("return document.getElementById('caption').textContent") == (
        "seed 2, dog, 16x16"
    )
    states = "return explorer.grid.cells.map((c) => [c.tick.checked, c.item.seed])"
    assert opened.run(states) == [[seed == 2, seed] for seed in range(12)]
    pressed = "return explorer.grid.cells.map((c) => c.button.getAttribute('aria-pressed'))"
    assert opened.run(pressed).index("true") == 2
    opened.press("resample", Keys.ENTER)
    opened.wait(READY)
    seeds = [seed for _, seed in opened.run(states)]
    assert seeds[2] == 2 and len(set(seeds) & set(range(12))) < 4
    kept = "explorer.grid.cells[2].item.latent.join() === latentOfSeed(2, 8).join()"
    assert opened.run(f"return {kept}")


def test_sliders_change_latents_as_python_does(opened, labelled):
    z = latents.from_seeds([0, 1], 8)
    slide(opened, "mix", 25)
    expected = latents.spherical(z[0], z[1], 0.25)
    np.testing.assert_allclose(shown_latent(opened), expected, rtol=1e-6, atol=1e-6)
    slide(opened, "mix", 100)
    np.testing.assert_array_equal(shown_latent(opened), z[1])
    slide(opened, "direction-2", 0.5)
    direction = principal_directions(labelled.Gs, 2, np.full(3, 1 / 3))[1]
    expected = z[1] + 0.5 * np.sqrt(8) * direction
    np.testing.assert_allclose(shown_latent(opened), expected, rtol=1e-5, atol=1e-6)
    opened.press("reset", "\n")
    slide(opened, "variety", 0.7)
    label = np.float32([[0, 1, 0]])  # of seed 1
    z = truncation.Truncation(labelled.Gs)(z[1:], label, 0.7)
    expected = synthesize(labelled.Gs, z, label)[0].numpy()
    pixels = np.reshape(opened.run("return [...explorer.shown.data]"), [16, 16, 4])[..., :3]
    assert np.abs(pixels - np.clip(expected * 127.5 + 127.5, 0, 255)).max() <= 1


def test_latents_are_saved_and_opened(opened, labelled, tmp_path):
    opened.downloads_go_to(tmp_path)
    slide(opened, "direction-1", 0.3)
    opened.run("document.getElementById('save-latent').click()")
    saved = wait_for(tmp_path, "image.npy")
    array = np.load(saved)
    assert array.dtype == np.float32 and array.shape == (1, 8)
    np.testing.assert_array_equal(array[0], shown_latent(opened))
    # With less variety, the saved latent is the truncated one.
    slide(opened, "variety", 0.5)
    saved.unlink()
    opened.run("document.getElementById('save-latent').click()")
    varied = np.load(wait_for(tmp_path, "image.npy"))
    z, label = shown_latent(opened)[None], np.float32([[1, 0, 0]])
    expected = truncation.Truncation(labelled.Gs)(z, label, 0.5)
    np.testing.assert_allclose(varied, expected, rtol=1e-5, atol=1e-6)
    slide(opened, "variety", 1)
    np.save(tmp_path / "two.npy", np.arange(16.0).reshape(2, 8))
    np.save(tmp_path / "long.npy", np.zeros([1, 9], np.float32))
    (tmp_path / "text.npy").write_text("not an array, but long enough")
    for name, said in (
        ("long.npy", "long.npy holds an array [1, 9]; this generator needs [n, 8]."),
        ("text.npy", "text.npy is not a .npy file."),
        ("two.npy", "Opened two.npy."),
    ):
        opened.press("latent-file", str(tmp_path / name))
        opened.wait(f"document.getElementById('status').textContent === {said!r}", 10)
    np.testing.assert_array_equal(shown_latent(opened), np.arange(8))


def test_walks_and_records_a_film(opened, tmp_path):
    opened.downloads_go_to(tmp_path)
    opened.run("document.getElementById('walk-through').value = 'kept'")
    opened.run("document.getElementById('play').click()")
    assert "Tick two images or more" in opened.run(
        "return document.getElementById('status').textContent"
    )
    opened.run("explorer.grid.cells[3].tick.click(); explorer.grid.cells[4].tick.click()")
    slide(opened, "pace", 0.5)
    before = shown_latent(opened)
    opened.run("document.getElementById('record').click()")
    assert opened.run("return document.getElementById('play').textContent") == "Stop"
    time.sleep(1.5)
    opened.run("document.getElementById('record').click()")
    film = wait_for(tmp_path, "walk.*")
    opened.run("document.getElementById('play').click()")
    opened.wait(READY)
    after = shown_latent(opened)
    assert np.abs(after - before).max() > 0.1
    time.sleep(0.2)
    np.testing.assert_array_equal(shown_latent(opened), after)  # the walk has stopped
    with av.open(film) as container:
        frames = [f.to_ndarray(format="rgb24") for f in container.decode(video=0)]
    assert len(frames) >= 3 and frames[0].shape == (512, 512, 3)
    assert np.abs(frames[0].astype(int) - frames[-1]).max() > 20


def test_a_single_file_shows_gray_images_without_labels(browser, tmp_path, monkeypatch):
    monkeypatch.setattr(web, "centres_of", lambda loaded: {})
    path = write_snapshot(tmp_path / "network-snapshot-000005.npz", 0.0, **KINDS["plain"])
    web.export_web(path, tmp_path / "page.html")
    browser.requests()
    browser.show(tmp_path / "page.html", 360)
    browser.wait(READY)
    assert browser.console() == []
    asked = {url for url in browser.requests() if not url.startswith("blob:")}
    assert asked == {(tmp_path / "page.html").as_uri()}
    pixels = np.reshape(browser.run("return [...explorer.shown.data]"), [16, 16, 4])
    (made,) = generate(path, tmp_path, [0])
    assert np.abs(pixels[..., :3] - np.asarray(Image.open(made))[..., None].astype(int)).max() <= 1
    hidden = "['class-field', 'variety-section'].map((id) => document.getElementById(id).hidden)"
    assert browser.run(f"return {hidden}") == [True, True]


@pytest.mark.slow  # starts a second Chromium, with a GPU emulated by the processor
@pytest.mark.parametrize("has_gpu", [True, False])
def test_a_gpu_is_used_where_there_is_one(labelled, tmp_path, has_gpu):
    web.export_web(labelled.path, tmp_path / "page", webgpu=True)
    gpu = (
        "--enable-unsafe-webgpu",
        "--use-webgpu-adapter=swiftshader",
        "--enable-features=Vulkan,WebGPU",
        "--use-vulkan=swiftshader",
    )
    with browser_module.browser(*(gpu if has_gpu else ())) as browser:
        browser.show(tmp_path / "page" / "index.html", 1280)
        browser.wait(READY, 200)
        place = "on the GPU" if has_gpu else "on the processor"
        assert place in browser.run("return document.getElementById('about').textContent")
        asked = "{ latents: latentOfSeed(5, 8), label: 2, lod: 0.6 }"
        floats = browser.run(
            f"return explorer.engine.floats({asked}).then(({{ floats }}) => [...floats])"
        )
    images = np.float32(floats).reshape(3, 16, 16).transpose(1, 2, 0)
    label = np.float32([[0, 0, 1]])
    expected = synthesize(labelled.Gs, latents.from_seeds([5], 8), label)[0]
    np.testing.assert_allclose(images, expected, rtol=0, atol=1e-4)


def test_a_page_without_its_scripts_says_so(browser, page, tmp_path):
    alone = tmp_path / "index.html"
    alone.write_bytes(page.read_bytes())
    browser.show(alone, 1280)
    browser.wait("document.getElementById('status').classList.contains('error')")
    said = browser.run("return document.getElementById('status').textContent")
    assert said.endswith("keep this page and the scripts beside it in one folder.")
    browser.console()
