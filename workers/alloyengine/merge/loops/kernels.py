"""The loops, in the part of Python that numba compiles to what C would be.

They are given pointers and sizes, hold no memory of their own, and raise nothing. Whoever calls them
answers for the bounds. Sums of many float32 are made of runs, whose sums are added in float64.
"""

from collections.abc import Callable
from typing import Any

from llvmlite import ir
from numba import float32, njit, types, uint32
from numba.extending import intrinsic

RUN, SHORT_RUN = 4096, 1024

_EXPONENT, _SIGN, _SIZE = uint32(0x7F800000), uint32(0x80000000), uint32(0x7FFFFFFF)
_HALF = uint32(0xFFFF)

Kernel = Callable[..., None]
KERNELS: dict[str, tuple[str, Kernel]] = {}


def _kernel(signature: str) -> Callable[[Kernel], Kernel]:
    """Types as numpy abbreviates them, with a star for a pointer."""

    def keep(function: Kernel) -> Kernel:
        KERNELS[function.__name__] = (signature, function)
        return function

    return keep


@intrinsic
def _as_float(_context: Any, bits: Any) -> Any:
    """The float32 of these 32 bits."""

    def generate(_: Any, builder: Any, __: Any, args: Any) -> Any:
        return builder.bitcast(args[0], ir.FloatType())

    return types.float32(types.uint32), generate


@intrinsic
def _as_bits(_context: Any, number: Any) -> Any:
    def generate(_: Any, builder: Any, __: Any, args: Any) -> Any:
        return builder.bitcast(args[0], ir.IntType(32))

    return types.uint32(types.float32), generate


@intrinsic
def _eight(_context: Any, marks: Any, at: Any) -> Any:
    """Eight bytes as one number."""

    def generate(_: Any, builder: Any, __: Any, args: Any) -> Any:
        place = builder.bitcast(builder.gep(args[0], [args[1]]), ir.IntType(64).as_pointer())
        found = builder.load(place)
        found.align = 1
        return found

    return types.uint64(marks, types.int64), generate


_part = njit(inline="always", error_model="numpy")
_sum = njit(error_model="numpy", fastmath={"reassoc", "contract"})


@_part
def _widened(half: Any) -> Any:
    """A bfloat16 is the upper half of a float32."""
    return _as_float(uint32(uint32(half) << uint32(16)))


@_part
def _narrowed(number: Any) -> Any:
    """Rounded to nearest, ties to even."""
    bits = _as_bits(number)
    return uint32(bits + uint32(0x7FFF) + ((bits >> uint32(16)) & uint32(1))) >> uint32(16)


@_kernel("u2* f4* i8")
def widen(raw: Any, wide: Any, size: int) -> None:
    for i in range(size):
        wide[i] = _widened(raw[i])


@_kernel("f4* u2* i8")
def narrow(wide: Any, out: Any, size: int) -> None:
    for i in range(size):
        out[i] = _narrowed(wide[i])


@_kernel("f4* i8 u4*")
def largest_exponent(wide: Any, size: int, found: Any) -> None:
    most = uint32(0)
    for i in range(size):
        most = max(most, uint32(_as_bits(wide[i]) & _EXPONENT))
    found[0] = most


@_kernel("f4* f4* f4 i8")
def add(total: Any, array: Any, weight: float, size: int) -> None:
    for i in range(size):
        total[i] += array[i] * weight


@_kernel("u2* i8 i8 f4* u2* u4* f4*")
def blend(
    raw: Any, models: int, size: int, weights: Any, out: Any, largest: Any, total: Any
) -> None:
    """`largest`: of the result's exponents, in their place; `total`: memory of a run."""
    most = uint32(0)
    for start in range(0, size, RUN):
        count = min(RUN, size - start)
        for i in range(count):
            total[i] = _widened(raw[start + i]) * weights[0]
        for model in range(1, models):
            weight, at = weights[model], model * size + start
            for i in range(count):
                total[i] += _widened(raw[at + i]) * weight
        for i in range(count):
            half = uint32(_narrowed(total[i]))
            out[start + i] = half
            most = max(most, uint32(uint32(half << uint32(16)) & _EXPONENT))
    largest[0] = most


