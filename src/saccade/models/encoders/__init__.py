"""From pixels to the features of cells."""
