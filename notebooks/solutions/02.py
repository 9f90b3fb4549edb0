"""Solutions of notebook 02, MaxSim."""

# %% exercise-1
# Only the column of "bargain" changes: cheap 1.0 * 0.8 = 0.80, red 0, car 0.8 * 0.6 + 0.6 * 0.8 = 0.96.
# cheap keeps bargain (0.80), red keeps scarlet (0.80), car now prefers bargain (0.96) to vehicle (0.80).
prediction = 0.80 + 0.80 + 0.96


# %% exercise-2
def my_maxsim(query, document):
    return (query @ document.T).max(axis=1).sum()


# %% exercise-3
def my_batch_maxsim(query, padded, mask):
    S = np.einsum("qk,bdk->bqd", query, padded)
    S = np.where(mask[:, None, :] > 0, S, -np.inf)
    return S.max(axis=2).sum(axis=1)


# %% exercise-4
def my_ragged_maxsim(query, vectors, offsets):
    S = query @ vectors.T
    return np.maximum.reduceat(S, offsets[:-1], axis=1).sum(axis=0)
