"""Solutions of notebook 10, Elasticsearch."""

# %% exercise-1
# a: (1 + 0.5) / 2. b: 3 + 1. c: 1 / (1 + 3). d: 1 / (1 + 4).
prediction = (0.75, 4, 0.25, 0.2)


# %% exercise-2
def my_fields():
    return {
        "language": mappings.keyword(),
        "title": mappings.text(),
        "patches": mappings.rank_vectors(128, "bit"),
        "mean": mappings.dense_vector(128, "cosine", "bbq_hnsw"),
    }


# %% exercise-3
def my_body(vectors, mean, language, size):
    nearest_of_language = bodies.knn_section("mean", mean, k=50, filter={"term": {"language": language}})
    by_maxsim = bodies.maxsim_query("patches", vectors)
    return bodies.rescorer({"knn": nearest_of_language}, by_maxsim, window_size=50, size=size, query_weight=0)


# %% exercise-4
def my_shards(n_pages, n_vectors, n_pooled):
    from math import ceil

    bytes_of_a_page = n_vectors * (16 + 4) + n_pooled * (128 * 4 + 16 * 4)
    documents = n_pages * (1 + n_pooled)
    return ceil(max(n_pages * bytes_of_a_page / 50e9, documents / 200e6))
