"""Register the built-in components in the same way as any other plugin."""

from __future__ import annotations

from collections.abc import Mapping

from ..registry import Component, hookimpl

Entries = Mapping[str, tuple[str, str]]
"""Name of a component -> its module and class, and its summary."""

_BACKBONES: Entries = {
    "timm": (
        "timm_features:TimmBackbone",
        "Any timm network with spatial features (Wightman 2019).",
    ),
    "vit_pyramid": (
        "vit_pyramid:ViTPyramid",
        "Maps of four strides from any plain vision transformer of timm (Li et al. 2022).",
    ),
    **{
        f"vgg{depth}{suffix}": (
            f"vgg:VGG{depth}{suffix.removeprefix('_').upper()}",
            f"VGG-{depth}{note} (Simonyan & Zisserman 2015), fc6 and fc7 as convolutions.",
        )
        for depth in (11, 13, 16, 19)
        for suffix, note in (("", ""), ("_bn", " with batch normalization"))
    },
    "alexnet": ("alexnet:AlexNet", "AlexNet (Krizhevsky 2012, 2014); fc6 and fc7 as convolutions."),
    "caffenet": (
        "alexnet:CaffeNet",
        "AlexNet as in the FCN paper: Caffe's reference network (Jia et al. 2014).",
    ),
    "googlenet": ("googlenet:GoogLeNet", "GoogLeNet (Szegedy et al. 2015) without classifiers."),
    "bvlc_googlenet": (
        "bvlc_googlenet:BVLCGoogLeNet",
        "GoogLeNet as in the FCN paper: 5×5 filters, as Caffe publishes it (Szegedy et al. 2015).",
    ),
}
_DECODERS: Entries = {
    **{
        f"fcn{stride}s": (
            f"fcn:FCN{stride}s",
            f"FCN-{stride}s (Long, Shelhamer & Darrell 2015): {note}.",
        )
        for stride, note in (
            (32, "scores the deepest map"),
            (16, "fuses the scores of two strides, usually 32 and 16"),
            (8, "fuses the scores of three strides, usually 32, 16 and 8"),
            (4, "fuses the scores of four strides, usually 32 to 4"),
            (2, "fuses the scores of five strides, usually 32 to 2"),
        )
    },
    "unet": (
        "unet:UNet",
        "U-Net (Ronneberger, Fischer & Brox 2015): up to the pixels, with a skip at each step.",
    ),
    "unetplusplus": (
        "unetplusplus:UNetPlusPlus",
        "U-Net++ (Zhou et al. 2018): a U-Net with dense blocks between the skips.",
    ),
    "linknet": (
        "linknet:LinkNet",
        "LinkNet (Chaurasia & Culurciello 2017): up to the pixels, adding skips; fast.",
    ),
    "fpn": (
        "fpn:SemanticFPN",
        "Semantic FPN (Kirillov et al. 2019): a feature pyramid, merged at its finest map.",
    ),
    "pspnet": (
        "pspnet:PSPNet",
        "PSPNet (Zhao et al. 2017): means of the image's parts, appended to one map.",
    ),
    "deeplabv3": (
        "deeplab:DeepLabV3",
        "DeepLabV3 (Chen et al. 2017): the deepest map, seen at several dilations.",
    ),
    "deeplabv3plus": (
        "deeplab:DeepLabV3Plus",
        "DeepLabV3+ (Chen et al. 2018): the same, refined with a fine map.",
    ),
    "upernet": (
        "upernet:UPerNet",
        "UPerNet (Xiao et al. 2018): pyramid pooling, then a feature pyramid.",
    ),
    "segformer": (
        "segformer:SegFormer",
        "SegFormer's decoder (Xie et al. 2021): linear layers fuse all maps.",
    ),
    "dpt": (
        "dpt:DPT",
        "DPT (Ranftl, Bochkovskiy & Koltun 2021): blocks of a transformer, fused to stride 2.",
    ),
    "linear": ("linear:Linear", "A linear layer on the deepest map (Oquab et al. 2024)."),
    "fcn_head": (
        "fcn_head:FCNHead",
        "3×3 convolutions and scores on one map, as auxiliary heads have.",
    ),
    "atrous": (
        "atrous:Atrous",
        "Any decoder of one map at a finer stride, by dilated filters (FCN section 3.2).",
    ),
    "shift_and_stitch": (
        "shift_and_stitch:ShiftAndStitch",
        "Any decoder of one map at a finer stride, by shifted passes (FCN section 3.2).",
    ),
    "semantic_projection": (
        "semantic_projection:SemanticProjection",
        "Scores classes, even unseen ones, by vectors of their names (Xian et al. 2019).",
    ),
}
_LOSSES: Entries = {
    "cross_entropy": (
        "cross_entropy:CrossEntropy",
        "Softmax cross-entropy, mean or sum over pixels (Long, Shelhamer & Darrell 2015).",
    ),
    "focal": ("focal:Focal", "Cross-entropy that focuses on hard pixels (Lin et al. 2017)."),
    "dice": ("dice:Dice", "Soft Dice overlap of each class (Milletari, Navab & Ahmadi 2016)."),
    "jaccard": (
        "jaccard:Jaccard",
        "Soft intersection over union of each class (Rahman & Wang 2016).",
    ),
    "lovasz": (
        "lovasz:Lovasz",
        "Lovász-Softmax, convex surrogate of IoU (Berman, Triki & Blaschko 2018).",
    ),
    "tversky": (
        "tversky:Tversky",
        "Overlap that weighs false positives and negatives apart (Salehi et al. 2017).",
    ),
    "focal_tversky": (
        "tversky:FocalTversky",
        "A power of the Tversky loss, for small objects (Abraham & Khan 2019).",
    ),
    "mcc": ("mcc:MCC", "Matthews' correlation coefficient (Abhishek & Hamarneh 2021)."),
    "ohem": ("ohem:OHEM", "Cross-entropy of the hardest pixels (Shrivastava et al. 2016)."),
    "cldice": (
        "cldice:CLDice",
        "Centerline Dice, which keeps thin structures connected (Shit et al. 2021).",
    ),
    "weighted_sum": ("weighted_sum:WeightedSum", "Several losses, each with its weight."),
    "semantic": (
        "semantic:Semantic",
        "Cross-entropy with labels smoothed by the similarity of class names.",
    ),
}
_DATASETS: Entries = {
    "camvid": (
        "camvid:CamVid",
        "CamVid, street video (Brostow, Fauqueur & Cipolla 2009), 11 classes.",
    ),
    "voc": (
        "voc:VOC",
        "PASCAL VOC 2011 and 2012 segmentation (Everingham et al. 2010), 21 classes.",
    ),
    "sbd": (
        "sbd:SBD",
        "SBD, masks for 11,355 images of VOC 2011 (Hariharan et al. 2011), 21 classes.",
    ),
    "voc_sbd": (
        "voc_sbd:VOCAndSBD",
        "VOC and SBD to train on, without the images to evaluate on, 21 classes.",
    ),
    "siftflow": (
        "siftflow:SIFTFlow",
        "SIFT Flow (Liu, Yuen & Torralba 2011), 33 semantic and 3 geometric classes.",
    ),
    "pascal_context": (
        "pascal_context:PascalContext",
        "PASCAL-Context (Mottaghi et al. 2014), 59 classes, or 60 with the background.",
    ),
    "nyudv2": (
        "nyudv2:NYUDv2",
        "NYUDv2 (Silberman et al. 2012), color, depth and HHA, 40, 13 or 4 classes.",
    ),
    "cityscapes": (
        "cityscapes:Cityscapes",
        "Cityscapes, street scenes (Cordts et al. 2016), 19 classes.",
    ),
    "ade20k": ("ade20k:ADE20K", "ADE20K for scene parsing (Zhou et al. 2017), 150 classes."),
    "coco_stuff": (
        "coco_stuff:COCOStuff",
        "COCO-Stuff on COCO 2017 (Caesar, Uijlings & Ferrari 2018), 171 classes.",
    ),
    "oxford_pets": (
        "oxford_pets:OxfordPets",
        "Oxford-IIIT Pet (Parkhi et al. 2012): pet, background and the boundary between them.",
    ),
    "loveda": ("loveda:LoveDA", "LoveDA, land cover from above (Wang et al. 2021), 7 classes."),
    "mapillary_vistas": (
        "mapillary_vistas:MapillaryVistas",
        "Mapillary Vistas, street scenes (Neuhold et al. 2017), 66 or 124 classes.",
    ),
    "folder": ("folder:Folder", "Your own images and masks."),
    "shapes": ("shapes:Shapes", "Endless shapes drawn on textured backgrounds; needs no files."),
    "concat": ("concat:Concat", "Several datasets as one, with the classes of one of them."),
    "masked": ("masked:Masked", "Any dataset with foreground or background hidden (FCN, table 8)."),
}
_EMBEDDINGS: Entries = {
    "glove": (
        "glove:GloVe",
        "GloVe (Pennington, Socher & Manning 2014): 6B, 42B, 840B, twitter.27B, or a file.",
    ),
    "fasttext": (
        "fasttext:FastText",
        "fastText (Bojanowski et al. 2017): .vec, .bin with subwords, .ftz.",
    ),
    "word2vec": ("word2vec:Word2Vec", "word2vec (Mikolov et al. 2013): a text or binary file."),
    "table": ("table:Table", "Vectors of your own: safetensors, or .npy and a list of words."),
}
_METRICS: Entries = {
    "dice": ("overlap:DiceScore", "Dice coefficient, or F1, of each class (Dice 1945)."),
    "precision": ("overlap:PrecisionScore", "Share of the predicted pixels that are right."),
    "recall": ("overlap:RecallScore", "Share of the labeled pixels that are right."),
    "boundary_iou": (
        "boundary_iou:BoundaryIoU",
        "IoU of the pixels near the boundaries of each class (Cheng et al. 2021).",
    ),
    "boundary_f1": (
        "boundary_f1:BoundaryF1",
        "F1 of the boundaries of each class, the BF of CamVid (Csurka et al. 2013).",
    ),
    "per_image": ("per_image:PerImage", "Mean over images of the mean IoU of each image."),
    "calibration": (
        "calibration:Calibration",
        "Expected calibration error of the probabilities (Guo et al. 2017).",
    ),
}
_TRACKERS: Entries = {
    "csv": ("csv_file:CSVFile", "A table of all scalars in the run directory, scalars.csv."),
    "tensorboard": (
        "tensorboard_events:TensorBoard",
        "Event files for TensorBoard (Abadi et al. 2016).",
    ),
    "wandb": (
        "wandb_run:WandB",
        "Weights & Biases (Biewald 2020), offline unless asked otherwise.",
    ),
    "mlflow": (
        "mlflow_run:MLflow",
        "MLflow (Zaharia et al. 2018), by default in a local database.",
    ),
    "trackio": ("trackio_run:Trackio", "Trackio, a local dashboard (Hugging Face 2025)."),
}


