"""The page of the YAML: every key of every section."""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterator

from _tables import NOTE, fields, models_in, paragraphs, parameter_table, title
from pluxel.core.config.sections.embedding import EmbeddingConfig
from pluxel.core.config.sections.pipeline import PipelineConfig
from pydantic import BaseModel

HEAD = f"""\
# Reference: YAML

{NOTE}
These are the keys of a pipeline and of a file of word vectors, with their types and defaults.
[Configuration](../config.md) explains how files are merged, overridden and referred to. A JSON
Schema, [pluxel.schema.json](../../configs/pluxel.schema.json), describes the same for
[editors](../config.md#editors). `null` stands for the default unless a type contains it.

A pipeline is written in the long form, with `streams` and `heads`, or in the short form, with
`backbone`, `decoder`, `loss`, `labels` and `zero_shot` at the top: one stream, `image`,
and one head, `semantic`. `base` names the files to build on.

Wherever a type is a component, the value is a name (`decoder: fcn8s`) or a mapping with the key
`type` and the parameters of the component. Their pages list both:
[backbones](backbone.md), [decoders](decoder.md), [losses](loss.md), [datasets](dataset.md),
[embeddings](embedding.md) and [trackers](tracker.md).
"""


def keys_page() -> str:
    """Return the page."""
    sections: list[type[BaseModel]] = []
    for root in (PipelineConfig, EmbeddingConfig):
        _collect(root, sections)
    names = {one.__name__: title(one) for one in sections}
    body = "\n".join(line for one in sections for line in _section(one))
    pattern = re.compile(rf"\b({'|'.join(names)})\b(?=.* \| )")

    def link(match: re.Match[str]) -> str:
        heading = names[match[1]]
        return f"[{heading}](#{heading.lower().replace(' ', '-')})"

    return f"{HEAD}\n{pattern.sub(link, body)}"


def _collect(model: type[BaseModel], sections: list[type[BaseModel]]) -> None:
    if model in sections:
        return
    sections.append(model)
    for field in model.model_fields.values():
        for inner in models_in(field.annotation):
            _collect(inner, sections)


def _section(model: type[BaseModel]) -> Iterator[str]:
    yield f"## {title(model)}\n"
    yield paragraphs(inspect.getdoc(model) or "") + "\n"
    yield from parameter_table(fields(model))
