"""Decoders: one file or folder each, all to the contract of `saccade.models.contract`."""
