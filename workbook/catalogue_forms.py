"""A test bed's documents in every form that the pipelines of `catalogue` search, each made when first asked for."""

from __future__ import annotations

from functools import cached_property

from lateint_ref.bbq import BinaryQuantizedVectors
from lateint_ref.checks import Float32Array, describe
from lateint_ref.encoders import BM25
from lateint_ref.multivectors import Int8MultiVectors, MultiVectors, PackedMultiVectors, ResidualVectors
from lateint_ref.muvera import FixedDimensionalEncoder
from lateint_ref.plaid import PlaidIndex
from lateint_ref.pooling import average_vectors, pool_levels
from lateint_ref.pruning import common_vector, drop_duplicates, prune_near, prune_vectors, vector_information
from lateint_ref.quantize import binarize_collection, quantize_collection
from lateint_ref.residual import ResidualCodec
from workbook.testbeds import Testbed, load_codec

POOL_FACTORS = (3, 10, 50)
PRUNE_FACTOR = 3
RESIDUAL_BITS = (4, 2, 1)


class Forms:
    """One corpus in many representations. Splits of a corpus share their documents, so one `Forms` serves them all.

    Attributes:
        documents: the vectors as the encoder made them.
        texts: one string a document, for BM25.
    """

    def __init__(self, testbed: Testbed) -> None:
        """Keep the documents; nothing is computed yet.

        Raises:
            TypeError: not a `Testbed`.
        """
        if not isinstance(testbed, Testbed):
            raise TypeError(f"testbed must be a Testbed, as load_testbed returns it, got {describe(testbed)}.")
        self._testbed = testbed
        self.documents: MultiVectors = testbed.documents
        self.texts = testbed.dataset.texts
        self._are_pages = testbed.pages is not None

    @cached_property
    def inked(self) -> MultiVectors:
        """Pages without their blank patches, which drown an average (notebook 07); passages as they are."""
        if not self._are_pages:
            return self.documents
        return prune_near(self.documents, common_vector(self.documents), keep_one=False)

    @cached_property
    def distinct(self) -> MultiVectors:
        """One of each document's equal vectors: the same MaxSim, fewer bytes where patches repeat."""
        return drop_duplicates(self.documents)

    @cached_property
    def int8(self) -> Int8MultiVectors:
        """Rounded to whole numbers from -127 to 127."""
        return quantize_collection(self.documents)

    @cached_property
    def bits(self) -> PackedMultiVectors:
        """One sign bit a dimension."""
        return binarize_collection(self.documents)

    @cached_property
    def distinct_bits(self) -> PackedMultiVectors:
        """Sign bits of the distinct vectors."""
        return binarize_collection(self.distinct)

    @cached_property
    def codecs(self) -> dict[int, ResidualCodec]:
        """Bits to a residual codec; all of them have the centroids of `load_codec`."""
        finest = load_codec(self._testbed)
        return {bits: finest.coarser(bits) for bits in RESIDUAL_BITS}

    @cached_property
    def residuals(self) -> dict[int, ResidualVectors]:
        """Bits to centroid ids and residuals."""
        finest = self.codecs[max(RESIDUAL_BITS)]
        encoded = finest.encode(self.documents)
        return {bits: finest.coarsen(encoded, bits) for bits in RESIDUAL_BITS}

    @cached_property
    def decoded(self) -> dict[int, MultiVectors]:
        """Bits to the vectors that residual codes stand for, float32: as large as the documents."""
        return {bits: self.codecs[bits].decode(encoded) for bits, encoded in self.residuals.items()}

    @cached_property
    def plaid(self) -> PlaidIndex:
        """An index over the residuals with 2 bits."""
        return PlaidIndex(self.codecs[2], self.residuals[2])

    @cached_property
    def average(self) -> Float32Array:
        """One mean vector a document, of everything that is in it."""
        return average_vectors(self.documents)

    @cached_property
    def inked_average(self) -> Float32Array:
        """One mean vector a document, blank patches left out."""
        return average_vectors(self.inked)

    @cached_property
    def average_bbq(self) -> BinaryQuantizedVectors:
        """The averages without blank patches, one bit a dimension with corrections."""
        return BinaryQuantizedVectors(self.inked_average)

    @cached_property
    def pooled(self) -> dict[int, MultiVectors]:
        """Factor to vectors merged by Ward's tree."""
        return pool_levels(self.documents, POOL_FACTORS)

    @cached_property
    def pooled_bits(self) -> dict[int, PackedMultiVectors]:
        """Factor to the sign bits of the merged vectors."""
        return {factor: binarize_collection(documents) for factor, documents in self.pooled.items()}

    @cached_property
    def pruned(self) -> MultiVectors:
        """The rarest third of each document's distinct vectors."""
        return prune_vectors(self.distinct, vector_information(self.distinct, "rarity"), PRUNE_FACTOR)

    @cached_property
    def muvera(self) -> FixedDimensionalEncoder:
        """The encoder of fixed-dimensional encodings: 16 cells, 20 times, 16 dimensions each."""
        return FixedDimensionalEncoder(self.documents.dim, bits=4, repetitions=20, inner_dim=16)

    @cached_property
    def encodings(self) -> Float32Array:
        """A fixed-dimensional encoding a document."""
        return self.muvera.encode_documents(self.documents)

    @cached_property
    def bm25(self) -> BM25:
        """A lexical index of the texts; for pages of what OCR read."""
        return BM25(self.texts)
