"""Encoders, attention decoders, and the captioner that composes them."""
