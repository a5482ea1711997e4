"""Files, logs, progress, timing, device names and precision: nothing here knows of images."""
