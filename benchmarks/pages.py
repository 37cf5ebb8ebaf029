"""Size of report and explorer, time to render them, and speed of the explorer in Chromium.

usage: python benchmarks/pages.py [--repeats 5] [--openings 5] [--subjects 30] [--many 1000] [--folder FOLDER]

First, the time of what is made of a group result, the first time in a process and later: all that there is with
--openings 0. Then each page, opened in Chromium. Frames a second are those while slices, mosaic and glass brain are
zoomed.

Group results of simulated maps within nilearn's MNI brain mask: smooth noise and some bumps of signal. At 1 mm, a z map
with little and one with much signal take the place of the group; the report of many subjects is that of maps of 4 mm.
Needs playwright and Chromium (BIDS_ARI_CHROMIUM, else the one in PATH); with --folder, pages are kept.
"""

import argparse
import os
import shutil
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any

import nibabel as nib
import numpy as np
from measuring import processor, summary
from nilearn.datasets import load_mni152_brain_mask
from scipy import ndimage

import bids_ari as ari
from bids_ari.analysis.result import ContrastResult
from bids_ari.analysis.single import analyse_map
from bids_ari.report.explorer.arrays import least_tdp
from bids_ari.report.explorer.page import explorer_page
from bids_ari.report.figures.draw import draw
from bids_ari.report.page import report_page

if TYPE_CHECKING:
    from playwright.sync_api import Browser

NAME = "sub-{0:04d}/func/sub-{0:04d}_task-sim_space-MNI152NLin2009cAsym_contrast-signal_stat-effect_statmap.nii.gz"
TARGETS = np.linspace(0.05, 1, 20)
PICTURES = {"slices": "slice-z", "mosaic": "mosaic", "glass": "glass"}
"""The pictures of an explorer, and the canvas in which each is zoomed."""

FRAMES = 60
ZOOMED = """([id, frames]) => new Promise((done) => {
  const canvas = document.getElementById(id);
  const { left, top, width, height } = canvas.getBoundingClientRect();
  const at = { clientX: left + width / 3, clientY: top + height / 3 };
  let [n, before] = [0, performance.now()];
  const times = [];
  const turn = (now) => {
    times.push(now - before);
    before = now;
    const deltaY = n++ % 40 < 20 ? -20 : 20;
    canvas.dispatchEvent(new WheelEvent("wheel", { ctrlKey: true, cancelable: true, deltaY, ...at }));
    if (n <= frames) requestAnimationFrame(turn);
    else done(times.slice(1));
  };
  requestAnimationFrame(turn);
})"""
"""Turn the wheel at each frame; return the ms between frames."""

UPDATED = "() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))"


def brain_mask(resolution: int) -> nib.Nifti1Image:
    """Return the brain mask of nilearn."""
    return load_mni152_brain_mask(resolution=resolution)


def smooth(rng: np.random.Generator, shape: tuple[int, ...], resolution: int) -> np.ndarray:
    """Return a smooth field of about unit variance (FWHM 8 mm), (x, y, z)."""
    noise = ndimage.gaussian_filter(rng.normal(size=shape), 3.4 / resolution)
    return np.asarray(noise / noise.std())


def bumps(rng: np.random.Generator, shape: tuple[int, ...], resolution: int) -> np.ndarray:
    """Return bumps of height up to 1 in about a third of the volume, (x, y, z)."""
    places = (rng.random(shape) > 1 - 2e-5 * resolution**3).astype(float)
    found = ndimage.gaussian_filter(places, 10 / resolution)
    return np.asarray(found / found.max())


def group_result(folder: Path, n_subjects: int, resolution: int) -> ContrastResult:
    """Write a map per subject and analyse them."""
    mask, rng = brain_mask(resolution), np.random.default_rng(1)
    inside, signal = mask.get_fdata() > 0, bumps(rng, mask.shape, resolution)
    for i in range(n_subjects):
        path = folder / NAME.format(i)
        path.parent.mkdir(parents=True)
        volume = np.where(inside, 2 * signal + smooth(rng, mask.shape, resolution), 0).astype(np.float32)
        nib.save(nib.Nifti1Image(volume, mask.affine), path)
    (result,) = ari.analyse(ari.discover(folder)[0])
    return result


def map_result(folder: Path, resolution: int, height: float) -> ContrastResult:
    """Write a z map with bumps of this height and analyse it."""
    mask, rng = brain_mask(resolution), np.random.default_rng(1)
    volume = height * bumps(rng, mask.shape, resolution) + smooth(rng, mask.shape, resolution)
    path = folder / "z_space-MNI152NLin2009cAsym.nii.gz"
    nib.save(nib.Nifti1Image(np.where(mask.get_fdata() > 0, volume, 0).astype(np.float32), mask.affine), path)
    (result,) = analyse_map(path)
    return result


def made(path: Path, make: Callable[[], str]) -> str:
    """Render a page; return its size, and the seconds and processor seconds it took."""
    start, before = time.perf_counter(), time.process_time()
    text = make()
    took, busy = time.perf_counter() - start, time.process_time() - before
    path.write_text(text, encoding="utf-8")
    return f"{path.stat().st_size / 1e6:.2f} | {took:.2f} ({busy:.2f})"