@_sum
def _dot(wide: Any, a: int, b: int, size: int) -> Any:
    total = float32(0)
    for i in range(size):
        total += wide[a + i] * wide[b + i]
    return total


@_kernel("u2* i8 i8 i8 f8* f4* f4*")
def products(
    raw: Any, models: int, size: int, first: int, found: Any, wide: Any, base: Any
) -> None:
    """`found`: [models, models], added to; `wide`: memory of a short run for each model, `base`: of one.

    Short, so that all of it stays in the cache next to the processor. The base has memory of its own:
    subtracting one part of `wide` from another, the compiler would not dare to take many at once.
    """
    for start in range(0, size, SHORT_RUN):
        count = min(SHORT_RUN, size - start)
        for i in range(count):
            base[i] = _widened(raw[start + i]) if first else float32(0)
        for model in range(first, models):
            at, to = model * size + start, model * SHORT_RUN
            for i in range(count):
                wide[to + i] = _widened(raw[at + i]) - base[i]
        for a in range(first, models):
            for b in range(a, models):
                found[a * models + b] += _dot(wide, a * SHORT_RUN, b * SHORT_RUN, count)


@_kernel("f4* u1* f4 i8")
def thin(delta: Any, kept: Any, scale: float, size: int) -> None:
    for i in range(size):
        delta[i] = delta[i] * float32(kept[i]) * scale


@_sum
def _norms(delta: Any, kept: Any, start: int, count: int, found: Any) -> None:
    whole, part = float32(0), float32(0)
    for i in range(start, start + count):
        size = abs(delta[i])
        whole += size
        part += size * float32(kept[i])
    found[0] += whole
    found[1] += part


@_kernel("f4* u1* i8 f8*")
def norms(delta: Any, kept: Any, size: int, found: Any) -> None:
    for start in range(0, size, RUN):
        _norms(delta, kept, start, min(RUN, size - start), found)


@_part
def _mixed(word: Any, low: Any, high: Any) -> Any:
    """See `chance`: 32 random bits for two elements."""
    bits = uint32(word ^ low)
    bits = uint32(uint32(bits ^ (bits >> uint32(16))) * uint32(0x7FEB352D))
    bits = uint32(bits + high)
    bits = uint32(uint32(bits ^ (bits >> uint32(15))) * uint32(0x846CA68B))
    return uint32(bits ^ (bits >> uint32(16)))


@njit(error_model="numpy")
def _halves(low: int, high: int, start: int, size: int, memory: Any, to: int) -> None:
    """See `chance.halves`: 16 random bits for each element from `start` on, to `memory[to]` and on."""
    first = start >> 1
    below, above = uint32(low), uint32(high ^ (first >> 32))
    word, at = uint32(first & 0xFFFFFFFF), 0
    if start & 1:
        memory[to] = uint32(_mixed(word, below, above) >> uint32(16))
        word, at = uint32(word + uint32(1)), 1
    whole = (size - at) >> 1
    for i in range(whole):
        bits = _mixed(uint32(word + uint32(i)), below, above)
        memory[to + at + 2 * i] = uint32(bits & _HALF)
        memory[to + at + 2 * i + 1] = uint32(bits >> uint32(16))
    if at + 2 * whole < size:
        memory[to + size - 1] = uint32(_mixed(uint32(word + uint32(whole)), below, above) & _HALF)


@_kernel("i8 i8 i8 i8 i8 u1* u4*")
def drawn(low: int, high: int, start: int, limit: int, size: int, mask: Any, halves: Any) -> None:
    """`halves`: memory of a run."""
    bound = uint32(limit)
    for begin in range(0, size, RUN):
        count = min(RUN, size - begin)
        _halves(low, high, start + begin, count, halves, 0)
        for i in range(count):
            mask[begin + i] = halves[i] < bound


