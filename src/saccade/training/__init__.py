"""Training: losses, tasks, the loop, and the folder that a run leaves."""
