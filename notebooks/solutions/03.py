"""Solutions of notebook 03, ColBERT."""

# %% exercise-1
# a: 9 tokens, [CLS], marker, [SEP]. b: the query length, whatever the query. c: cut to the query length.
# d: what is left of 32 after the 12 of a.
prediction = (12, 32, 32, 20)


# %% exercise-2
def my_project(hidden, matrix):
    projected = hidden @ matrix.T
    return projected / np.linalg.norm(projected, axis=1, keepdims=True)


# %% exercise-3
def drop_punctuation(tokens, vectors):
    import string

    marks = set(string.punctuation)
    keep = np.array([token not in marks for token in tokens])
    return vectors[keep], int((~keep).sum())


# %% exercise-4
def my_rescore(query, collection, candidates):
    return sorted(candidates, key=lambda name: (query @ collection[name].T).max(axis=1).sum(), reverse=True)
