"""Brennick Works, a maker of industrial goods with four divisions: the accounts behind its annual reviews."""

from __future__ import annotations

from dataclasses import dataclass

from source.blocks import Table
from source.charts import MONTH_NAMES, MONTHS, Chart
from source.look import Look
from source.numbers import Numbers, best, show, total

DIVISIONS = ("Packaging", "Coatings", "Filtration", "Haulage")
QUARTERS = ("Q1", "Q2", "Q3", "Q4")
YEARS = (2023, 2024)

# division and year -> first month's revenue (£ million), growth over the year, season, month of its peak, cost of sales
# and operating costs as shares of revenue by quarter
_PLAN = {
    ("Packaging", 2023): (5.2, 0.05, 0.05, 10, (0.58, 0.59, 0.67, 0.61), 0.22),
    ("Packaging", 2024): (5.5, 0.09, 0.06, 10, (0.60, 0.57, 0.56, 0.55), 0.22),
    ("Coatings", 2023): (3.1, 0.02, 0.16, 5, (0.56, 0.52, 0.53, 0.57), 0.27),
    ("Coatings", 2024): (3.0, -0.12, 0.14, 5, (0.58, 0.55, 0.60, 0.64), 0.28),
    ("Filtration", 2023): (2.2, 0.22, 0.03, 8, (0.50, 0.49, 0.47, 0.46), 0.30),
    ("Filtration", 2024): (2.7, 0.30, 0.03, 8, (0.47, 0.46, 0.45, 0.43), 0.29),
    ("Haulage", 2023): (1.7, 0.01, 0.08, 11, (0.69, 0.66, 0.68, 0.66), 0.25),
    ("Haulage", 2024): (1.8, 0.06, 0.09, 11, (0.66, 0.64, 0.66, 0.62), 0.25),
}


@dataclass(frozen=True)
class Division:
    """One division's year; money in £ million, margins in percent, by quarter and then for the year."""

    name: str
    year: int
    months: list[float]
    revenue: list[float]
    sales_cost: list[float]
    running_cost: list[float]

    @property
    def profit(self) -> list[float]:
        """What is left of each quarter's revenue, and of the year's."""
        parts = zip(self.revenue, self.sales_cost, self.running_cost, strict=True)
        return [round(r - s - o, 2) for r, s, o in parts]

    @property
    def margin(self) -> list[float]:
        """Profit as a percentage of revenue."""
        return [round(100 * p / r, 1) for p, r in zip(self.profit, self.revenue, strict=True)]

    def quarter(self, lowest: bool = False) -> tuple[str, float]:
        """The best quarter by margin and its margin, or the worst."""
        return best(QUARTERS, self.margin[:4], lowest)

    def month(self, lowest: bool = False) -> tuple[str, float]:
        """The best month by revenue and its revenue, or the worst."""
        return best(MONTH_NAMES, self.months, lowest)


def accounts(year: int) -> dict[str, Division]:
    """Every division's year, the same in both reports."""
    found = {}
    for name in DIVISIONS:
        start, drift, swing, peak, shares, running = _PLAN[name, year]
        numbers = Numbers(f"brennick/{name}/{year}")
        months = numbers.series(12, start, drift, swing, 0.025, 2, peak)
        revenue = [total(months[3 * q : 3 * q + 3], 2) for q in range(4)]
        sales = [round(r * (s + numbers.between(-0.006, 0.006, 4)), 2) for r, s in zip(revenue, shares, strict=True)]
        costs = [round(r * (running + numbers.between(-0.006, 0.006, 4)), 2) for r in revenue]
        for column in (revenue, sales, costs):
            column.append(total(column, 2))
        found[name] = Division(name, year, months, revenue, sales, costs)
    return found


def margins_table(division: Division, number: int) -> Table:
    """The table that both reports print for every division."""
    columns = (division.revenue, division.sales_cost, division.running_cost, division.profit)
    rows = [
        [label, *[show(column[i], 2) for column in columns], show(division.margin[i], 1)]
        for i, label in enumerate((*QUARTERS, "Year"))
    ]
    return Table(
        f"Table {number}. Quarterly Profit Margins: {division.name}, {division.year} (£ million)",
        ["Quarter", "Revenue", "Cost of sales", "Operating costs", "Profit", "Margin (%)"],
        rows,
        total=True,
        first=0.16,
        sums=(1, 2, 3, 4),
    )


def group_table(divisions: dict[str, Division], staff: dict[str, int]) -> Table:
    """Sales, profit and staff of the group."""
    rows = [[n, show(d.revenue[4], 2), show(d.profit[4], 2), str(staff[n])] for n, d in divisions.items()]
    rows.append(["Group office", "0.00", "0.00", str(staff["Group office"])])
    sales, profit = (total([float(row[i]) for row in rows], 2) for i in (1, 2))
    rows.append(["Total", show(sales, 2), show(profit, 2), str(sum(staff.values()))])
    return Table(
        f"Table 1. The group by division, {divisions['Packaging'].year}",
        ["Division", "Sales (£ million)", "Profit (£ million)", "Staff at year end"],
        rows,
        total=True,
        sums=(1, 2, 3),
        note="The costs of the group office are charged to the divisions.",
    )


def revenue_chart(divisions: list[Division], number: int, height: float = 215) -> Chart:
    """A line chart of monthly revenue of some divisions."""
    names = " and ".join(d.name for d in divisions)
    return Chart(
        "line",
        f"Figure {number}. Monthly revenue, {names}, {divisions[0].year}.",
        MONTHS,
        {d.name: d.months for d in divisions},
        "£ million a month",
        height,
        zero=False,
    )


def profit_bars(division: Division, height: float = 150) -> Chart:
    """A small bar chart of a division's profit by quarter."""
    caption = f"Profit of {division.name} by quarter, {division.year}, in £ million."
    return Chart("bars", caption, QUARTERS, {"Profit": division.profit[:4]}, "£ million", height, values=True)


def look(year: int) -> Look:
    """The house style of a year."""
    if year == 2023:
        return Look(
            body="times", heads="helvetica", size=12.2, leading=16.6, margin=70, folio="{page}", tables="rules",
            scan={"angle": 1.1, "noise": 9.0, "fade": 0.6},
        )  # fmt: skip
    return Look(
        body="helvetica", heads="helvetica", size=11.8, leading=16.8, margin=66, ink="#3b2a4a", tint="#efe9f4",
            furniture="band",
        colours=("#3b2a4a", "#c9a227", "#7d6b91", "#a9a9a9"), tables="stripes", folio="Page {page} of {pages}",
        legend="right", scan={"angle": -0.8, "noise": 12.0, "fade": 0.55},
    )  # fmt: skip
