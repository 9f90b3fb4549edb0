"""Checkers of the notebooks' exercises: `nb02.py` holds those of notebook 02, loaded when one is asked for.

A checker compares with expected values that it computes itself (a loop, a constant worked out by hand), never
with the function of `lateint_ref` that the exercise rebuilds.
"""
