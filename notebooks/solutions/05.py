"""Solutions of notebook 05, bits."""

# %% exercise-1
# Signs 1010 1100; a6 is 1010 0110; they differ in two of eight places. The mask adds 0.4 + 0.1 + 0.3 - 0.1.
hex_of_query = "ac"
agreement = 6 / 8
mask_score = 0.7
sign_score = 2 * 0.7 - (-0.1)


# %% exercise-2
def score_hex(query, strings):
    stored = np.array([list(bytes.fromhex(text)) for text in strings], dtype=np.uint8)
    masks = np.unpackbits(stored, axis=1).astype(np.float32)
    return float((query @ masks.T).max(axis=1).sum())


# %% exercise-3
def cosines_from_bits(query_bits, document_bits):
    h = np.bitwise_count(query_bits[:, None] ^ document_bits[None]).sum(axis=2, dtype=int)
    return np.cos(np.pi * h / (8 * query_bits.shape[1]))


# %% exercise-4
def search_in_turn(query, documents, depth, k):
    coarse = maxsim_inv_hamming_scores(binarize(query), documents)
    candidates = np.argsort(-coarse, kind="stable")[:depth]
    candidates.sort()  # the collection's order decides between equal scores
    fine = maxsim_asymmetric_scores(query, documents.take(candidates))
    return candidates[np.argsort(-fine, kind="stable")[:k]]
