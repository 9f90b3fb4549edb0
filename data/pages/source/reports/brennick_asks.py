"""Questions asked of the review of 2023."""

from __future__ import annotations

from source.numbers import show
from source.report import Ask
from source.reports.brennick import DIVISIONS, Division


def asks_2023(d: dict[str, Division]) -> list[Ask]:
    """Questions and the pages that answer them."""
    pack, coat, filt, haul = (d[name] for name in DIVISIONS)
    return [
        Ask("table", "How many pence in the pound did Brennick's carton business keep in Q3 2023?",
            ["margins-packaging"], answer=show(pack.margin[2], 1)),
        Ask("table", "operating costs of Coatings in the second quarter of 2023", ["margins-coatings"],
            answer=show(coat.running_cost[1], 2)),
        Ask("table", "Filtration fourth quarter 2023 profit in £ million", ["margins-filtration"],
            answer=show(filt.profit[3], 2)),
        Ask("table", "What were cost of sales for the lorry division in the first three months of 2023?",
            ["margins-haulage"], answer=show(haul.sales_cost[0], 2)),
        Ask("table", "headcount of each Brennick division at the end of 2023", ["figures"]),
        Ask("text", "Which purchasing mistake squeezed the carton maker's profitability, and when did it end?",
            ["margins-packaging"], ["chair", "brennick-2024/margins-packaging"]),
        Ask("chart", "line chart comparing Packaging with Coatings month by month in 2023", ["revenue-1"]),
        Ask("text", "Brennick 2023: passage that interprets Figure 2", ["revenue-1"]),
        Ask("chart", "stacked columns of quarterly turnover split by division, Brennick 2023", ["figures"],
            ["margins-packaging", "margins-coatings", "margins-filtration", "margins-haulage"]),
        Ask("figure", "diagram of how waste heat and water circulate between parts of a factory site", ["flow"]),
        Ask("layout", "blurry tilted photocopy of an accountant's opinion on the books for 2023", ["auditor"]),
        Ask("layout", "front cover of the Brennick review for 2023", ["cover"]),
        Ask("text", "paint recipe with less solvent, trials by decorators", ["margins-coatings"],
            ["brennick-2024/margins-coatings"]),
        Ask("text", "who books freight for trucks that would otherwise drive home empty?", ["revenue-2"],
            ["margins-haulage"]),
    ]  # fmt: skip
