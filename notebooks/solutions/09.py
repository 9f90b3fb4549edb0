"""Solutions of notebook 09, two stages."""

# %% exercise-1
# a: D is the only candidate. b: D, B, A, of which A scores best. c: A again. d: C stands in fifth place.
prediction = ("D", "A", "A", 5)


# %% exercise-2
def enough(exact, cheap, wanted):
    best = exact.argmax(axis=1)
    reached = cheap[np.arange(len(cheap)), best]
    needed = np.sort((cheap > reached[:, None]).sum(axis=1) + 1)
    return int(needed[max(int(np.ceil(wanted * len(needed) - 1e-9)), 1) - 1])


# %% exercise-3
def fuse(rankings, weights, c):
    scores = {}
    for ranking, weight in zip(rankings, weights, strict=True):
        for rank, name in enumerate(ranking, start=1):
            scores[name] = scores.get(name, 0) + weight / (c + rank)
    return scores


# %% exercise-4
def document_block(D, cells, n_cells):
    block = np.zeros((n_cells, D.shape[1]))
    for cell in range(n_cells):
        inside = D[cells == cell]
        if len(inside):
            block[cell] = inside.mean(axis=0)
        else:
            block[cell] = D[np.argmin([bin(cell ^ int(c)).count("1") for c in cells])]
    return block
