"""Solutions of notebook 11, choose."""

# %% exercise-1
# 100 vectors of 128 bits; two copies of ten million; 16 GB fit into one shard; every pair of vectors meets in 128
# dimensions.
prediction = (100 * 16, 2 * 10_000_000 * 1600, 1, 20 * 10_000_000 * 100 * 128)


# %% exercise-2
def frontier_of(costs, quality):
    measures = np.column_stack([costs, -np.asarray(quality)])
    no_worse = (measures[None] <= measures[:, None]).all(axis=2)
    better = (measures[None] < measures[:, None]).any(axis=2)
    return np.flatnonzero(~(no_worse & better).any(axis=1)).tolist()


# %% exercise-3
def choose(ways, max_operations, share):
    wanted = share * max((way["quality"] for way in ways), default=0)
    fine = [way for way in ways if way["operations"] <= max_operations and way["quality"] >= wanted]
    fine.sort(key=lambda way: (way["bytes"], -way["quality"]))
    return fine[0]["name"] if fine else "none"
