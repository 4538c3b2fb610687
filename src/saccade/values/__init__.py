"""The values that flow through Saccade: plain frozen dataclasses, one module per subject.

Letters for shapes, here and everywhere: B pictures, N captions or hypotheses (N = B * K), K beams,
T words, L grid cells (h * w), F feature width, D hidden width, A attention width, V vocabulary.
"""
