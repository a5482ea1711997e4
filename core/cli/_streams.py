"""The standard streams: open, in UTF-8, and aware of the errors of writing to them."""

from __future__ import annotations

import io
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, TextIO

if TYPE_CHECKING:
    from typing_extensions import Buffer


class _Output(io.FileIO):
    """Writes to a standard stream, and remembers the last error of it."""

    error: OSError | None = None

    def write(self, content: Buffer, /) -> int | None:
        """Write bytes; return how many were written."""
        try:
            return super().write(content)
        except OSError as error:
            self.error = error
            raise


def prepare_streams() -> None:
    """Open closed streams, choose encodings, and remember errors of writing."""
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        stream = getattr(sys, name)
        if stream is None:  # closed, as after >&-
            setattr(sys, name, Path(os.devnull).open(mode, encoding="utf-8"))  # noqa: SIM115
        elif mode == "w" and isinstance(stream, io.TextIOWrapper):
            stream = _remembering(stream)
            setattr(sys, name, stream)
            # Write UTF-8 to files and pipes, as Pluxel reads it; show what a terminal can.
            encoding = None if stream.isatty() else "utf-8"
            stream.reconfigure(encoding=encoding, errors="replace" if encoding is None else None)


def streams_that_raised(error: OSError) -> list[TextIO]:
    """Return the standard streams whose writing raised an error."""
    outputs = ((stream, _raw(stream)) for stream in (sys.stdout, sys.stderr))
    return [stream for stream, raw in outputs if isinstance(raw, _Output) and raw.error is error]


def _raw(stream: TextIO) -> object:
    buffer = getattr(stream, "buffer", None)
    return getattr(buffer, "raw", buffer)


def _remembering(stream: io.TextIOWrapper) -> io.TextIOWrapper:
    """Return a stream to the same file, unless it is a console of Windows or no real file."""
    if type(_raw(stream)) is not io.FileIO:
        return stream
    stream.flush()
    raw = _Output(stream.fileno(), "wb", closefd=False)
    return io.TextIOWrapper(
        io.BufferedWriter(raw),
        encoding=stream.encoding,
        errors=stream.errors,
        line_buffering=stream.line_buffering,
        write_through=stream.write_through,
    )
