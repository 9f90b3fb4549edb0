"""Solutions of notebook 14, engines."""

# %% exercise-1
# a: 20 - 7.5. b: a cosine does not see the length. c: 3 * 12.5. d: 8,192 * 128 is 1,048,576, one vector too many.
prediction = (12.5, 7.5, 37.5, 8191)


# %% exercise-2
def joined(query, parts):
    best = np.max([(query @ part.T).max(axis=1) for part in parts], axis=0)
    return best.sum()


# %% exercise-3
def my_request(vectors, mean, family, depth, limit):
    first = {
        "query": mean.tolist(),
        "using": "average",
        "limit": depth,
        "filter": {"must": [{"key": "family", "match": {"value": family}}]},
    }
    return {"prefetch": first, "query": vectors.tolist(), "using": "tokens", "limit": limit}
