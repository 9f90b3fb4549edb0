"""Solutions of notebook 06, residuals and PLAID."""

# %% exercise-1
# a: 4 + 128 * 2 / 8. b: 4 + 96 / 8. c: 2 + 128 * 4 / 8. d: 16 * 500 = 8,000, and 4,096 is the power of two below.
prediction = (36, 16, 66, 4096)


# %% exercise-2
def my_buckets(residuals, bits):
    cutoffs = np.quantile(residuals, np.arange(1, 2**bits) / 2**bits)
    return cutoffs, np.searchsorted(cutoffs, residuals)


# %% exercise-3
def my_decode(packed, weights, centroids, numbers):
    buckets = np.stack([(packed >> shift) & 3 for shift in (6, 4, 2, 0)], axis=2).reshape(len(packed), -1)
    vectors = centroids[numbers] + weights[buckets]
    return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


# %% exercise-4
def my_interaction(S, documents, threshold):
    kept = S.max(axis=0) >= threshold
    scores = []
    for numbers in documents:
        left = numbers[kept[numbers]]
        scores.append(S[:, left].max(axis=1).sum() if len(left) else -np.inf)
    return np.array(scores)
