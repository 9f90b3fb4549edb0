"""Solutions of notebook 07, average vectors."""

# %% exercise-1
# a: two maxima of 1. b: two ones among 2 x 100 entries. c: maxima as before. d: two ones among 2 x 1000 entries.
prediction = (2, 2 / 200, 2, 2 / 2000)


# %% exercise-2
def weighted_average(vectors, weights):
    total = weights @ vectors
    return total / np.linalg.norm(total)


# %% exercise-3
def greedy_walk(points, neighbours, target, start):
    def far(i):
        return np.linalg.norm(points[i] - target)

    path = [start]
    while far(best := min(neighbours[path[-1]], key=far)) < far(path[-1]):
        path.append(best)
    return path


# %% exercise-4
def estimate(bits, low, high, w, places):
    width = (w.max() - w.min()) / (2**places - 1)
    whole = np.rint((w - w.min()) / width)
    return np.where(bits == 1, high, low) @ (w.min() + width * whole)
