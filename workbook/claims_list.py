"""The claims that notebook 12 checks, in its order: what is published, by whom, and what would make it true here."""

from __future__ import annotations

from workbook.claim_rules import Above, AtLeast, AtMost, Between, Compatible, Near, NoSignificantLoss
from workbook.claims import Claim
from workbook.claims_sizes import (
    BOTH,
    COLBERT,
    COLLECTIONS,
    COLPALI,
    COMPRESSION,
    ELASTIC,
    KEPT,
    OFTEN,
    POOLER,
    POOLING,
    PRUNING,
    QDRANT,
    SIZES,
    each,
    one,
)

FEWER = (
    Claim(
        "redundant patches",
        "Many patches of a page say the same, blank ones above all.",
        "many",
        *POOLER,
        (
            one("pages: share of vectors that are copies", AtLeast(0.5)),
            one("pages: copies dropped, kept", AtLeast(0.99)),
        ),
        remark="the stand-in encoder gives blank patches one vector, so copies are exact here by construction",
    ),
    Claim(
        "pooling by 2",
        "Half of the vectors can be pooled away at virtually no loss.",
        "virtually none",
        *POOLING,
        each(COLLECTIONS, "factor 2, kept", KEPT),
    ),
    Claim(
        "pooling by 3 and 4",
        "Pooling away 66 to 75% of the vectors costs less than 5% on most collections.",
        "below 5%",
        *POOLING,
        each(COLLECTIONS, "factor 3, kept", KEPT) + each(COLLECTIONS, "factor 4, kept", KEPT),
        remark="undecided where the interval reaches below 95%",
    ),
    Claim(
        "97.8%",
        "Pooling by 3 takes away 66.7% of the vectors and keeps 97.8% of the quality.",
        "66.7%, 97.8%",
        *POOLER,
        each(BOTH, "share pooled away at factor 3", Near(0.667, 0.01))
        + each(COLLECTIONS, "factor 3, kept", Compatible(0.978)),
        remark="pages as they are have more copies than factor 3 removes",
    ),
    Claim(
        "row pooling",
        "One vector a row of the grid takes a page from 1030 vectors to 38, and exact rescoring keeps the precision.",
        "1030 to 38",
        *QDRANT,
        (
            one("vectors of a page after row pooling", Near(38, 0)),
            one("pages: rows first, 20 rescored, kept", KEPT),
        ),
        remark="as a first stage; on their own the rows keep less (notebook 08)",
    ),
    Claim(
        "token pruning",
        "30% of ColBERT's document vectors can be left out without a significant drop.",
        "30%",
        *PRUNING,
        tuple(one(f"handbook: 30% pruned by {by}, change", NoSignificantLoss()) for by in ("rarity", "distance")),
        remark="the paper's heuristics are others",
    ),
)

STAGES = (
    Claim(
        "averages lose",
        "A page's average vector loses its best match.",
        "best match at rank 3",
        *ELASTIC,
        each(BOTH, "exact less average", Above(0)),
    ),
    Claim(
        "rescoring",
        "Exact rescoring of the average's candidates brings it back.",
        "best match first again",
        *ELASTIC,
        each(BOTH, "average, 30 rescored, kept", KEPT),
        remark="30 of some hundred candidates is deep; recall at your size decides",
    ),
    Claim(
        "rerank, not first",
        "Late interaction belongs behind a cheaper first stage: the same quality for far less work.",
        "same quality, less work",
        OFTEN,
        "",
        each(BOTH, "average, 30 rescored, kept", KEPT)
        + each(BOTH, "average, 30 rescored, share of operations", AtMost(0.5))
        + each(BOTH, "BM25, 50 rescored, kept", KEPT),
        remark="it depends on a first stage that finds what late interaction would",
    ),
    Claim(
        "MUVERA",
        "MUVERA's encodings are a better first stage than average vectors.",
        "better",
        "often stated of MUVERA",
        "https://arxiv.org/abs/2405.19504",
        each(BOTH, "MUVERA less average, recall", Above(0))
        + (one("pages: MUVERA less average without blanks, recall", Above(0)),),
        remark="one setting, projected to 5120 dimensions; larger encodings do better (notebook 09)",
    ),
    Claim(
        "hybrid",
        "Fused with BM25, vector search gets better.",
        "often best",
        OFTEN,
        "",
        each(BOTH, "fused with BM25 less MaxSim", Above(0)),
        remark="these questions were written not to share their words with the answers",
    ),
)

