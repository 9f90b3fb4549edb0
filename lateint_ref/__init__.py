"""Late-interaction retrieval, step by step: the reference module of the workbook.

Each function does one thing on NumPy arrays and says its shapes, units and source. Importing this package is
cheap: PyTorch, numba and the encoders load when they are first used.
"""

from lateint_ref.averaging import average_vector, average_vectors
from lateint_ref.binary_quantization import BinaryQuantizedVectors, oversampled_search
from lateint_ref.bits import binarize, from_hex, maxsim_asymmetric, maxsim_inv_hamming, to_hex, unpack
from lateint_ref.datasets import Dataset, Passage, Query, load_beir, load_handbook
from lateint_ref.evaluation import PairedTest, by_type, compare, evaluate, make_run, paired_test, per_query
from lateint_ref.fusion import fused_scores, reciprocal_rank_fusion
from lateint_ref.grid_pooling import pool_blocks, pool_columns, pool_rows
from lateint_ref.int8 import Int8MultiVectors, int8_scale, maxsim_int8_scores, quantize_collection, quantize_int8
from lateint_ref.maxsim import Alignment, alignment, maxsim, maxsim_scores, similarity_matrix
from lateint_ref.multivectors import MultiVectors
from lateint_ref.muvera import FixedDimensionalEncoder
from lateint_ref.packed import (
    PackedMultiVectors,
    binarize_collection,
    maxsim_asymmetric_scores,
    maxsim_inv_hamming_scores,
)
from lateint_ref.pages import (
    load_pages_dataset,
    open_image,
    open_images,
    page_image,
    page_words,
    read_words,
    render_pdf,
)
from lateint_ref.pagevectors import PageVectors, grid_for
from lateint_ref.plaid import PlaidIndex
from lateint_ref.planning import Plan, plan
from lateint_ref.pooling import pool_collection, pool_levels, pool_tokens
from lateint_ref.pruning import common_vector, drop_duplicates, prune_near, prune_vectors, vector_information
from lateint_ref.rescoring import Hit, rank_of, rescore, search, top_k, two_stage_search
from lateint_ref.residual import ResidualCodec
from lateint_ref.residual_vectors import ResidualVectors
from lateint_ref.storage import bytes_per_document, bytes_per_vector, collection_bytes, format_bytes

__version__ = "0.1.0"

__all__ = [
    "Alignment",
    "BinaryQuantizedVectors",
    "Dataset",
    "FixedDimensionalEncoder",
    "Hit",
    "Int8MultiVectors",
    "MultiVectors",
    "PackedMultiVectors",
    "PageVectors",
    "PairedTest",
    "Passage",
    "PlaidIndex",
    "Plan",
    "Query",
    "ResidualCodec",
    "ResidualVectors",
    "alignment",
    "average_vector",
    "average_vectors",
    "binarize",
    "binarize_collection",
    "by_type",
    "bytes_per_document",
    "bytes_per_vector",
    "collection_bytes",
    "common_vector",
    "compare",
    "drop_duplicates",
    "evaluate",
    "format_bytes",
    "from_hex",
    "fused_scores",
    "grid_for",
    "int8_scale",
    "load_beir",
    "load_handbook",
    "load_pages_dataset",
    "make_run",
    "maxsim",
    "maxsim_asymmetric",
    "maxsim_asymmetric_scores",
    "maxsim_int8_scores",
    "maxsim_inv_hamming",
    "maxsim_inv_hamming_scores",
    "maxsim_scores",
    "open_image",
    "open_images",
    "oversampled_search",
    "page_image",
    "page_words",
    "paired_test",
    "per_query",
    "plan",
    "pool_blocks",
    "pool_collection",
    "pool_columns",
    "pool_levels",
    "pool_rows",
    "pool_tokens",
    "prune_near",
    "prune_vectors",
    "quantize_collection",
    "quantize_int8",
    "rank_of",
    "read_words",
    "reciprocal_rank_fusion",
    "render_pdf",
    "rescore",
    "search",
    "similarity_matrix",
    "to_hex",
    "top_k",
    "two_stage_search",
    "unpack",
    "vector_information",
]
