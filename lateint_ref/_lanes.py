"""8 float32 side by side as one value in compiled code: what a vector register holds, spelt out.

The compiler turns a plain loop into vector instructions only after proving that what the loop writes is nowhere among
what it reads; with table rows that it cannot prove. A value of this type needs no proof. LLVM fits it to the machine:
one register of AVX2 or half of one of AVX-512, two of SSE or NEON.
"""

from __future__ import annotations

from typing import Any

from llvmlite import ir
from numba.core import cgutils, types
from numba.extending import intrinsic, models, register_model

LANES = 8

_VECTOR = ir.VectorType(ir.FloatType(), LANES)


class _LanesType(types.Type):
    def __init__(self) -> None:
        super().__init__(name=f"Lanes({LANES} x float32)")


@register_model(_LanesType)
class _LanesModel(models.PrimitiveModel):  # type: ignore[misc]
    def __init__(self, manager: Any, kind: Any) -> None:
        super().__init__(manager, kind, _VECTOR)


_lanes = _LanesType()


def _address(context: Any, builder: Any, array_type: Any, array: Any, index: Any) -> Any:
    data = cgutils.create_struct_proxy(array_type)(context, builder, value=array).data
    return builder.bitcast(builder.gep(data, [index]), _VECTOR.as_pointer())


@intrinsic  # type: ignore[untyped-decorator]
def load(typing: Any, array: Any, index: Any) -> Any:
    """`array[index : index + LANES]` of a flat, contiguous float32 array; bounds are not checked."""

    def generate(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        return builder.load(_address(context, builder, signature.args[0], *values), align=4)

    return _lanes(array, types.intp), generate


@intrinsic  # type: ignore[untyped-decorator]
def store(typing: Any, array: Any, index: Any, value: Any) -> Any:
    """`array[index : index + LANES] = value`; bounds are not checked."""

    def generate(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        builder.store(values[2], _address(context, builder, signature.args[0], *values[:2]), align=4)
        return context.get_dummy_value()

    return types.void(array, types.intp, value), generate


@intrinsic  # type: ignore[untyped-decorator]
def add(typing: Any, first: Any, second: Any) -> Any:
    """Lane by lane, `first + second`."""
    return first(first, second), lambda context, builder, signature, values: builder.fadd(*values)


@intrinsic  # type: ignore[untyped-decorator]
def larger(typing: Any, first: Any, second: Any) -> Any:
    """Lane by lane, `max(first, second)` of numbers that are not NaN."""

    def generate(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        return builder.select(builder.fcmp_ordered(">", *values), *values)

    return first(first, second), generate


@intrinsic  # type: ignore[untyped-decorator]
def popcount(typing: Any, word: Any) -> Any:
    """How many bits of a whole number are set."""
    return word(word), lambda context, builder, signature, values: builder.ctpop(values[0])
