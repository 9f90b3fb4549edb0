"""Sales of the three shops of Larkfield in two years."""

from __future__ import annotations

from source.blocks import Table
from source.charts import Chart
from source.numbers import Numbers, show, total

SHOPS = {"Mill Street": (212, 0.04), "Station": (148, 0.16), "Hill Farm": (87, -0.05)}
GOODS = ("Fruit and vegetables", "Bread and cakes", "Milk and cheese", "Dry goods", "Household")


def sales(shop: str, year: int) -> list[list[float]]:
    """Sales in thousand pounds by kind of goods and quarter."""
    n = Numbers(f"larkfield/{shop}/{year}")
    start, drift = SHOPS[shop]
    shares = (0.31, 0.17, 0.22, 0.21, 0.09)
    grown = start * (1 + drift) ** (year - 2023)
    return [n.series(4, grown * share, 0.03, 0.04, 0.03, 1, 1) for share in shares]


def sales_table(shop: str, year: int, number: int) -> Table:
    """The table of a shop and year."""
    sold = sales(shop, year)
    columns = [total([row[q] for row in sold]) for q in range(4)]
    rows = [[g, *[show(v, 1) for v in row], show(total(row), 1)] for g, row in zip(GOODS, sold, strict=True)]
    rows.append(["All goods", *[show(v, 1) for v in columns], show(total(columns), 1)])
    return Table(f"Table {number}. Sales of the {shop} shop by kind of goods, {year} (£ thousand)",
                 ["Goods", "Q1", "Q2", "Q3", "Q4", "Year"], rows, total=True, sums=(1, 2, 3, 4, 5),
                 first=0.34)  # fmt: skip


def sales_chart(shop: str) -> Chart:
    """Two years side by side."""
    both = {str(y): [total([row[q] for row in sales(shop, y)]) for q in range(4)] for y in (2023, 2024)}
    return Chart("bars", f"{shop}: all sales by quarter, two years.", ("Q1", "Q2", "Q3", "Q4"), both, "£ thousand", 165)
