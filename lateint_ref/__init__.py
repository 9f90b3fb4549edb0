"""Late-interaction retrieval, step by step: the reference module of the workbook.

Each function does one thing on NumPy arrays and says its shapes, units and source. Importing this package is cheap:
PyTorch, numba and the encoders load when they are first used. README's map of the module lists the files in the order
in which they are read; none imports one that comes after it.

All refuse alike, with a message that names the argument, and docstrings do not repeat it: with a `TypeError` what is of
another kind (no numbers, another collection, a fraction for a whole number), with a `ValueError` an array of another
rank or number of dimensions, an empty or masked one, a NaN, an infinity or a value beyond 1e15, a number out of its
range, and a word that is not among those named. `Raises` tells what else there is.
"""

from lateint_ref.bbq import BinaryQuantizedVectors, oversampled_search
from lateint_ref.cost import Plan, bytes_per_document, bytes_per_vector, collection_bytes, format_bytes, plan
from lateint_ref.datasets import Dataset, Passage, Query, load_beir, load_handbook
from lateint_ref.evaluation import PairedTest, by_type, compare, evaluate, make_run, paired_test, per_query
from lateint_ref.multivectors import Int8MultiVectors, MultiVectors, PackedMultiVectors, ResidualVectors
from lateint_ref.muvera import FixedDimensionalEncoder
from lateint_ref.ocr import load_pages_dataset, page_image, page_words, read_words
from lateint_ref.page_io import open_image, open_images, render_pdf
from lateint_ref.pages import PageVectors, grid_for, pool_blocks, pool_columns, pool_rows
from lateint_ref.plaid import PlaidIndex
from lateint_ref.pooling import average_vector, average_vectors, pool_collection, pool_levels, pool_tokens
from lateint_ref.pruning import common_vector, drop_duplicates, prune_near, prune_vectors, vector_information
from lateint_ref.quantize import (
    binarize,
    binarize_collection,
    from_hex,
    int8_scale,
    maxsim_asymmetric,
    maxsim_asymmetric_scores,
    maxsim_int8_scores,
    maxsim_inv_hamming,
    maxsim_inv_hamming_scores,
    quantize_collection,
    quantize_int8,
    to_hex,
    unpack,
)
from lateint_ref.ranking import fused_scores, reciprocal_rank_fusion, rescore, two_stage_search
from lateint_ref.residual import ResidualCodec
from lateint_ref.scores import (
    Alignment,
    Hit,
    alignment,
    maxsim,
    maxsim_scores,
    rank_of,
    search,
    similarity_matrix,
    top_k,
)

__version__ = "0.1.0"

# Grouped as one would explain them.
# fmt: off
__all__ = [  # noqa: RUF022
    # collections of vectors
    "Int8MultiVectors", "MultiVectors", "PackedMultiVectors", "ResidualVectors",
    # the score
    "Alignment", "Hit", "alignment", "maxsim", "maxsim_scores", "rank_of", "search", "similarity_matrix", "top_k",
    # bits and bytes
    "binarize", "binarize_collection", "from_hex", "int8_scale", "maxsim_asymmetric", "maxsim_asymmetric_scores",
    "maxsim_int8_scores", "maxsim_inv_hamming", "maxsim_inv_hamming_scores", "quantize_collection", "quantize_int8",
    "to_hex", "unpack", "BinaryQuantizedVectors", "oversampled_search",
    # residual codes and their index
    "ResidualCodec", "PlaidIndex",
    # fewer vectors a document
    "average_vector", "average_vectors", "pool_collection", "pool_levels", "pool_tokens", "common_vector",
    "drop_duplicates", "prune_near", "prune_vectors", "vector_information", "FixedDimensionalEncoder",
    # pages
    "PageVectors", "grid_for", "pool_blocks", "pool_columns", "pool_rows",
    # rankings out of rankings
    "fused_scores", "reciprocal_rank_fusion", "rescore", "two_stage_search",
    # what it costs
    "bytes_per_document", "bytes_per_vector", "collection_bytes", "format_bytes", "Plan", "plan",
    # judged collections, and is one ranking better
    "Dataset", "Passage", "Query", "load_beir", "load_handbook", "PairedTest", "by_type", "compare", "evaluate",
    "make_run", "paired_test", "per_query",
    # reading pages
    "open_image", "open_images", "render_pdf", "load_pages_dataset", "page_image", "page_words", "read_words",
]
# fmt: on
