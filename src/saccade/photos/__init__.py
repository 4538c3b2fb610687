"""Photos: files of any kind to RGB, and how a photo is fitted to an encoder's input."""
