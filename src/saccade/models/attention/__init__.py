"""Functions and modules that weigh cells."""
