"""Files, logs, progress, timing, devices and precision; nothing here depends on images."""
