"""Register the built-in components in the same way as any other plugin."""

from __future__ import annotations

from ..registry import Component, hookimpl

_HERE = "pluxel.plugins"
_VGG = "VGG-{}{} (Simonyan & Zisserman 2015), fc6 and fc7 as convolutions."
_FCN = "FCN-{}s (Long, Shelhamer & Darrell 2015): {}."


@hookimpl
def pluxel_backbones() -> list[Component]:
    """Register timm's networks and the three of the FCN paper."""
    vgg = [
        Component(
            f"vgg{depth}{suffix}",
            f"{_HERE}.backbones.vgg:VGG{depth}{suffix.removeprefix('_').upper()}",
            _VGG.format(depth, note),
        )
        for depth in (11, 13, 16, 19)
        for suffix, note in (("", ""), ("_bn", " with batch normalization"))
    ]
    return [
        Component(
            "timm",
            f"{_HERE}.backbones.timm_features:TimmBackbone",
            "Any timm network with spatial features (Wightman 2019).",
        ),
        *vgg,
        Component(
            "alexnet",
            f"{_HERE}.backbones.alexnet:AlexNet",
            "AlexNet (Krizhevsky 2012, 2014); fc6 and fc7 as convolutions.",
        ),
        Component(
            "caffenet",
            f"{_HERE}.backbones.alexnet:CaffeNet",
            "AlexNet as in the FCN paper: Caffe's reference network (Jia et al. 2014).",
        ),
        Component(
            "googlenet",
            f"{_HERE}.backbones.googlenet:GoogLeNet",
            "GoogLeNet (Szegedy et al. 2015) without classifiers.",
        ),
    ]


@hookimpl
def pluxel_decoders() -> list[Component]:
    """Register the three networks of the FCN paper, its two ways to denser scores, and SPNet."""
    notes = {
        32: "scores the deepest map",
        16: "fuses scores at strides 32 and 16",
        8: "fuses scores at strides 32, 16 and 8",
    }
    return [
        *(
            Component(
                f"fcn{stride}s", f"{_HERE}.decoders.fcn:FCN{stride}s", _FCN.format(stride, note)
            )
            for stride, note in notes.items()
        ),
        Component(
            "atrous",
            f"{_HERE}.decoders.atrous:Atrous",
            "Any decoder of one map at a finer stride, by dilated filters (FCN section 3.2).",
        ),
        Component(
            "shift_and_stitch",
            f"{_HERE}.decoders.shift_and_stitch:ShiftAndStitch",
            "Any decoder of one map at a finer stride, by shifted passes (FCN section 3.2).",
        ),
        Component(
            "semantic_projection",
            f"{_HERE}.decoders.semantic_projection:SemanticProjection",
            "Scores classes, even unseen ones, by vectors of their names (Xian et al. 2019).",
        ),
    ]


@hookimpl
def pluxel_losses() -> list[Component]:
    """Register losses of pixels and of regions, and their weighted sum."""
    return [
        Component(
            "cross_entropy",
            f"{_HERE}.losses.cross_entropy:CrossEntropy",
            "Softmax cross-entropy, mean or sum over pixels (Long, Shelhamer & Darrell 2015).",
        ),
        Component(
            "focal",
            f"{_HERE}.losses.focal:Focal",
            "Cross-entropy that focuses on hard pixels (Lin et al. 2017).",
        ),
        Component(
            "dice",
            f"{_HERE}.losses.dice:Dice",
            "Soft Dice overlap of each class (Milletari, Navab & Ahmadi 2016).",
        ),
        Component(
            "jaccard",
            f"{_HERE}.losses.jaccard:Jaccard",
            "Soft intersection over union of each class (Rahman & Wang 2016).",
        ),
        Component(
            "lovasz",
            f"{_HERE}.losses.lovasz:Lovasz",
            "Lovász-Softmax, convex surrogate of IoU (Berman, Triki & Blaschko 2018).",
        ),
        Component(
            "weighted_sum",
            f"{_HERE}.losses.weighted_sum:WeightedSum",
            "Several losses, each with its weight.",
        ),
        Component(
            "semantic",
            f"{_HERE}.losses.semantic:Semantic",
            "Cross-entropy with labels smoothed by the similarity of class names.",
        ),
    ]


@hookimpl
def pluxel_datasets() -> list[Component]:
    """Register readers of published datasets and of folders, and a dataset without files."""
    return [
        Component(
            "camvid",
            f"{_HERE}.datasets.camvid:CamVid",
            "CamVid, street video (Brostow, Fauqueur & Cipolla 2009), 11 classes.",
        ),
        Component(
            "voc",
            f"{_HERE}.datasets.voc:VOC",
            "PASCAL VOC 2011 and 2012 segmentation (Everingham et al. 2010), 21 classes.",
        ),
        Component(
            "folder",
            f"{_HERE}.datasets.folder:Folder",
            "Your own images and masks.",
        ),
        Component(
            "shapes",
            f"{_HERE}.datasets.shapes:Shapes",
            "Endless shapes drawn on textured backgrounds; needs no files.",
        ),
        Component(
            "concat",
            f"{_HERE}.datasets.concat:Concat",
            "Several datasets as one, with the classes of one of them.",
        ),
    ]


@hookimpl
def pluxel_embeddings() -> list[Component]:
    """Register the file formats of word vectors."""
    return [
        Component(
            "glove",
            f"{_HERE}.embeddings.glove:GloVe",
            "GloVe (Pennington, Socher & Manning 2014): 6B, 42B, 840B, twitter.27B, or a file.",
        ),
        Component(
            "fasttext",
            f"{_HERE}.embeddings.fasttext:FastText",
            "fastText (Bojanowski et al. 2017): .vec, .bin with subwords, .ftz.",
        ),
        Component(
            "word2vec",
            f"{_HERE}.embeddings.word2vec:Word2Vec",
            "word2vec (Mikolov et al. 2013): a text or binary file.",
        ),
        Component(
            "table",
            f"{_HERE}.embeddings.table:Table",
            "Vectors of your own: safetensors, or .npy and a list of words.",
        ),
    ]
