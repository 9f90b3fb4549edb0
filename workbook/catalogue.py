"""Every way to search that the notebooks teach, as pipelines on one test bed, by family.

Settings (depths, factors, bits) stand side by side: what to take among them is to be chosen on a `dev` split, and
reported on `test`.
"""

from __future__ import annotations

import numpy as np

from lateint_ref.checks import describe
from workbook.catalogue_forms import Forms
from workbook.catalogue_scans import bits, by_int8, fewer, floats, one_vector, residual, scan_all
from workbook.catalogue_stages import two_stages, words
from workbook.pipelines import Pipeline
from workbook.testbeds import Testbed


def pipelines_of(testbed: Testbed, forms: Forms | None = None) -> list[Pipeline]:
    """All pipelines of `families_of`, in its order: the exhaustive float search is the first.

    Raises:
        TypeError, ValueError: as `families_of`.
    """
    return [pipeline for family in families_of(testbed, forms).values() for pipeline in family]


def families_of(testbed: Testbed, forms: Forms | None = None) -> dict[str, list[Pipeline]]:
    """Family to its pipelines. Names are unique over all of them.

    Args:
        testbed: a corpus and one split's questions.
        forms: the corpus in all representations, where another split of it has made them already; made here by
            default, which takes some seconds.

    Raises:
        TypeError: not a `Testbed`, or not a `Forms`.
        ValueError: `forms` of another corpus.
    """
    forms = Forms(testbed) if forms is None else forms
    if not isinstance(forms, Forms):
        raise TypeError(f"forms must be a Forms of the same corpus, got {describe(forms)}.")
    if not isinstance(testbed, Testbed):
        raise TypeError(f"testbed must be a Testbed, as load_testbed returns it, got {describe(testbed)}.")
    theirs, ours = forms.documents, testbed.documents
    same = theirs.ids == ours.ids and forms.texts == testbed.dataset.texts
    if not (same and (theirs is ours or np.array_equal(theirs.vectors, ours.vectors))):
        raise ValueError(f"forms holds other documents than the test bed {testbed.name!r}: make Forms(testbed).")
    return {
        "float": floats(testbed, forms),
        "int8": [scan_all(testbed, "int8", forms.int8, "int8", by_int8(forms.int8))],
        "bits": bits(testbed, forms),
        "residual": residual(testbed, forms),
        "one vector": one_vector(testbed, forms),
        "pooled or pruned": fewer(testbed, forms),
        "two stages": two_stages(testbed, forms),
        "words": words(testbed, forms),
    }
