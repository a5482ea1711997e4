"""What acme-seg offers to Pluxel; nothing heavy is imported until a component is built."""

from pluxel.registry import Component, hookimpl


@hookimpl
def pluxel_decoders() -> list[Component]:
    """Offer the decoder."""
    return [Component("unet", "acme_seg.unet:UNet", "U-Net decoder (Ronneberger et al. 2015).")]
