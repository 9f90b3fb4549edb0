"""Claims on sizes and compression, for `claims_list`, and the sources and bounds that all claims share.

Statements are in our words. Where no source could be verified that states a number, the source is "often stated".
Quality is nDCG@10 on the handbook and nDCG@5 on pages, test splits; "kept" is the share of exact float MaxSim's.
"""

from __future__ import annotations

from workbook.claim_rules import Above, AtLeast, AtMost, Between, Compatible, Near, Rule
from workbook.claims import Claim, Condition

OFTEN = "often stated"
ELASTIC = (
    "Elastic, Scaling late interaction models",
    "https://elastic.co/search-labs/blog/scale-late-interaction-model-colpali",
)
QDRANT = ("Qdrant, Optimizing ColPali", "https://qdrant.tech/blog/colpali-qdrant-optimization")
VESPA = ("Vespa, issue 32232", "https://github.com/vespa-engine/vespa/issues/32232")
COLBERT = ("Khattab and Zaharia, ColBERT", "https://arxiv.org/abs/2004.12832")
COLBERT2 = ("Santhanam and others, ColBERTv2", "https://aclanthology.org/2022.naacl-main.272/")
PLAID = ("Santhanam and others, PLAID", "https://arxiv.org/abs/2205.09707")
POOLER = ("colpali-engine, README", "https://github.com/illuin-tech/colpali")
POOLING = ("Clavié and others, Token Pooling", "https://arxiv.org/abs/2409.14683")
PRUNING = ("Lassance and others, Token Pruning for ColBERT", "https://arxiv.org/abs/2112.06540")
COLPALI = ("Faysse and others, ColPali", "https://arxiv.org/abs/2407.01449")

KEPT = AtLeast(0.95)
BOTH = ("handbook", "pages")
COLLECTIONS = (*BOTH, "distinct pages")


def each(names: tuple[str, ...], quantity: str, rule: Rule) -> tuple[Condition, ...]:
    """The same condition on several collections: keys are `"NAME: QUANTITY"`."""
    return tuple(Condition(f"{name}: {quantity}", f"{name}: {quantity}", rule) for name in names)


def one(key: str, rule: Rule) -> Condition:
    """A condition that is named as its measurement is."""
    return Condition(key, key, rule)


SIZES = (
    Claim(
        "vectors a page",
        "A page image becomes about 1000 vectors.",
        "over 1000",
        *ELASTIC,
        (
            one("vectors of a page, ColPali's grid", Near(1000)),
            one("tokens of an A4 page, ColQwen2's grid", Near(1000)),
        ),
        remark="a fixed grid makes it so; a model that keeps the page's shape makes fewer",
    ),
    Claim(
        "500 tokens",
        "A document of 500 tokens takes 64,000 floats where one vector takes 768: 83 times as many.",
        "83 times",
        OFTEN,
        "",
        (one("500 x 128 over 768", Near(83)),),
        remark="arithmetic; it follows the length of the text and the size of the other vector",
    ),
    Claim(
        "32 times",
        "One bit a dimension makes vectors 32 times smaller.",
        "32 times",
        "Vespa, Announcing the ColBERT embedder",
        "https://blog.vespa.ai/announcing-colbert-embedder-in-vespa/",
        (one("float32 bytes over stored bits", Near(32, 0.001)),),
        remark="against float32, and half of that against float16",
    ),
    Claim(
        "36 and 20 bytes",
        "ColBERTv2 stores a vector of 256 bytes in 36 bytes at 2 bits and 20 at 1 bit.",
        "256, 36, 20 bytes",
        *COLBERT2,
        (
            one("float16 bytes a vector", Near(256, 0)),
            one("bytes a vector, 2 bits", Near(36, 0)),
            one("bytes a vector, 1 bit", Near(20, 0)),
        ),
        remark="without centroids and lists",
    ),
    Claim(
        "154, 25, 16",
        "MS MARCO's index takes 154 GiB as float16, 25 GiB at 2 bits and 16 GiB at 1 bit.",
        "154, 25, 16 GiB",
        *COLBERT2,
        (
            one("MS MARCO, float16, GiB", Near(154)),
            one("MS MARCO, 2 bits, GiB", Near(25)),
            one("MS MARCO, 1 bit, GiB", Near(16)),
        ),
        remark="recomputed from 600 million vectors; 154 is right in GB, the others in GiB",
    ),
    Claim(
        "6 to 10 times",
        "Residual compression makes late interaction 6 to 10 times smaller.",
        "6 to 10 times",
        *COLBERT2,
        (
            one("MS MARCO, float16 over 2 bits", Between(5.5, 10.5)),
            one("MS MARCO, float16 over 1 bit", Between(5.5, 10.5)),
            one("handbook's index, float16 over 2 bits", Between(5.5, 10.5)),
        ),
        remark="a small collection carries centroids and lists that a large one hardly notices",
    ),
    Claim(
        "size table",
        "A table of sizes by documents and dimensions, single vectors beside ColBERTv2's 2 bits.",
        "36.10 MB at 10,000 documents, d = 128",
        OFTEN,
        "",
        (
            one("single vectors, largest difference in MB", AtMost(0.0051)),
            one("residuals and centroids, largest difference in MB", AtMost(0.0051)),
            one("a complete index over the published, 10,000 documents", Near(1)),
        ),
        remark="the table leaves out the centroids' numbers and the lists",
    ),
    Claim(
        "5 to 10 vectors",
        "Pooling by 100 to 200 leaves a page 5 to 10 vectors.",
        "5 to 10",
        *ELASTIC,
        tuple(one(f"pages: vectors at factor {factor}", Between(5, 10)) for factor in (100, 200)),
        remark="arithmetic on 1030 vectors; a passage has fewer to begin with",
    ),
)

COMPRESSION = (
    Claim(
        "asymmetric",
        "At equal bytes, a float query against bits beats bits against bits.",
        "52.4 against 49.8 nDCG@5",
        *VESPA,
        each(BOTH, "asymmetric less symmetric", Above(0)),
    ),
    Claim(
        "bits keep",
        "With bits, ColPali keeps 96.3% of its quality with a float query and 91.5% without.",
        "52.4 and 49.8 of 54.4",
        *VESPA,
        each(BOTH, "asymmetric, kept", Compatible(52.4 / 54.4))
        + each(BOTH, "symmetric, kept", Compatible(49.8 / 54.4)),
        remark="the intervals are wide, so that much else would be compatible as well",
    ),
    Claim(
        "int8",
        "One byte a dimension is as good as float.",
        "as good",
        OFTEN,
        "",
        each(BOTH, "int8, kept", AtLeast(0.99)),
    ),
    Claim(
        "128, 96, 64",
        "96 or 64 dimensions do nearly as well as 128.",
        "nearly as well",
        OFTEN,
        "",
        tuple(one(f"{name}: {dim} dimensions, kept", KEPT) for name in BOTH for dim in (96, 64)),
        remark="this projection was fitted without labels; a trained one may put what matters into fewer dimensions",
    ),
    Claim(
        "PLAID, quality",
        "PLAID's stages leave quality as the codec leaves it.",
        "no impact on quality",
        *PLAID,
        (one("handbook: PLAID over the codec alone, kept", KEPT),),
    ),
    Claim(
        "PLAID, speed",
        "PLAID is up to 45 times faster than ColBERTv2's search before it, on a CPU.",
        "up to 45 times",
        *PLAID,
        needs="millions of passages: on hundreds there is nothing to skip",
    ),
)
