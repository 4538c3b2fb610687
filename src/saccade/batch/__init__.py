"""Captions for data sets of other libraries: `datasets`' map, and Ray Data on many machines."""

from saccade.batch.distributed import caption_dataset
from saccade.batch.mapping import caption_batch

__all__ = ["caption_batch", "caption_dataset"]