def parts_table(result: ContrastResult, repeats: int) -> str:
    """Return the time of pictures, explorer and report, the first time in a process and later, as a table."""
    runs = np.array([parts(result) for _ in range(1 + repeats)])
    text = "| processor s | pictures | explorer | report | all | all, wall s |\n" + "| --- " * 6 + "|\n"
    for name, some in (("first in a process", runs[:1]), ("later", runs[1:])):
        busy, wall = some[..., 1], some[..., 0].sum(axis=1)
        cells = [summary(list(values)) for values in (*busy.T, busy.sum(axis=1), wall)]
        text += f"| {name} | {' | '.join(cells)} |\n"
    return text


def parts(result: ContrastResult) -> list[tuple[float, float]]:
    """Make pictures, explorer and report; return the seconds and processor seconds of each."""
    clock = [(time.perf_counter(), time.process_time())]
    pictures = dict(draw(result))
    clock.append((time.perf_counter(), time.process_time()))
    explorer_page([result], pictures.get("highest", pictures["tdp"]))
    clock.append((time.perf_counter(), time.process_time()))
    report_page(result, pictures)
    clock.append((time.perf_counter(), time.process_time()))
    return [(b[0] - a[0], b[1] - a[1]) for a, b in pairwise(clock)]


def report_row(name: str, result: ContrastResult, folder: Path) -> str:
    """Render a report with its pictures."""
    size = made(folder / f"{name} report.html", lambda: report_page(result, dict(draw(result))))
    return f"| report, {name} | {active(result)} | | {size} | | | |\n"


def explorer_row(name: str, result: ContrastResult, folder: Path, browser: "Browser", openings: int) -> str:
    """Render an explorer, open it several times, and set 20 target TDPs each time."""
    path = folder / f"{name} explorer.html"
    pictures = dict(draw(result))
    size = made(path, lambda: explorer_page([result], pictures.get("highest", pictures["tdp"])))
    opened = [open_explorer(browser, path) for _ in range(openings)]
    updates = [update for _, each, _ in opened for update in each]
    rates = ", ".join(f"{rate:.0f}" for rate in np.median([each for *_, each in opened], axis=0))
    times = f"{summary([ready for ready, *_ in opened])} | {summary(updates)} | {rates}"
    return f"| explorer, {name} | {active(result)} | {least_tdp([result.forest])} | {size} | {times} |\n"


def active(result: ContrastResult) -> str:
    """Return the number of voxels and the TDP of the whole mask: without discoveries an explorer is small."""
    return f"{result.space.n_points:,} | {result.bound.whole / result.space.n_points:.2f}"


def open_explorer(browser: "Browser", path: Path) -> tuple[float, list[float], list[float]]:
    """Return the ms until a page is ready and of each update, and the frames a second while each picture is zoomed.

    An update is everything that depends on the target TDP, drawn.
    """
    window = browser.new_page(viewport={"width": 1400, "height": 900})
    window.goto(path.resolve().as_uri())
    window.wait_for_selector('body[data-ready="true"]')
    updates = []
    for target in TARGETS:
        window.evaluate("(target) => explorer.setTdp(target)", float(target))
        window.evaluate(UPDATED)
        updates.append(float(window.evaluate("explorer.timings.update")))
    ready = float(window.evaluate("explorer.timings.ready"))
    rates = []
    for picture, canvas in PICTURES.items():
        window.locator(f"[data-picture={picture}]").click()
        window.evaluate(UPDATED)
        times = window.evaluate(ZOOMED, [canvas, FRAMES])
        rates.append(1000 / float(np.mean(times)))
    window.close()
    return ready, updates, rates


@contextmanager
def chromium() -> Iterator["Browser"]:
    """Start the browser."""
    from playwright.sync_api import sync_playwright

    names = filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome")))
    path = os.environ.get("BIDS_ARI_CHROMIUM") or next(names)
    options: dict[str, Any] = {"args": ["--no-sandbox", "--disable-gpu", "--disable-background-networking"]}
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, **options)
        yield browser
        browser.close()


def pages_table(group: ContrastResult, folder: Path, n_subjects: int, many: int, openings: int) -> None:
    """Print a row for each page."""
    titles = (
        "| | voxels | TDP | least target TDP | MB | s to make (CPU) | ms until ready | ms of an update | frames/s |\n"
    )
    sys.stdout.write(titles + "| --- " * 9 + "|\n")
    with chromium() as browser:
        sys.stdout.write(report_row(f"{n_subjects} subjects", group, folder))
        sys.stdout.write(explorer_row("2 mm", group, folder, browser, openings))
        for name, height in (("1 mm, little signal", 12), ("1 mm, much signal", 40)):
            result = map_result(folder / "map", 1, height)
            sys.stdout.write(explorer_row(name, result, folder, browser, openings))
        result = group_result(folder / "many", many, 4)
        sys.stdout.write(report_row(f"{many:,} subjects", result, folder))


def main() -> None:
    """Print two tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--openings", type=int, default=5)
    parser.add_argument("--subjects", type=int, default=30)
    parser.add_argument("--many", type=int, default=1000)
    parser.add_argument("--folder", type=Path, help="where maps and pages are made, and kept")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        folder = arguments.folder or Path(temporary)
        for name in ("in", "many", "map"):
            (folder / name).mkdir(parents=True)
        group = group_result(folder / "in", arguments.subjects, 2)
        sys.stdout.write(f"{processor()}\n{parts_table(group, arguments.repeats)}")
        if arguments.openings:
            pages_table(group, folder, arguments.subjects, arguments.many, arguments.openings)


if __name__ == "__main__":
    main()
