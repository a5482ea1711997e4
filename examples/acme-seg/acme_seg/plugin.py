"""The components of acme-seg, described without importing them."""

from pluxel.registry import Component, hookimpl


@hookimpl
def pluxel_decoders() -> list[Component]:
    """Register the decoder."""
    return [Component("slim_unet", "acme_seg.unet:UNet", "A slim U-Net (Ronneberger et al. 2015).")]
