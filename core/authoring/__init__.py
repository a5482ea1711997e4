"""Base classes and tools for plugin authors, in addition to ``pluxel.core``.

Each name is imported on first access.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..common.exports import exports

if TYPE_CHECKING:
    from ..common.files import expand_home as expand_home
    from ..common.files import read_lines as read_lines
    from ..common.files import replacing as replacing
    from ..common.files import require_file as require_file
    from ..common.logs import log_once as log_once
    from ..common.logs import logger as logger
    from ..common.progress import track as track
    from ..config.sections.factory import Embeddings as Embeddings
    from ..config.sections.labels import AlignConfig as AlignConfig
    from ..config.sections.labels import declared_labels as declared_labels
    from ..contracts.colors import unpack as unpack
    from ..contracts.colors import voc_color as voc_color
    from ..contracts.inputs import InputKind as InputKind
    from ..contracts.inputs import InputSpec as InputSpec
    from ..contracts.inputs import MissingPixels as MissingPixels
    from ..contracts.labels import IGNORE as IGNORE
    from ..contracts.labels import MAIN as MAIN
    from ..contracts.labels import LabelError as LabelError
    from ..contracts.labels import RawId as RawId
    from ..contracts.labels import RawIds as RawIds
    from ..contracts.labels import main_map as main_map
    from ..contracts.labels import raw_id as raw_id
    from ..contracts.normalization import CAFFE_NORMALIZATION as CAFFE_NORMALIZATION
    from ..contracts.offers import input_specs as input_specs
    from ..contracts.offers import is_endless as is_endless
    from ..contracts.offers import pad_multiple as pad_multiple
    from ..contracts.offers import resolved_parameters as resolved_parameters
    from ..contracts.offers import unpaired_files as unpaired_files
    from ..contracts.optional import AdaptsState as AdaptsState
    from ..contracts.optional import ChecksPretrained as ChecksPretrained
    from ..contracts.optional import DeclaresLabels as DeclaresLabels
    from ..contracts.optional import DeclaresSuffixes as DeclaresSuffixes
    from ..contracts.optional import DenseForm as DenseForm
    from ..contracts.optional import DerivedFile as DerivedFile
    from ..contracts.optional import DerivesFiles as DerivesFiles
    from ..contracts.optional import Endless as Endless
    from ..contracts.optional import FindsVectors as FindsVectors
    from ..contracts.optional import LimitsInput as LimitsInput
    from ..contracts.optional import ListsNames as ListsNames
    from ..contracts.optional import ListsUnpaired as ListsUnpaired
    from ..contracts.optional import LoadsPretrained as LoadsPretrained
    from ..contracts.optional import OffersVectors as OffersVectors
    from ..contracts.optional import PadsInput as PadsInput
    from ..contracts.optional import PerPixel as PerPixel
    from ..contracts.optional import RecognizesFiles as RecognizesFiles
    from ..contracts.optional import ResolvesParameters as ResolvesParameters
    from ..contracts.optional import ScoresDensely as ScoresDensely
    from ..contracts.optional import SpecifiesInputs as SpecifiesInputs
    from ..contracts.optional import SumsLosses as SumsLosses
    from ..contracts.optional import WeighsClasses as WeighsClasses
    from ..contracts.optional import WrapsDecoder as WrapsDecoder
    from ..contracts.signature import RenamedFrom as RenamedFrom
    from ..contracts.targets import is_readable as is_readable
    from ..data.annotations import annotations_in as annotations_in
    from ..data.hha import Camera as Camera
    from ..data.hha import encode_hha as encode_hha
    from ..data.hha import gravity_direction as gravity_direction
    from ..data.hha import surface_normals as surface_normals
    from ..data.images import array_input as array_input
    from ..data.images import read_binary_mask as read_binary_mask
    from ..data.images import read_palette_mask as read_palette_mask
    from ..data.images import read_rgb_mask as read_rgb_mask
    from ..data.images import write_palette_mask as write_palette_mask
    from ..data.listing import FolderFiles as FolderFiles
    from ..data.listing import file_names as file_names
    from ..data.listing import missing_files as missing_files
    from ..data.listing import read_names as read_names
    from ..data.mat73 import mat73_entry as mat73_entry
    from ..data.mat73 import mat73_names as mat73_names
    from ..data.mat73 import mat73_shape as mat73_shape
    from ..data.matlab import read_mat_labels as read_mat_labels
    from ..data.origins import Archive as Archive
    from ..data.origins import Origin as Origin
    from ..data.origins import dataset_root as dataset_root
    from ..data.pairing import FilePair as FilePair
    from ..data.pairing import images_in as images_in
    from ..data.pairing import listed_pairs as listed_pairs
    from ..data.pairing import pair_up as pair_up
    from ..data.pairing import with_input as with_input
    from ..data.raw import raw_labels as raw_labels
    from ..data.raw import read_sample as read_sample
    from ..data.roots import existing_folder as existing_folder
    from ..data.splits import Joined as Joined
    from ..data.splits import SplitError as SplitError
    from ..data.splits import open_split as open_split
    from ..embeddings import ByteStream as ByteStream
    from ..embeddings import Download as Download
    from ..embeddings import SeveralFiles as SeveralFiles
    from ..embeddings import Store as Store
    from ..embeddings import StoredVectors as StoredVectors
    from ..embeddings import StoreWriter as StoreWriter
    from ..embeddings import Unknown as Unknown
    from ..embeddings import cache_folder as cache_folder
    from ..embeddings import cached_store as cached_store
    from ..embeddings import content_hash as content_hash
    from ..embeddings import fetch as fetch
    from ..embeddings import is_store as is_store
    from ..embeddings import name_vectors as name_vectors
    from ..embeddings import open_store as open_store
    from ..embeddings import unpacked_stream as unpacked_stream
    from ..geometry.dilation import Dilation as Dilation
    from ..geometry.dilation import NotEquivariant as NotEquivariant
    from ..geometry.grid import Border as Border
    from ..geometry.grid import StrideError as StrideError
    from ..geometry.grid import deepest as deepest
    from ..geometry.grid import select_strides as select_strides
    from ..geometry.tracing import size_of_map as size_of_map
    from ..model.alignment import aligned as aligned
    from ..model.alignment import log_matches as log_matches
    from ..model.network import ScoringNetwork as ScoringNetwork
    from ..model.weight_reading import StateDict as StateDict
    from ..model.weight_reading import normalization_metadata as normalization_metadata
    from ..model.weights import InputChannels as InputChannels
    from ..model.weights import LoadReport as LoadReport
    from .backbones import OutputStride as OutputStride
    from .backbones import Pretrained as Pretrained
    from .backbones import PretrainedBackbone as PretrainedBackbone
    from .class_weights import ClassWeights as ClassWeights
    from .datasets import FileDataset as FileDataset
    from .datasets import InputFiles as InputFiles
    from .datasets import LabelFiles as LabelFiles
    from .datasets import files_of_pairs as files_of_pairs
    from .datasets import unknown_split as unknown_split
    from .losses import SegmentationLoss as SegmentationLoss
    from .pixelwise import PixelwiseLoss as PixelwiseLoss
    from .pixelwise import Reduction as Reduction
    from .weight_files import WEIGHTS_FILES as WEIGHTS_FILES
    from .weight_files import hub_file as hub_file
    from .weight_files import url_file as url_file
    from .word_files import Words as Words
    from .word_files import source_file as source_file
    from .word_files import unpacked as unpacked
    from .word_text import NUMBER as NUMBER
    from .word_text import read_text as read_text
else:  # hidden from type checkers, for which `__getattr__` would provide every name
    __getattr__, __dir__ = exports(__name__)
