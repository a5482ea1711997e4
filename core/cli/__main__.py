"""``python -m pluxel.core.cli`` is ``pluxel``."""

from ._main import main

main()