ENCODERS = (
    Claim(
        "query augmentation",
        "Filling queries up with [MASK] helps.",
        "helps",
        *COLBERT,
        each(BOTH, "masks, gain", Above(0)),
        remark="the bundled model was not trained with masks, and ColBERT was",
    ),
    Claim(
        "5 to 15%",
        "Late interaction is 5 to 15% above a bi-encoder.",
        "5 to 15%",
        OFTEN,
        "",
        tuple(one(f"{name}: late over bi", Between(1.05, 1.15)) for name in ("handbook", "apidocs")),
        remark="the bundled late encoder was not trained for retrieval, its bi-encoder was",
    ),
    Claim(
        "near the cross-encoder",
        "Late interaction comes within a few points of a cross-encoder.",
        "within 3 points",
        OFTEN,
        "",
        tuple(one(f"{name}: late less cross", AtLeast(-0.03)) for name in ("handbook", "apidocs")),
        remark="the bundled cross-encoder is not a trained one, and no published one can be run here",
    ),
    Claim(
        "text alone",
        "For text alone, a cross-encoder behind a bi-encoder may be the simpler choice.",
        "simpler, not worse",
        OFTEN,
        "",
        tuple(one(f"{name}: bi and cross less late", NoSignificantLoss()) for name in ("handbook", "apidocs"))
        + (one("handbook: text and one vector over late's bytes", AtMost(0.1)),),
        remark="simpler is a judgement; asked is that it be no worse and store little; for its time see section 7",
    ),
    Claim(
        "pages beat text",
        "A page model beats reading the text with OCR: 81.3 against 67.0 nDCG@5 on ViDoRe.",
        "81.3 against 67.0",
        *COLPALI,
        needs="a vision-language model; the bundled page encoder reads by OCR itself",
    ),
)

TIMED = (
    Claim(
        "1, 10, 100 ms",
        "A bi-encoder takes about 1 ms a query, late interaction 10 ms, a cross-encoder 100 ms a pair.",
        "1, 10, 100 ms",
        OFTEN,
        "",
        (
            one("bi, ms a query", Between(0.3, 3)),
            one("late, ms a query", Between(3, 30)),
            one("cross, ms a pair", Between(30, 300)),
        ),
        remark="met means within about a factor of 3",
    ),
    Claim(
        "90% at 10%",
        "Late interaction has 90% of a cross-encoder's accuracy at 10% of its cost.",
        "90%, 10%",
        OFTEN,
        "",
        (
            one("handbook: late over cross", AtLeast(0.9)),
            one("apidocs: late over cross", AtLeast(0.9)),
            one("late's time over that of 100 pairs", AtMost(0.1)),
        ),
        remark="the cross-encoder reads 100 pairs",
    ),
    Claim(
        "10 to 50 times",
        "Late interaction is 10 to 50 times faster than a cross-encoder.",
        "10 to 50 times",
        OFTEN,
        "",
        (one("time of 100 pairs over late's", Between(10, 50)),),
        remark="it grows with the pairs that are read",
    ),
    Claim(
        "Hamming 3.5 times",
        "Counting bits is about 3.5 times as fast as float, for a point of nDCG.",
        "3.5 times, 1 point",
        "often stated of Vespa",
        "",
        (one("float's time over Hamming's", AtLeast(3.5)), *each(BOTH, "symmetric less exact", AtLeast(-0.01))),
    ),
)

UNTIMED = (*SIZES, *COMPRESSION, *FEWER, *STAGES, *ENCODERS)
