"""How long `saccade survey --boxes` takes: attention alone, then all maps with verdicts.

    python benchmarks/survey.py flickr8k/captions.jsonl runs/mine flickr30k_entities features 1000

The fifth argument is how many pictures of the validation split; the fourth the feature cache, which
is filled first, so that neither run pays for it. CPU time is the figure to compare: on a busy
machine the wall clock says more about the others.
"""

import os
import resource
import subprocess
import sys
import time

MAPS = ("attention", "attention,gradient,occlusion")


def main() -> None:
    data, model, boxes, cache, count = sys.argv[1:]
    command = [sys.executable, "-m", "saccade", "survey", data, "--model", model, "--boxes", boxes]
    command += ["--cache", cache, "--measured", "0", "--limit", count, "--cpu"]
    subprocess.run([*command, "--maps", "attention"], check=True, capture_output=True)  # the cache
    for maps in MAPS:
        before, began = resource.getrusage(resource.RUSAGE_CHILDREN), time.monotonic()
        subprocess.run([*command, "--maps", maps], check=True, capture_output=True)
        after, wall = resource.getrusage(resource.RUSAGE_CHILDREN), time.monotonic() - began
        used = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
        print(
            f"{maps}: {count} pictures, {used:.0f} s of CPU, {wall:.0f} s by the clock, "
            f"load {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores"
        )


if __name__ == "__main__":
    main()