def _components(package: str, entries: Entries) -> list[Component]:
    return [
        Component(name, f"{__name__}.{package}.{place}", summary)
        for name, (place, summary) in entries.items()
    ]


@hookimpl
def pluxel_backbones() -> list[Component]:
    """Register timm's networks and those of the FCN paper."""
    return _components("backbones", _BACKBONES)


@hookimpl
def pluxel_decoders() -> list[Component]:
    """Register the networks of the FCN paper, its two ways to denser scores, and SPNet."""
    return _components("decoders", _DECODERS)


@hookimpl
def pluxel_losses() -> list[Component]:
    """Register losses of pixels and of regions, and their weighted sum."""
    return _components("losses", _LOSSES)


@hookimpl
def pluxel_datasets() -> list[Component]:
    """Register readers of published datasets and of folders, and a dataset without files."""
    return _components("datasets", _DATASETS)


@hookimpl
def pluxel_embeddings() -> list[Component]:
    """Register the file formats of word vectors."""
    return _components("embeddings", _EMBEDDINGS)


@hookimpl
def pluxel_metrics() -> list[Component]:
    """Register metrics of overlap, of boundaries, of images and of probabilities."""
    return _components("metrics", _METRICS)


@hookimpl
def pluxel_trackers() -> list[Component]:
    """Register a table and the trackers of other packages."""
    return _components("trackers", _TRACKERS)
