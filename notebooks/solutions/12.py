"""Solutions of notebook 12, claims checked."""

# %% exercise-1
# a reaches below 0.95. b is above 0 with both ends. c has no part above 0. d contains 0.978.
judged = ("undecided", "met", "missed", "met")


# %% exercise-2
def my_not_worse(first, second, drawn, margin):
    means = (first - second)[drawn].mean(axis=1)
    low, high = np.percentile(means, [2.5, 97.5])
    if low >= -margin:
        return "met"
    if high < -margin:
        return "missed"
    return "undecided"
