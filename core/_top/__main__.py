"""``python -m pluxel`` is ``pluxel``."""

from .core.cli import main

main()
