"""Brennick Works, annual review 2023."""

from __future__ import annotations

from source.blocks import Box, KeyFigures, paragraphs
from source.charts import Chart
from source.numbers import show, total
from source.report import Page, Report
from source.reports.brennick import (
    DIVISIONS,
    QUARTERS,
    accounts,
    group_table,
    look,
    margins_table,
    profit_bars,
    revenue_chart,
)
from source.reports.brennick_asks import asks_2023
from source.reports.brennick_figures import flows

_P = paragraphs


def report() -> Report:
    """Build the report."""
    d = accounts(2023)
    pack, coat, filt, haul = (d[name] for name in DIVISIONS)
    sales = total([x.revenue[4] for x in d.values()], 2)
    profit = total([x.profit[4] for x in d.values()], 2)
    staff = {"Packaging": 412, "Coatings": 236, "Filtration": 178, "Haulage": 154, "Group office": 43}
    pages = [
        Page("cover", ("title",), cover=("Annual Review\n2023", "Four divisions, one yard", [
            "Brennick Works plc, Canal Side, Brennick", "Approved by the board on 14 March 2024",
            "Printed on our own recycled board"])),
        Page("chair", ("text",), columns=2, section="Letter", top=_P("# The chair’s letter"), blocks=_P(f"""
            > A year in which the oldest part of the firm stumbled and the youngest one ran.

            When my grandmother signed the lease on the canal yard she wrote to her brother that a firm ought to be
            able to survive one bad customer, one bad winter and one bad idea. In 2023 we had all three, and I can
            report that she was right.

            The bad customer was a biscuit maker that owed us for eleven weeks of cartons when it closed. The bad
            winter froze the Ostley road for nine days and stranded two thirds of our lorries on the wrong side of the
            pass, with forty tonnes of chocolate boxes aboard. The bad idea was ours alone: we bought recycled fibre on
            a fixed-price contract in May, two months before the market fell.

            Even so, sales came to £{show(sales, 1)} million and profit to £{show(profit, 1)} million. Filtration,
            which five years ago was a shed with three people in it, earned more for each pound of sales than any
            other part of the group.

            I am asked at every meeting why we do not sell the parts that earn less and keep the part that earns
            more. The answer is on the page that shows how the yard fits together. Take away the boiler that burns
            Packaging’s trimmings and Coatings must buy gas; take away Coatings and Filtration loses the customer who
            tests everything first. A chain is not improved by removing the links that shine least.

            ## The people

            We ended the year with more apprentices than at any time since the yard was rebuilt: nineteen, of whom
            eleven are in trades that did not exist when I began. One of them found the fault in the steam meter that
            two consultants had missed, by putting her hand on the pipe.

            Sickness was lower than in the year before. The night shift asked for, and was given, a canteen that opens
            at two in the morning; it serves the best breakfast in Brennick, to judge by the number of directors who
            are seen there.

            ## What we will do differently

            Nobody may now sign a purchase contract longer than a quarter without a second signature from another
            division. The credit limit of any one customer is a twentieth of a division’s yearly sales. Both rules
            fit on a postcard, and I have had the postcard printed.

            ## Thanks

            Ines Callow retires after thirty-one years in the coatings laboratory. Most of the white on the doors of
            this county passed under her lamp first. Tom Breck takes her place in April.

            The board proposes a dividend of 6.4 pence a share, a halfpenny above last year’s. The annual meeting is
            on the ninth of May in the old engine house; there will be soup, as always.

            <i>Agnes Brennick-Hale, chair</i>""")),
        Page("figures", ("table", "chart"), section="The year in figures", blocks=[
            *_P("# The year in figures"),
            KeyFigures([(f"£{show(sales, 1)}m", "sales of the group"), (f"£{show(profit, 1)}m", "profit"),
                        (f"{100 * profit / sales:.1f}%", "margin of the group"), (str(sum(staff.values())), "staff")]),
            group_table(d, staff),
            Chart("stacked", "Figure 1. Sales by division and quarter, 2023.", QUARTERS,
                  {n: d[n].revenue[:4] for n in DIVISIONS}, "£ million", 215),
            *_P(f"""Packaging brought in {100 * pack.revenue[4] / sales:.0f} pence of every pound we sold. The group
                office counts as a cost centre: its people are listed so that the column of staff is complete, but it
                neither sells nor earns.""")]),
        Page("margins-packaging", ("table", "chart", "text"), section="Packaging", blocks=[
            *_P("""# Packaging

                Cartons, trays and sleeves for food makers, from recycled board. Two machines run day and night at
                Canal Side; a third, bought second-hand from a mill in the north, joined them in February."""),
            margins_table(pack, 2), profit_bars(pack),
            *_P(f"""## Why the third quarter hurt

                The margin of {show(pack.quarter(True)[1], 1)} per cent in {pack.quarter(True)[0]} was the lowest since
                the division moved to the yard. Almost all of the drop is the fibre contract: from July we paid for
                every tonne about a fifth more than our rivals did. We let the contract run out in November and were
                back on the open market for the last weeks of the year.

                Revenue tells a calmer story. Orders held at {show(pack.revenue[0], 2)} million pounds in the opening
                quarter and ended at {show(pack.revenue[3], 2)} million, because bakers and chocolate makers stock up
                before the holidays. The loss of the biscuit maker shows only in the bad debts, which are counted
                among operating costs."""),
            Box("""<b>How to read the margin.</b> Profit here is what remains after the cost of sales (board, ink,
                wages on the machines, power) and operating costs (sales staff, rent, repairs, bad debts). Interest
                and tax are settled at group level and appear in no division’s table.""")]),
        Page("margins-coatings", ("table", "chart", "text"), section="Coatings", blocks=[
            *_P(f"""# Coatings

                Paint is a fair-weather trade. Nobody varnishes a boat in January, and the division has long earned
                its year between Easter and the school holidays: {show(coat.revenue[1], 2)} of the year’s
                {show(coat.revenue[4], 2)} million pounds were billed in the second quarter."""),
            margins_table(coat, 3), profit_bars(coat),
            *_P(f"""The best margin, {show(coat.quarter()[1], 1)} per cent, fell in {coat.quarter()[0]}. Full vats are
                cheap vats: a batch of 4,000 litres takes the same cleaning as one of 900. The weakest was
                {coat.quarter(True)[0]} at {show(coat.quarter(True)[1], 1)} per cent, when the boilers ran for small
                orders.

                ## Solvents

                By the end of 2026 the law will allow no more than 30 grams of solvent a litre in wall paint. Our
                best-selling white holds 41. Tom Breck’s group has a recipe at 22 grams that covers as well on plaster
                but drags on old gloss; painters who tried it asked for a longer open time. A second trial, with
                forty decorators, begins in the spring.

                ## The marine range

                Boatyards took 18 per cent more of the two-pack varnish than in 2022. We have stopped making the tar
                coating, which sold fewer than two hundred tins.""")]),
        Page("margins-filtration", ("table", "chart", "text"), section="Filtration", blocks=[
            *_P("""# Filtration

                Pleated cartridges for breweries, dairies and hospital water. The division makes nothing that a
                supermarket sells, and few of its customers could name their supplier; they notice a filter only when
                it fails."""),
            margins_table(filt, 4), profit_bars(filt),
            *_P(f"""Each quarter was more profitable than the one before, from {show(filt.margin[0], 1)} to
                {show(filt.margin[3], 1)} per cent. Two things explain it. The pleating line installed in 2022 no
                longer needs a night fitter. And hospitals, which pay more for the sterile grade, now take a third of
                what we make.

                ## Capacity

                At the present rate the clean room is full by next autumn. A plan to double it, at a cost of 2.1
                million pounds, goes to the board in June. The alternative, a second shift, would need eleven trained
                people whom we do not have.

                ## Complaints

                Nine complaints reached us, against fourteen the year before. Six concerned one lot of end caps whose
                glue had been cured too cool; every customer was sent replacements within two days.""")]),
        Page("margins-haulage", ("table", "chart", "text"), section="Haulage", blocks=[
            *_P("""# Haulage

                Our lorries carry the goods of the other three divisions and, on the way back, anybody’s. The return
                loads make the difference between a cost and a business."""),
            margins_table(haul, 5), profit_bars(haul),
            *_P(f"""A haulier lives on thin slices. Over the year {show(haul.margin[4], 1)} pence of each pound stayed
                with us; in {haul.quarter(True)[0]}, with the Ostley road shut and drivers paid to wait, it was
                {show(haul.quarter(True)[1], 1)}. Diesel took 31 pence of the pound, wages 38, tolls and tyres most of
                the rest.

                ## The fleet

                Twenty-six lorries, of which four are powered by gas from the town’s digester. The gas lorries are
                quieter and cost a ninth less to run, but there are only two places in the county where they can be
                filled. We will not buy more until there is a third.

                ## Safety

                Two drivers were hurt in falls from a tail lift, neither badly. All lifts now have a yellow edge and
                a rail. No lorry was in an accident on the road with injury to anybody.""")]),
        Page("revenue-1", ("chart", "text"), section="Month by month", blocks=[
            *_P("# Month by month: Packaging and Coatings"), revenue_chart([pack, coat], 2, 230),
            *_P(f"""Figure 2 sets the two largest divisions side by side, and they could hardly differ more. The upper
                line wanders within a band of a million pounds; it is highest in {pack.month()[0]}, at
                {show(pack.month()[1], 2)} million. The lower line is a hill. It climbs from the frosts to
                {coat.month()[0]}, when Coatings billed {show(coat.month()[1], 2)} million, and is back down by
                {coat.month(True)[0]} at {show(coat.month(True)[1], 2)} million.

                For the treasurer the difference matters more than the sum. Coatings buys its resins in February and
                is paid in August, so for half the year it borrows from Packaging. In 2023 that loan peaked at 1.3
                million pounds, all of it within the group and none from the bank.

                ## Reading the chart

                Revenue is counted in the month in which goods leave the yard, not when the invoice is paid. The axis
                does not begin at nought: the swings look larger than they are.""")]),
        Page("revenue-2", ("chart", "text"), section="Month by month", blocks=[
            *_P("# Month by month: Filtration and Haulage"), revenue_chart([filt, haul], 3, 230),
            *_P(f"""The smaller divisions changed places in the group’s affections, if not in its accounts. Figure 3
                shows Filtration rising through the year, to {show(filt.month()[1], 2)} million pounds in
                {filt.month()[0]}. Haulage moved with the calendar of the others: more loads before the holidays,
                fewest in {haul.month(True)[0]}, with {show(haul.month(True)[1], 2)} million.

                One number is not in the chart. Of what Haulage earned, 44 per cent came from strangers, up from 39.
                Every return load is booked by a desk of three people in Ostley, who found 2,960 of them.

                ## What a month can hide

                A calendar month of five Fridays carries more loads than one of four, and a hospital that orders for
                a year at a time makes one bar tall and eleven short. We thought of smoothing the lines and decided
                against it. A reader who wants the trend can lay a ruler on the page; a reader who wants to know what
                came in during a given month cannot undo our smoothing.

                The desk in Ostley keeps its own chart on the wall, by week, in coloured pins. In nine years it has
                been off by more than two per cent only once, in the week when somebody opened the window.""")]),
        Page("flow", ("figure", "text"), section="Canal Side", blocks=[
            *_P("""# How the yard fits together

                Visitors ask why a carton maker owns a paint works. Figure 4 is the answer we draw on the back of an
                envelope: what one division throws away another can use."""),
            flows(),
            *_P("""Board trimmings feed the boiler, whose steam warms the vats in Coatings and whose hot water washes
                the filter media. Rinse water from the paint works passes through our own cartridges and is clean
                enough to make board again. Nothing in the loop is new; what is new is that since October we meter all
                seven flows and charge for them, so that nobody wastes what seems to be free.

                The meters paid for themselves in fourteen weeks. Coatings found a steam trap that had leaked for
                years; Packaging discovered that it was burning trimmings which a dealer would have bought.""")]),
        Page("auditor", ("scan", "text"), section="Auditor", blocks=_P(f"""
            # Report of the auditor

            To the members of Brennick Works plc

            We have examined the accounts of the company and its four divisions for the twelve months that ended on
            31 December 2023. In our opinion they show fairly what the company owned and owed on that day and what it
            earned in the year.

            ## What we looked at

            We counted stock at Canal Side on 2 January 2024 and found differences of £11,400 in a total of £3.9
            million, which have been corrected. We wrote to the forty largest customers; thirty-seven confirmed what
            they owed. The debt of a biscuit maker, £{show(286_000)}, has been written off in full.

            ## What the directors should mend

            Passwords to the payroll are shared by three clerks. The lorries are insured on a list that still names
            two vehicles sold in 2021. Neither fault changes the accounts.

            Signed at Ostley on 18 March 2024

            Marchbank and Tooley, registered auditors"""))]  # fmt: skip
    return Report("brennick-2023", "Brennick Works plc", "Brennick Works · Annual Review 2023", look(2023), "test",
                  pages, asks_2023(d))  # fmt: skip
