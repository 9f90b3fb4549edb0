"""Brennick Works, annual review 2024: the same tables and charts as in 2023, another year, another hand."""

from __future__ import annotations

from source.blocks import Box, KeyFigures, Table, paragraphs
from source.charts import Chart
from source.numbers import show, total
from source.report import Ask, Page, Report
from source.reports.brennick import DIVISIONS, accounts, look, margins_table, profit_bars, revenue_chart
from source.sketch import Arrow, Dot, Path, Room, Sketch, Words

_P = paragraphs


def report() -> Report:
    """Build the report."""
    d, before = accounts(2024), accounts(2023)
    pack, coat, filt, haul = (d[name] for name in DIVISIONS)
    sales, old = (total([x.revenue[4] for x in year.values()], 2) for year in (d, before))
    profit = total([x.profit[4] for x in d.values()], 2)
    pages = [
        Page("cover", ("title",), cover=("Brennick Works\nin 2024", "Review of the year for members and staff", [
            "Brennick Works plc", "Company number 00417 (Ostley register)", "Issued 11 March 2025"])),
        Page("contents", ("text", "chart"), section="Overview", blocks=[
            *_P(f"""# Where we stand

                > Sales of {show(sales, 1)} million pounds, {100 * (sales / old - 1):.1f} per cent more than in 2023; a
                profit of {show(profit, 1)} million; one division in trouble.

                This is the first review since Agnes Brennick-Hale handed the chair to Samuel Odede. He has asked that
                it be shorter and that it say the unpleasant thing on the second page, so here it is: Coatings shrank.
                Painters bought less, a rival opened forty miles away, and the low-solvent white came a season late.
                The rest of the group did well enough to hide it, which is a reason to mention it first.

                Packaging and Haulage had their best year in ten. Filtration passed Coatings in sales and is now the
                second division of the group, as Figure 1 shows. Debt to the bank is down to 3.1 million pounds."""),
            Chart("bars", "Figure 1. Sales of the divisions in two years.", DIVISIONS,
                  {"2023": [before[n].revenue[4] for n in DIVISIONS], "2024": [d[n].revenue[4] for n in DIVISIONS]},
                  "£ million a year", 230),
            *_P("""## What is in this review

                - Each division on a page of its own, with the table of quarterly margins
                - Revenue by month, in two charts
                - The new clean room, with a plan of the ground floor
                - People, pay and accidents
                - The opinion of the auditor, as we received it""")]),
        Page("margins-filtration", ("table", "chart", "text"), section="Filtration", top=[
            *_P("# Filtration"), margins_table(filt, 1)], columns=2, blocks=[*_P(f"""
            The division that began in a shed sold a quarter more than a year ago. In {filt.quarter()[0]} it kept
            {show(filt.quarter()[1], 1)} pence of each pound, a figure that the founders of this firm would have taken
            for a slip of the pen.

            The clean room was doubled between May and September without stopping the old half for a single day. Air
            was drawn through a duct made of scaffolding and plastic sheet; it looked dreadful and every particle count
            passed.

            ## Sterile grade

            Hospitals now take four cartridges in ten. They order by the year and complain by the hour, which suits
            a works that likes to plan and keeps the telephone manned. Two of them asked for a mark on the end cap
            that can be read in the dark; it glows for the length of a night shift.

            ## Slower customers

            Breweries are the slow part. Small brewers merge, and a merged brewer buys its cartridges once where it
            bought them twice. The gap was filled by makers of oat drinks, who need a coarser pleat and change it more
            often."""), profit_bars(filt, 240)]),
        Page("margins-packaging", ("table", "chart", "text"), section="Packaging", top=[
            *_P("# Packaging"), margins_table(pack, 2)], columns=2, blocks=[*_P(f"""
            After last year’s fibre contract the division bought every tonne on the day it was needed. Prices fell and
            stayed down. Margins rose with each quarter, to {show(pack.margin[3], 1)} per cent in the last, from
            {show(pack.margin[0], 1)} at the start.

            The second-hand machine from the north was sold on in June. It never ran at the speed on its plate, and
            the two older ones, with new drives, make more than the three did together.

            ## New customers

            They came by themselves, which has not happened for years: a buyer who pays on the thirtieth day, and
            not on the ninetieth, is worth a lower price.

            A seed merchant, two makers of pasta, and a museum that posts jigsaw puzzles. None takes more than a
            twentieth of our board, as the chair’s postcard demands."""), profit_bars(pack, 240)]),
        Page("margins-haulage", ("table", "chart", "text"), section="Haulage", top=[
            *_P("# Haulage"), margins_table(haul, 3)], columns=2, blocks=[*_P(f"""
            A mild winter, a toll abolished on the Ostley road, and a third place to fill the gas lorries: everything
            that can go right for a haulier did. The margin for the year was {show(haul.margin[4], 1)} per cent against
            {show(before['Haulage'].margin[4], 1)} in 2023.

            We bought four more gas lorries and sold three of the oldest diesels to a circus. The drivers’ agreement
            was renewed for two years; it swaps the bonus for speed, which nobody could defend, for one paid to
            whoever brings a lorry back without a scratch.

            ## On the road

            Lorries drove 2.1 million miles and came home empty on 19 journeys in a hundred, the fewest since we
            began to count. Punctures, oddly, doubled; a quarry on the Hethe road is the suspect.

            Nobody was hurt falling from a tail lift."""), profit_bars(haul, 240)]),
        Page("margins-coatings", ("table", "chart", "text"), section="Coatings", top=[
            *_P("# Coatings"), margins_table(coat, 4)], columns=2, blocks=[*_P(f"""
            There is no kind way to read this table. Revenue fell from quarter to quarter after midsummer, and in
            {coat.quarter(True)[0]} the division kept {show(coat.quarter(True)[1], 1)} per cent of it. A year earlier
            the worst quarter had yielded {show(before['Coatings'].quarter(True)[1], 1)}.

            ## Three causes

            The rival works at Pell sells at a tenth below our price. The low-solvent white, promised for April,
            reached the shops in July, when the decorators had already bought. And resin rose by an eighth.

            ## The plan

            It is short, since long plans are how we got here.

            Tom Breck will close the smallest vat, drop the thirty colours that sell least, and move two chemists to
            Filtration. If the margin is not back above twelve per cent by the end of 2025 the board will look for a
            partner."""), profit_bars(coat, 240)]),
        Page("revenue-1", ("chart", "text"), section="Months", blocks=[
            *_P("# Revenue by month: Packaging and Haulage"), revenue_chart([pack, haul], 2, 240),
            *_P(f"""The two divisions of Figure 2 rise and fall together, because most of what Haulage carries is what
                Packaging makes. The busiest month for cartons was {pack.month()[0]} with {show(pack.month()[1], 2)}
                million pounds; for lorries, {haul.month()[0]} with {show(haul.month()[1], 2)} million.

                The dashed line is flatter than it was. Return loads for strangers fill the weeks in which our own
                goods do not; they now make up exactly half of what the division earns. In spring, when boxes are few,
                the lorries carried turf, trampolines and, for one memorable week, a dismantled carousel."""),
            Box("""<b>Note on counting.</b> A load carried for another division is billed at cost plus four per cent
                and is part of the revenue of Haulage. It is taken out again in the total of the group only for the
                tax return, not in this review.""")]),
        Page("revenue-2", ("chart", "text"), section="Months", blocks=[
            *_P("# Revenue by month: Coatings and Filtration"), revenue_chart([coat, filt], 3, 240),
            *_P(f"""Lines that cross make a story, and Figure 3 has one. In the spring Coatings was still the larger of
                the two; from July on Filtration was ahead. By December Filtration billed {show(filt.months[11], 2)}
                million pounds and Coatings {show(coat.months[11], 2)} million.

                Coatings still has its hill, with the top in {coat.month()[0]}, but the far side is steeper than the
                near one. What Filtration sells does not depend on the weather, and after the second half of the clean
                room opened in September it could sell all it made.

                ## What we expect

                For 2025 we plan with a smaller hill and a straighter climb. The treasurer has asked the bank for a
                line of two million pounds, since Packaging can no longer lend to Coatings what the extra stock of
                filters already takes.""")]),
        Page("plan", ("figure", "text"), section="Clean room", blocks=[
            *_P("""# The new clean room

                The old room and the new are mirror images that share one lock. Figure 4 shows the ground floor as
                built; air flows from the pleating hall outwards, so that a door left open lets clean air out and not
                dirty air in."""),
            Sketch("Figure 4. Ground floor of the filter works after the extension (not to scale).", [
                Room(4, 6, 34, 38, "Pleating hall\n(old half)", "tint"), Room(62, 6, 34, 38,
                "Pleating hall\n(new half)",
                                                                             "tint"),
                Room(38, 24, 24, 20, "Test bench"), Room(38, 6, 24, 18, "Lock"), Room(4, 44, 22, 12, "Stores"),
                Room(26, 44, 48, 12, "Glue and end caps"), Room(74, 44, 22, 12, "Packing"),
                Arrow((50, 1), (50, 8), ""), Words(61, 2.5, "entrance"),
                Arrow((26, 20), (42, 16), "", dash=True), Arrow((74, 20), (58, 16), "", dash=True)], 60),
            *_P("""People enter through the lock in the middle, change shoes on the left of the bench and gloves on the
                right, and turn to one hall or the other. Paper comes in by the stores in the top left corner; finished
                cartridges leave at the top right. Nothing crosses its own path.

                The extension cost 2.3 million pounds, two hundred thousand more than planned. The difference is the
                floor: the first one was not flat enough for the pleating machine and had to be ground down.""")]),
        Page("people", ("table", "figure", "text"), section="People", blocks=[
            *_P("# People, pay and accidents"),
            KeyFigures([("1,041", "staff at year end"), ("21", "apprentices"), ("4.5%", "pay rise in April"),
                        ("3", "reportable accidents")]),
            Table("Table 5. Staff by division and contract, 31 December 2024",
                  ["Division", "Full time", "Part time", "Apprentices", "All"],
                  [["Packaging", "341", "62", "7", "410"], ["Coatings", "170", "44", "2", "216"],
                   ["Filtration", "176", "29", "10", "215"], ["Haulage", "138", "19", "2", "159"],
                   ["Group office", "30", "11", "0", "41"], ["Total", "855", "165", "21", "1,041"]],
                  total=True, sums=(1, 2, 3, 4)),
            Sketch("Figure 5. Where staff live: the three villages and the town, with bus times to Canal Side.", [
                Path([(0, 12), (20, 15), (42, 10), (70, 16), (100, 12)], weight=4), Words(88, 17, "canal"),
                Dot(50, 12, "Canal Side works", 1.6, (3, -3.5)), Dot(22, 27, "Ostley (35 minutes)"),
                Dot(62, 30, "Brennick (8 minutes)", 1.4), Dot(12, 5, "Hethe (22 minutes)"),
                Dot(74, 5, "Low Marl (17 minutes)"), Arrow((22, 27), (50, 12), head=False, dash=True),
                Arrow((62, 30), (50, 12), head=False, dash=True)], 36),
            *_P("""The three accidents were a crushed finger at the cutter, a burn in the boiler house and a fall on
                ice. Eleven people moved from Coatings to Filtration, and nobody was made to.""")]),
        Page("auditor", ("scan", "text"), section="Auditor", blocks=_P("""
            # Opinion of the auditor

            To the members

            We have audited the accounts of Brennick Works plc for the year to 31 December 2024. They agree with the
            books, and in our opinion give a fair view of the company and its divisions, with the one reservation set
            out below.

            ## Reservation

            The tinting machines in Coatings are carried at 1.6 million pounds. If the division is sold or closed they
            would fetch less than half of that. The directors believe that it will recover; we cannot say that they
            are wrong, but a reader should know that the value rests on this belief.

            ## Last year’s points

            Payroll passwords are no longer shared. The list of insured lorries was brought up to date in April 2024
            and again when the gas vehicles arrived. The credit limit of a twentieth was exceeded once, by a maker of
            pasta, for nine days.

            ## Stock

            Counted on 3 January 2025 at Canal Side and, for the first time, in the filter works. Differences of
            £6,200 in a total of £4.4 million were corrected.

            Signed at Ostley on 7 March 2025

            Marchbank and Tooley, registered auditors"""))]  # fmt: skip
    asks = [
        Ask("table", "What share of its revenue did the paint division keep in the final quarter of 2024?",
            ["margins-coatings"], answer=show(coat.margin[3], 1)),
        Ask("table", "Packaging, third quarter of 2024: how much profit in £ million?", ["margins-packaging"],
            answer=show(pack.profit[2], 2)),
        Ask("table", "filter makers' operating costs Q1 2024", ["margins-filtration"],
            answer=show(filt.running_cost[0], 2)),
        Ask("table", "2024 Haulage second-quarter revenue", ["margins-haulage"], ["revenue-1"],
            answer=show(haul.revenue[1], 2)),
        Ask("table", "number of part-timers among the hauliers' staff at the end of 2024", ["people"], answer="19"),
        Ask("text", "reasons why the paint business lost ground and what its manager will cut", ["margins-coatings"],
            ["contents"]),
        Ask("chart", "graph in which one division's monthly turnover overtakes another's during 2024", ["revenue-2"]),
        Ask("text", "Brennick 2024: paragraphs commenting on Figure 2", ["revenue-1"]),
        Ask("chart", "side-by-side columns for two years of sales, one pair for each division", ["contents"]),
        Ask("figure", "floor plan with two mirrored pleating halls and an airlock between them", ["plan"]),
        Ask("figure", "sketch of commuting times by bus to the canal works", ["people"]),
        Ask("layout", "skewed grey scan: auditor's opinion with a reservation about tinting machines", ["auditor"]),
        Ask("layout", "page with the table across the full width on top and the text about Filtration in two columns",
            ["margins-filtration"],
            ["margins-packaging", "margins-haulage", "margins-coatings"]),
        # over both years
        Ask("table", "tables titled “Quarterly Profit Margins” with explanatory text",
            [f"brennick-{y}/margins-{n.lower()}" for y in (2023, 2024) for n in DIVISIONS] + ["pellow-museum/shop"]),
        Ask("chart", "pages with a line chart of monthly revenue",
            [f"brennick-{y}/revenue-{k}" for y in (2023, 2024) for k in (1, 2)]
            + ["selmore-2023/revenue", "pellow-museum/shop-months"]),
    ]  # fmt: skip
    return Report("brennick-2024", "Brennick Works plc", "Brennick Works in 2024", look(2024), "test", pages, asks)
