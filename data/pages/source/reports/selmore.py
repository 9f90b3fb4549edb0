"""Selmore Regional Transit, statistical yearbook 2023: a city's trams and buses in tables, charts and maps."""

from __future__ import annotations

from source.blocks import Box, KeyFigures, Table, paragraphs
from source.charts import MONTH_NAMES, MONTHS, Chart
from source.look import LETTER, Look
from source.numbers import Numbers, best, show, total
from source.report import Ask, Page, Report
from source.reports.selmore_figures import map_of_lines, plan_of_central

_P = paragraphs
_LINES = {"Harbor": (410, 0.04, 0.10, 6), "Uplands": (265, 0.09, -0.10, 7), "Ring": (520, -0.03, 0.02, 9),
          "Airport": (150, 0.06, 0.17, 7)}  # fmt: skip


def report() -> Report:
    """Build the report."""
    n = Numbers("selmore-2023")
    riders = {k: n.series(12, s, g, w, 0.02, 0, p) for k, (s, g, w, p) in _LINES.items()}
    quarters = {k: [total(v[3 * q : 3 * q + 3], 0) for q in range(4)] for k, v in riders.items()}
    rows = [[k, *[show(x) for x in q], show(sum(q))] for k, q in quarters.items()]
    sums = [sum(q[i] for q in quarters.values()) for i in range(4)]
    rows.append(["All lines", *[show(x) for x in sums], show(sum(sums))])
    tickets = n.series(12, 1.42, -0.10, 0.11, 0.02, 2, 7)
    passes = n.series(12, 1.05, 0.24, -0.03, 0.015, 2, 7)
    late = {"Harbor": 88.4, "Uplands": 79.1, "Ring": 91.7, "Airport": 94.3, "Night buses": 72.6}
    causes = {"Signals and points": 5210, "Road traffic": 8840, "Doors and boarding": 3170, "Staff not available": 1925,
              "Weather": 1490, "Trespass on the track": 865}  # fmt: skip
    h_best, h_low = best(MONTH_NAMES, riders["Harbor"]), best(MONTH_NAMES, riders["Harbor"], True)
    r_best, r_low = best(MONTH_NAMES, riders["Ring"]), best(MONTH_NAMES, riders["Ring"], True)
    a_best, u_best = best(MONTH_NAMES, riders["Airport"]), best(MONTH_NAMES, riders["Uplands"])
    u_low = best(MONTH_NAMES, riders["Uplands"], True)
    pages = [
        Page("cover", ("title",), cover=("Statistical Yearbook\n2023", "Riders, money, minutes", [
            "Selmore Regional Transit Authority", "Office of Planning and Counts, 200 Wharf Street, Selmore",
            "Twelfth edition"])),
        Page("about", ("text",), columns=2, section="About the numbers", top=_P("# About the numbers"), blocks=_P("""
            > We count people twice and trust neither count entirely.

            ## Where riders come from

            Every tram and every other bus carries a beam across each door. The beams count bodies, and cannot tell a
            rider from a driver who steps out for coffee. Four times a year forty students ride with clickers and
            correct the beams. In 2023 the correction was minus 2.1 percent, the smallest so far.

            A rider who changes from one line to another is counted on both. The totals in this book are therefore
            boardings and not trips; we estimate that a hundred boardings make seventy-four trips.

            ## Where money comes from

            Fare revenue is booked when a ticket is sold. A monthly pass belongs to the month for which it is valid,
            whenever it was bought. Advertising, rents and the city’s grant are left out of every page.

            ## What counts as late

            A vehicle that leaves a timing point more than five minutes after the hour printed, or more than one
            minute before it, is not on time. Being early is the worse offense: a late tram can still be caught.

            ## Breaks in the series

            - Since March the Ring line runs through the Foundry tunnel. Boardings at Old Foundry and New Foundry are
            counted as one stop.
            - The Airport line stopped at ten in the evening throughout February, while its bridge was jacked up.
            - Night buses are counted by drivers, with pencil and paper.

            ## Rounding

            Tables show thousands of boardings. Each cell is rounded on its own, and the totals are sums of the rounded
            cells, so that a reader with a pencil arrives where we did.

            ## What we gave up

            The survey of reasons for travel was last held in 2019. The people who stood at the stops with clipboards
            were shouted at more than was fair, and the answers had become the same every time: to work, from work,
            to see somebody.""")),
        Page("riders", ("table", "chart"), section="Riders", blocks=[
            *_P("# Riders by line and quarter"),
            Table("Table 1. Boardings by line and quarter, 2023 (thousand)", ["Line", "Q1", "Q2", "Q3", "Q4", "Year"],
                  rows, total=True, sums=(1, 2, 3, 4, 5), first=0.22),
            Chart("bars", "Boardings by quarter and line, 2023.", ["Q1", "Q2", "Q3", "Q4"], quarters,
                  "thousand boardings", 220),
            *_P(f"""The system carried {show(sum(sums) / 1000, 2)} million boardings. The Ring line has the most, and is
                the only one with fewer than in 2022: the tunnel took eleven minutes off the way round, and people who
                used to change twice now change once. Each change that is saved is a boarding that we lose and a rider
                who is better off.

                The smallest line grew fastest on the year before. A new terminal opened in May, and its parking lot
                charges more for an hour than we do for a day.""")]),
        Page("months-1", ("chart", "text"), section="Riders", blocks=[
            *_P("# Riders by month: Harbor and Ring"),
            Chart("line", "Figure 1. Boardings by month, Harbor and Ring lines, 2023.", MONTHS,
                  {k: riders[k] for k in ("Harbor", "Ring")}, "thousand boardings", 240, zero=False),
            *_P(f"""The Harbor line lives by the ferries and by the beach at Cole Point. Its best month was
                {h_best[0]}, with {show(h_best[1])} thousand boardings, and its worst {h_low[0]}, with
                {show(h_low[1])} thousand. On the Saturday of the Lantern Regatta one car, number 61, was boarded by
                2,214 people between noon and midnight.

                The Ring line has no season. Commuters, shoppers and students fill each other’s gaps, and
                its weakest month, {r_low[0]}, lies only {show(100 * (1 - r_low[1] / r_best[1]))} percent below its
                strongest, {r_best[0]}.

                ## What the dashes hide

                The opening of the tunnel in March closed the line for six days and then made it faster. Both effects
                fall into the same month and nearly cancel. Readers who need the days can ask us for the sheets; they
                fill a filing cabinet, and the cabinet is on wheels.""")]),
        Page("months-2", ("chart", "text"), section="Riders", blocks=[
            *_P("# Riders by month: Uplands and Airport"),
            Chart("line", "Figure 2. Boardings by month, Uplands and Airport lines, 2023.", MONTHS,
                  {k: riders[k] for k in ("Uplands", "Airport")}, "thousand boardings", 240, zero=False),
            *_P(f"""Figure 2 looks like a pair of scissors. Through the summer the Uplands line empties, down to
                {show(u_low[1])} thousand boardings in {u_low[0]}, while the Airport line fills up, to
                {show(a_best[1])} thousand in {a_best[0]}. We use this: eight cars and their crews move from one to the
                other on the last Friday of June and go back after Labor Day.

                The Uplands line peaks in {u_best[0]} ({show(u_best[1])} thousand), when the roads above the reservoir
                are icy and even people who own two cars remember the tram.

                ## A note for planners

                The two lines could share cars all year if the shops at Reservoir could lift the longer Airport cars.
                They cannot. A second jack would cost $340,000 and would have saved, by our estimate, one thousand
                four hundred empty car-hours in 2023.""")]),
        Page("revenue", ("chart", "text"), section="Money", blocks=[
            *_P("# Fare revenue by month"),
            Chart("line", "Figure 3. Monthly revenue from single tickets and from passes, 2023.", MONTHS,
                  {"Single tickets": tickets, "Passes": passes}, "$ million a month", 240),
            *_P(f"""Riders paid ${show(total(tickets + passes, 2), 2)} million in fares. Single tickets brought in
                ${show(total(tickets, 2), 2)} million, most of it in summer; passes ${show(total(passes, 2), 2)}
                million. In January a pass holder paid for {show(100 * passes[0] / (passes[0] + tickets[0]))} cents of
                each fare dollar, in December for {show(100 * passes[11] / (passes[11] + tickets[11]))}. The cause is
                the half-price pass for under-25s, which went on sale in April and which the treasurer had opposed.

                ## What is not in the figure

                Ferries sell their own tickets, and so does the hotel shuttle that uses our stops. Penalties, a little
                under a quarter of a million dollars, are booked by the city court. Refunds after the February bridge
                works are taken off the month in which the ticket was bought, not the month of the refund.""")
            ]),
        Page("punctuality", ("chart", "table"), section="Minutes", blocks=[
            *_P("# On time"),
            Chart("across", "Figure 4. Departures on time, percent of all timed departures, 2023.", list(late),
                  {"On time": list(late.values())}, "percent of departures", 190, values=True),
            Table("Table 2. Minutes of delay by cause, 2023", ["Cause", "Minutes", "Share (%)"],
                  [*[[k, show(v), show(100 * v / sum(causes.values()), 1)] for k, v in causes.items()],
                   ["All causes", show(sum(causes.values())), "100.0"]], total=True, sums=(1,), first=0.5),
            *_P("""Trams that share a street with cars are late when the cars are. The Uplands line runs in traffic
                for two thirds of its length. A lane of its own on Summit Avenue, promised for 2021, was painted in
                November and is parked on every evening.""")]),
        Page("map", ("figure", "text"), section="Network", blocks=[
            *_P("# The network in December 2023"),
            map_of_lines(),
            *_P("""Lines meet at Central, Ferry Hall and Stadium. The Ring line is drawn as a diamond, which flatters
                it: between Foundry and Central it makes nine curves, and its wheels can be heard in the library. An
                extension from Reservoir to the hospital has been surveyed twice and funded never.

                ## Length and age

                There are 48 miles of track, a third of it older than anybody who maintains it. The steepest part, one
                in eleven, lies just below Reservoir, where sand is spread by hand on frosty mornings. The newest is
                the tunnel, opened on March 18, in which telephones work and conversations have become louder.

                ## Names

                Stops are named for streets, not for sponsors. An offer from a maker of mattresses to rename Foundry
                was declined by the board, seven votes to two.""")]),
        Page("plan", ("figure", "text"), section="Network", blocks=[
            *_P("# Central: the interchange below the square"),
            plan_of_central(),
            *_P("""The lifts stand between the two flights of stairs and stop at all three levels. Before the rebuilding
                a rider in a wheelchair had to go up to the square, cross it, and come down again by a service lift that
                was locked at nine.

                Lost property moved next to the ticket windows in June. Of 9,318 things handed in, 3,402 found their
                owners; the rest are sold in February. Among them in 2023: a sousaphone, a wedding dress with the price
                tag on, and eleven left shoes.""")]),
        Page("fares", ("table", "text"), section="Money", blocks=[
            *_P("# Fares from July 1, 2023"),
            Table("Table 3. Prices by number of zones, in dollars", ["Ticket", "1 zone", "2 zones", "3 zones",
                                                                   "All zones"],
                  [["Single, adult", "2.40", "3.10", "3.90", "4.80"], ["Single, under 16", "1.20", "1.50", "1.90",
                  "2.40"],
                   ["Day ticket", "6.00", "7.60", "9.20", "11.00"], ["Ten rides", "21.00", "27.00", "34.00", "42.00"],
                   ["Monthly pass", "68.00", "86.00", "104.00", "126.00"],
                   ["Monthly, under 25", "34.00", "43.00", "52.00", "63.00"]], first=0.3),
            KeyFigures([("4", "zones"), ("90 min", "validity of a single"), ("$80", "penalty without a ticket")]),
            Box("""<b>What changed.</b> Zone 4 was split off from zone 3 at the reservoir. The senior pass became free
                after nine in the morning. Dogs in a bag ride free; dogs on a leash pay the fare of a child."""),
            *_P("""A ten-ride card can be shared: two people may tap it one after the other. It cannot be used on night
                buses, which charge a flat three dollars in coins because their machines predate the cards.

                Inspectors checked 610,000 tickets and wrote 9,870 penalties. Four in ten were withdrawn on appeal, as
                a rule because a machine at the stop had been out of order.""")]),
        Page("incident", ("scan", "text"), section="Form 14-B", blocks=_P("""
            # Record of an incident

            Filed at Wharf Street depot, 03:10, December 2, 2023

            ## What happened

            Car 61 of the Harbor line, on its way to the depot without riders, met a piano on the track at the corner of
            Tanner Street and Third. The driver, Rosalind Achebe, braked from 18 miles an hour and stopped with the
            front step under the keyboard.

            ## Damage

            Car: one headlamp, the front step, paint. Piano: beyond repair. Track: none. No person was hurt. The owners,
            who had left it there for four minutes while they looked for a second strap, were given coffee.

            ## Delay

            First tram to Cole Point left 26 minutes late. Two night buses were sent round by the fish market.

            ## Recommendation

            None. It is not thought that it will occur again.

            Signed, H. Lindqvist, night supervisor"""))]  # fmt: skip
    asks = [
        Ask("table", "How many thousand boardings did Selmore's Airport tram record in the third quarter?", ["riders"],
            ["months-2"], answer=show(quarters["Airport"][2])),
        Ask("table", "annual boardings of the Ring tram, thousands", ["riders"], ["months-1"],
            answer=show(sum(quarters["Ring"]))),
        Ask("table", "Selmore: what does a ten-trip card for two zones cost?", ["fares"], answer="27.00"),
        Ask("table", "minutes lost to road traffic on Selmore's trams", ["punctuality"], answer="8,840"),
        Ask("chart", "chart in which the hillside tram dips in summer while the plane travelers' tram rises",
            ["months-2"]),
        Ask("text", "Selmore yearbook, explanation of Figure 2", ["months-2"]),
        Ask("chart", "graph of income from single rides against season passes over the year", ["revenue"]),
        Ask("chart", "horizontal bars of on-time performance with the worst result for buses after midnight",
            ["punctuality"]),
        Ask("figure", "schematic tram map with a loop and a bay to the south", ["map"]),
        Ask("figure", "where are the elevators and bike parking in Selmore's main interchange?", ["plan"]),
        Ask("text", "why is leaving early considered worse than leaving late?", ["about"]),
        Ask("text", "musical instrument struck by a streetcar at night", ["incident"]),
        Ask("text", "unusual objects left behind on trams and how many were reclaimed", ["plan"]),
        Ask("layout", "crooked, faded scan of a form filled in by a night supervisor", ["incident"]),
    ]  # fmt: skip
    look = Look(LETTER, "dejavu", "dejavu", 10.6, 15.2, 62, 22, "#0b5d5e", "#e2f0ef",
                ("#0b5d5e", "#e0a458", "#3f88c5", "#9b9b9b", "#5c2751"), "side", "grid", "{page}", "top", False,
                {"angle": -1.2, "noise": 8.0, "fade": 0.66})  # fmt: skip
    return Report("selmore-2023", "Selmore Regional Transit Authority", "Statistical Yearbook 2023", look, "test",
                  pages, asks)  # fmt: skip