@_kernel("f4* i8 i8 i8 i8 i8 i8 i8 i8 i8 u1* u4*")
def drawn_by_rank(
    delta: Any,
    rows: int,
    columns: int,
    low: int,
    high: int,
    start: int,
    begin: int,
    end: int,
    shift: int,
    factor: int,
    mask: Any,
    memory: Any,
) -> None:
    """See `chance.another`. `memory`: of four rows."""
    lowest, highest, last = uint32(begin), uint32(end), uint32(end - 1)
    by, times = uint32(shift), uint32(factor)
    halves, other = 2 * columns, 3 * columns
    for row in range(rows):
        at = row * columns
        for i in range(columns):
            size = uint32(_as_bits(delta[at + i]) & _SIZE)
            memory[i] = uint32(size + uint32(1))
            memory[columns + i] = size
        _halves(low, high, start + at, columns, memory, halves)
        for i in range(columns):
            within = uint32(min(max(memory[halves + i], lowest), last) - lowest)
            step = uint32(uint32(within * times) >> by)
            memory[other + i] = uint32(uint32(i) + uint32(1) + step)
        for i in range(columns):
            half = memory[halves + i]
            larger = memory[columns + i] >= memory[memory[other + i]]
            mask[at + i] = (half < lowest) | (larger & (half < highest))


@_kernel("f4* i8 f4 f4 f4* i8* u1*")
def tally(
    scores: Any, size: int, low: float, high: float, inside: Any, counts: Any, marks: Any
) -> None:
    """`counts`: above, equal to high, inside, equal to low, positive. `marks`: memory of a run."""
    count = 0
    for start in range(0, size, RUN):
        run = min(RUN, size - start)
        above, below, lower, positive = uint32(0), uint32(0), uint32(0), uint32(0)
        for i in range(run):
            x = scores[start + i]
            above = uint32(above + uint32(x > high))
            below = uint32(below + uint32(x < high))
            lower = uint32(lower + uint32(x == low))
            positive = uint32(positive + uint32(x > 0))
        for i in range(run):
            x = scores[start + i]
            marks[i] = (x > low) & (x < high)
        counts[0] += above
        counts[1] += run - above - below  # NaN is one of them: it has to be somewhere
        counts[3] += lower
        counts[4] += positive
        for i in range(run, min(run + 7, RUN)):
            marks[i] = 0
        for eight in range(0, run, 8):  # few lie inside: most eights have none
            if _eight(marks, eight):
                for i in range(eight, min(eight + 8, run)):
                    inside[count] = scores[start + i]
                    count += marks[i]
    counts[2] = count


@_sum
def _sum_and_multiply(powers: Any, by: Any, at: int, size: int) -> Any:
    total = float32(0)
    for i in range(size):
        total += powers[i]
        powers[i] *= by[at + i]
    return total


@_kernel("f4* f4* i8 i8 i8 f8* f4*")
def moments(
    chances: Any, change: Any, rows: int, columns: int, count: int, found: Any, powers: Any
) -> None:
    """`found`: [count, rows], added to; `powers`: memory of a run."""
    for row in range(rows):
        for start in range(0, columns, RUN):
            size, at = min(RUN, columns - start), row * columns + start
            for i in range(size):
                powers[i] = chances[at + i]
            for power in range(count):
                found[power * rows + row] += _sum_and_multiply(powers, change, at, size)


@_kernel("f4* f4* i8 i8 f4* f4")
def add_important(
    base: Any, other: Any, rows: int, columns: int, weights: Any, threshold: float
) -> None:
    for row in range(rows):
        weight, at = weights[row], row * columns
        for i in range(at, at + columns):
            change = other[i] - base[i]
            base[i] += change * float32(abs(change) * weight >= threshold)


@_part
def _flipped(change: Any, sign_of: Any) -> Any:
    """Positive where the two have the same sign; NaN stays NaN."""
    return _as_float(uint32(_as_bits(change) ^ uint32(_as_bits(sign_of) & _SIGN)))


@_kernel("f4* f4* f4* i8")
def agree(change: Any, sign_of: Any, total: Any, size: int) -> None:
    """Adds what has the sign."""
    for i in range(size):
        total[i] += float32(0) if _flipped(change[i], sign_of[i]) < 0 else change[i]


@_kernel("f4* f4* f4 f4* i8")
def take_part(change: Any, sign_of: Any, weight: float, divisor: Any, size: int) -> None:
    """Adds the weight where a change has the sign and is one."""
    for i in range(size):
        divisor[i] += weight if _flipped(change[i], sign_of[i]) > 0 else float32(0)
