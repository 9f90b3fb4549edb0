"""Solutions of notebook 04, pages."""

# %% exercise-1
# a: always 32 x 32. b: 10 x 20 tokens of 28 pixels. c: 768 * 128 / 8. d: 32 bits a number against 1.
prediction = (1024, 200, 12288, 32)


# %% exercise-2
def patches_of_box(box, grid, width, height):
    x0, y0, x1, y1 = box
    rows, columns = grid
    # In whole numbers: -(-a // b) is a / b rounded up.
    across = range(x0 * columns // width, -(-x1 * columns // width))
    down = range(y0 * rows // height, -(-y1 * rows // height))
    return [(row, column) for row in down for column in across]


# %% exercise-3
def chosen_patches(query, page, patches, grid):
    where = {int(position): divmod(k, grid[1]) for k, position in enumerate(patches)}
    return [where.get(int(choice)) for choice in (query @ page.T).argmax(axis=1)]


# %% exercise-4
def prune(vectors, threshold):
    kept = [0]
    for i in range(1, len(vectors)):
        if (vectors[kept] @ vectors[i]).max() < threshold:
            kept.append(i)
    return vectors[kept]
