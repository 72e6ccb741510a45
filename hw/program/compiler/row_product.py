"""A product of two activations: rows of the buffer become the weights of the cores."""

from hw.program.compiler.build import Build
from hw.program.compiler.layout import Place
from hw.program.compiler.lengths import Length
from hw.program.compiler.schedule import Span
from hw.program.compiler.tiles import passes


def multiply_rows(
    build: Build,
    places: tuple[Place, Place, Place],
    counts: tuple[Length, Length],
    tiles: tuple[int, int],
    values: dict[str, int],
    remark: str,
) -> None:
    """Rows of codes by rows, or by columns, of other codes.

    Parameters
    ----------
    places : codes behind their header words, codes that become weights, rows of results
    counts : rows of each of the codes
    tiles : of inputs, and of columns of the result
    values : multiplier of the product; whether the weights are transposed
    """
    source, matrix, result = places
    rows_of_source, rows_of_matrix = counts
    k_tiles, all_tiles = tiles
    machine, most = build.machine, build.most(rows_of_source)
    across, lanes = values.get("transposed", 0), machine.lanes
    for one in passes(machine, all_tiles, most, build.plan.row_cycles):
        tiling = {"k_tiles": k_tiles, "tiles": one.tiles, "group_bits": one.group_bits}
        first, second = (one.first * lanes, 0) if across else (0, one.first % 2)
        keys = build.lengths.count(rows_of_matrix, first, one.tiles * lanes if across else None)
        word = matrix.word + (first * matrix.stride if across else one.first // 2)
        words = k_tiles if across else -(-(one.tiles + second) // 2)
        rows = max(min(build.most(rows_of_matrix) - first, keys.limit), 0)
        for start, size in build.plan.blocks(most, machine.core_rows << one.group_bits):
            count = build.lengths.count(rows_of_source, start, size)
            tiling["first_set"] = build.first_set
            build.first_set = (build.first_set + k_tiles) % machine.weight_sets
            build.schedule.emit(
                "activations",
                counts=(count, keys),
                values={
                    **values,
                    **tiling,
                    "codes": word,
                    "codes_stride": matrix.stride,
                    "second": second,
                },
                reads=[Span(first=word, words=words, stride=matrix.stride, rows=rows)],
                remark=remark,
            )
            header = source.word + start * source.stride
            to = result.word + start * result.stride + one.first
            build.schedule.emit(
                "cores",
                counts=(count,),
                values={
                    "unsigned": 1 - across,
                    "codes": header + 1,
                    "codes_stride": source.stride,
                    "scales": header,
                    **tiling,
                    "result": to,
                    "result_stride": result.stride,
                },
                reads=[Span(first=header, words=1 + k_tiles, stride=source.stride, rows=size)],
                writes=[Span(first=to, words=one.tiles, stride=result.stride, rows=size)],
                remark=remark,
            )
