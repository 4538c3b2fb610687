"""Keep freed memory for reuse: on Linux it makes convolution on the CPU up to three times faster.

glibc returns every large block to the kernel at once and fetches it again, zeroed page by page, at
the next layer; half of an encoder's time went into that (22 photos/s against 70 on the machine of
docs/results.md). The program turns it off for its own process; the library leaves it alone.
"""

import sys

_TRIM_THRESHOLD, _TOP_PAD, _MMAP_MAX = -1, -2, -4  # malloc.h


def keep_memory() -> bool:
    """Ask glibc to keep what is freed. Returns whether it did (other systems have no glibc)."""
    if not sys.platform.startswith("linux"):
        return False
    import ctypes  # slow to load

    try:
        mallopt = ctypes.CDLL("libc.so.6").mallopt
    except (OSError, AttributeError):
        return False
    settings = ((_MMAP_MAX, 0), (_TRIM_THRESHOLD, 2**31 - 1), (_TOP_PAD, 64 * 2**20))
    return all(mallopt(option, value) == 1 for option, value in settings)
