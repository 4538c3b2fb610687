"""Keeping freed memory: the program may, the library does not."""

import subprocess
import sys

import pytest

from saccade.cli.allocator import keep_memory


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="mallopt is glibc's, on Linux")
def test_freed_memory_is_kept_for_the_next_block():
    """In a process of its own: after keep_memory, freeing 200 MB leaves it resident."""
    script = """
import resource, sys
from pathlib import Path
import numpy as np
from saccade.cli.allocator import keep_memory

def resident():
    return int(Path("/proc/self/statm").read_text().split()[1]) * resource.getpagesize()

if sys.argv[1] == "keep":
    assert keep_memory()
before = resident()
block = np.ones(25_000_000)
del block
print(resident() - before)
"""
    grown = {
        how: int(subprocess.check_output([sys.executable, "-c", script, how]))
        for how in ("keep", "plain")
    }
    assert grown["keep"] > 150e6
    assert grown["plain"] < 50e6


def test_other_systems_are_left_alone(monkeypatch):
    monkeypatch.setattr(sys, "platform", "win32")
    assert keep_memory() is False
