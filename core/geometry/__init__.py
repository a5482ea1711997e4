"""The positions of the cells of feature maps in the input image, for any network."""
