"""What kind of character each one is to the tokenizer.

The original was built on the letters of Unicode 6; Python's own tables are newer and differ between
its versions, so the kinds are written down here. They were found by asking the original about each
character of the basic plane, alone, between letters, between digits and beside spaces.
"""

from __future__ import annotations

import re

# From U+0080 on, runs of one kind: its letter, and how many characters (hexadecimal, 1 left out).
# L letter, M mark, D digit, S symbol that is a token of its own, U unknown: dropped, and what stood
# before and after it is apart; X a character that some rule names.
_RUNS = (
    "XU10X4UX2U9SX3S5LXSXS4X2SLS3XLX4SL17SL1fSL1caM4LcMeL5M7LMLM81L5ML2M2L4SU5M2LSL3ULUL14UL5"
    "3ML8bUM5U2L9eU9L26U2LM6UL27USXU6M2dSMSM2SM2SMU8L1bU5L3S2UbS4U2S7U7SM6SU2S2L2bM14UDaSX2SL"
    "2ML63SLMfL2M7L2DaL3M2LSeUMLML1eM1dL59MbLUeDaL21M9L2S3ULU5L16U4LU9LU3LU17L19U47LULbU53M4L"
    "36U2MLM11ULM5U2LaM2S2DaUL7UL7UM3UL8U2L2U2L16UL7ULU3L4U2MLM7U2M2U2M3LU8MU4L2UL3M2U2DaL2Uf"
    "M3UL6U4L2U2L16UL7UL2UL2UL2U2MUM12U9L4ULU7DaU2L3UcM3UL9UL3UL16UL7UL2UL5U2MLM12LUfL2U4DaU1"
    "5L8U2L2U2L16UL7UL2UL5U3LU1eL2UL3U4DaULU10MLUL6U3L3UL4U3L2ULUL2U3L2U3L3U3LcU4M5U3M3UM4U2L"
    "U15DaU11M3UL8UL3UL17ULaUL5U3LM19UL2U6L2U4DaU15L8UL3UL17ULaUL5U3LU20LUL2U4DaUL2U12L8UL3UL"
    "29U2LM7UM3U5LU11L2U4DaUaL6U5L12U3L18UL9ULU2L7U3aL30ML2M7U4SL7M8SDaU27L2ULU2L2ULU2LU6L4UL"
    "7UL3ULULU2L2UL4ML2M9LU2L5ULUM6U2DaU2L4U20LU1fDaU16L8UL24U1bL5U73L2bU14LDaU6L6U4L4U3LU3L2"
    "U7L3U4LdUcLUDaU6L26ULU5LU2L2bUL14dUL4U2L7ULUL4U2L29UL4U2L21UL4U2L7ULUL4U2LfUL39UL4U2L43U"
    "25L10U10L55UcL26cU2L11UL1aU5L4bU15LdUL4UeL12UeL12UeLdUL3UfL34U23LU4LU3DaU26DaU6L58U8L29U"
    "LU5L46UaL1dU29DaL1eU2L5UbL2cU15L7U8DaU26L17U9L35U2bDaU6DaUdLU5dL2fU11L7U4DaU29L1eUdL2DaL"
    "2cU1aL24U1cDaU3L3DaL24U6bL4UL4U3L2U9Lc0U40L116U2L6U2L26U2L6U2L8ULULULUL1fU2L35UL7SLU3L3U"
    "L7U3L4U2L6U4LdU5L3UL7U13X2UX3S2X8S4U2XU9S9X2SU2S5UXU2bXLU2X6S5LXaS5ULdU3XU3SU7XU53S2LS4L"
    "S2LaSLS3L5S6LSLSLSL4SLbS2L4S5L5S4LSU3X2SaU24L2UbSa70L2fUL2fUL85U6L4U3L2UcL26ULU5LU2L38U7"
    "LU10L17U9L7UL7UL7UL7UL7UL7UL7UL7U50LU1d1S2U2L2UbSU1eL5U5L2U4L56U6L3UL5aSL4U5L29U3L5eU11L"
    "1bU35L10U200L19b6U4aL51cdU33L48dU43L2eU2L10dU3L10DaL2U14L2fU10L19U8L46U31L9U2L67U2L4UL4U"
    "cLbU4dLaUL3UL4UL17U1dL34UeL32U1cDaU18L6U3LU4DaL1cUaL17U19L1dU7L2fU1cLDaU26L29U17L3UL8U4D"
    "aU6L17U3LU5L30ULU3L2U2L5U2LULU18L3U2LbU7L3UcL6U2L6U2L6U9L7UL7U91L23UdDaU6L2ba4UcL17U4L31"
    "U2104L16eU2L6aU26L7UcL5U5LULaULdUL5ULUL2UL2UL6cU21L16bU12L40U2L36U28LcU74L5UL87U4SfDaS7L"
    "1aS6L1aSbL59U3L6U2L6U2L6U2L3U3S2U3S2U19"
)
STANDS_FOR = {"L": "é", "M": "\u0301", "D": "٠", "S": "§", "U": "\0"}
_SPACES = "\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a\u3000"


class _Kinds(dict[int, str]):
    """A table for `str.translate`; characters it lacks are beyond the basic plane: unknown."""

    def __missing__(self, code: int) -> str:
        return "\0"


def _build() -> _Kinds:
    kinds = _Kinds({code: chr(code) if 32 <= code < 127 else "\0" for code in range(128)})
    code = 128
    for kind, count in re.findall("([LMDSUX])([0-9a-f]*)", _RUNS):
        for _ in range(int(count or "1", 16)):
            kinds[code] = STANDS_FOR.get(kind) or chr(code)
            code += 1
    kinds |= {ord(space): "\u2003" for space in _SPACES}
    kinds[9] = "\t"
    kinds[0xA0] = "\xa0"
    kinds[0x3001] = "、"
    return kinds


_table: _Kinds | None = None


def kinds(text: str) -> str:
    """A text as long as this one, every character outside ASCII replaced by one of its kind."""
    global _table
    if text.isascii() and text.isprintable():
        return text
    if _table is None:
        _table = _build()
    return text.translate(_table)
