"""Ray Data on a local cluster of two CPUs: the same captions, and a run that goes on.

Not among what `make test` installs: `pip install 'saccade-captioner[ray]'`, then
`python -m pytest tests/batch/test_ray.py`.
"""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from PIL import Image

from saccade import Captioner
from saccade.errors import UsageError

ray = pytest.importorskip("ray", reason="pip install 'saccade-captioner[ray]'")
pytestmark = pytest.mark.filterwarnings("ignore")  # of Ray's own parts
PATIENCE = 1800  # seconds: on a busy machine a cluster starts in minutes


@pytest.fixture(scope="module")
def photos(tmp_path_factory, data) -> Path:
    """150 photos, no two alike, one of them damaged."""
    folder = tmp_path_factory.mktemp("ray") / "photos"
    folder.mkdir()
    sources = sorted((data / "images").iterdir())
    for number in range(150):
        image = Image.open(sources[number % len(sources)]).convert("RGB")
        image.putpixel((0, 0), (number, 1, 2))
        image.save(folder / f"{number:03}.png")
    (folder / "bad.jpg").write_bytes(b"\xff\xd8 no photo")
    return folder


def saccade(*arguments: object) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "saccade", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE)


def captions(table: Path) -> dict[str, str]:
    if table.is_dir():
        import pyarrow.parquet

        rows = pyarrow.parquet.read_table(table).to_pylist()
    else:
        rows = [json.loads(line) for line in table.read_text().splitlines()]
    assert len({row["sha256"] for row in rows}) == len(rows)
    return {row["photo"]: row["caption"] for row in rows}


def test_the_same_captions_as_the_plain_way_and_a_second_run_does_nothing(photos, run, tmp_path):
    common = ["caption", photos, "--model", run, "--cpu", "--write"]
    plain = saccade(*common, f"jsonl={tmp_path}/plain.jsonl")
    clustered = saccade(*common, f"parquet={tmp_path}/ray.parquet", "--ray")
    assert plain.returncode == clustered.returncode == 1  # the damaged one
    for done in (plain, clustered):
        assert "150 of 151 photos captioned and written" in done.stderr
        assert "bad.jpg is not a picture" in done.stderr
    table = captions(tmp_path / "ray.parquet")
    assert table == captions(tmp_path / "plain.jsonl")
    again = saccade(*common, f"parquet={tmp_path}/ray.parquet", "--ray", "local")
    assert "0 of 151 photos captioned and written; 150 had their text" in again.stderr
    assert captions(tmp_path / "ray.parquet") == table
    refused = saccade(*common, "txt", "--ray")
    assert refused.returncode == 2
    assert "--ray writes tables" in refused.stderr
    assert not list(photos.glob("*.txt"))


def test_a_kill_and_the_next_run(photos, run, tmp_path):
    folder = tmp_path / "photos"
    shutil.copytree(photos, folder)
    (folder / "bad.jpg").unlink()
    table = tmp_path / "all.jsonl"
    command = [sys.executable, "-m", "saccade", "caption", str(folder), "--model", str(run)]
    command += ["--cpu", "--write", f"jsonl={table}", "--ray"]
    process = subprocess.Popen(command, stderr=subprocess.DEVNULL, start_new_session=True)
    deadline = time.monotonic() + PATIENCE
    while process.poll() is None and time.monotonic() < deadline:
        if table.exists() and table.read_bytes():
            os.killpg(process.pid, signal.SIGKILL)
            break
        time.sleep(0.01)
    process.wait(60)
    kept = captions(table)
    assert kept
    done = saccade(*command[3:])
    assert done.returncode == 0
    assert f"{len(kept)} had their text already" in done.stderr or len(kept) == 150
    assert len(captions(table)) == 150


def test_data_sets_of_ones_own(photos, run, monkeypatch):
    """Bytes in a column; two actors that would take both CPUs are refused."""
    from saccade.batch import caption_dataset

    monkeypatch.setenv("RAY_USAGE_STATS_ENABLED", "0")
    ray.init(num_cpus=2, include_dashboard=False, log_to_driver=False, logging_level="ERROR")
    try:
        ray.data.DataContext.get_current().enable_progress_bars = False
        paths = sorted(photos.glob("00*.png"))
        rows = [{"bytes": path.read_bytes(), "n": n} for n, path in enumerate(paths)]
        ds = ray.data.from_items(rows)
        with pytest.raises(UsageError, match="2 actors of 1 threads do not fit"):
            caption_dataset(ds, run, actors=2, cpu=True)
        result = caption_dataset(ds, run, cpu=True, beams=2, batch=4).take_all()
        texts = {row["n"]: row["caption"] for row in result}
        captioner = Captioner.from_pretrained(run, device="cpu")
        plain = captioner.caption(paths, beams=2)
        assert texts == {n: caption.text for n, caption in enumerate(plain)}
        assert set(result[0]) == {"n", "caption", "caption_error", "sha256"}
        skip = [row["sha256"] for row in result[:3]]
        rest = caption_dataset(ds, run, cpu=True, skip=skip).take_all()
        assert len(rest) == len(paths) - 3
    finally:
        ray.shutdown()
