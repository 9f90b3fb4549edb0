"""Larkfield Food Cooperative, members' report 2024: three shops, a bakery and a lot of cheese."""

from __future__ import annotations

from source.blocks import KeyFigures, Table, paragraphs
from source.charts import MONTH_NAMES, MONTHS, Chart
from source.look import A4, Look
from source.numbers import Numbers, best, show, total
from source.report import Ask, Page, Report
from source.reports.larkfield_sales import SHOPS, sales, sales_chart, sales_table
from source.sketch import Arrow, Dot, Path, Room, Sketch, Words

_P = paragraphs


def report() -> Report:
    """Build the report."""
    n = Numbers("larkfield-2024")
    year = {s: total([v for row in sales(s, 2024) for v in row]) for s in SHOPS}
    fruit = sales("Station", 2024)[0]
    members = {"Larkfield": n.series(12, 2410, 0.09, 0.0, 0.004, 0), "Villages": n.series(12, 960, 0.21, 0.0, 0.006, 0)}
    basket = {
        "Ours": n.series(12, 41.2, 0.03, 0.012, 0.006, 2, 2),
        "Supermarket": n.series(12, 38.4, 0.09, 0.0, 0.008, 2),
    }
    waste = {"Bread": 31, "Lettuce and herbs": 27, "Soft fruit": 19, "Milk": 9, "Cheese": 4, "Roots": 3}
    b_top = best(MONTH_NAMES, basket["Ours"])
    dearer = sum(a > b for a, b in zip(*basket.values(), strict=True))
    notes = {
        "Mill Street": """The oldest shop sells the most and complains the least. In March the counter was moved from
            the back to the window, so that people in the street see cheese being cut; four of ten who came in for the
            first time said that this was why.

            ## Refills

            Rice, lentils, oats and washing powder are sold loose from bins. The bins take up a fifth of the floor and
            bring in a tenth of the sales, and nobody who works there would give them up.

            ## Building

            The cellar was flooded on 11 February. Three hundred cheeses were carried up by a chain of customers, one of
            whom had come for a stamp.""",
        "Station": f"""Opened in 2021 in the old parcels office, this is the shop of people who have six minutes. It
            sells fruit by the piece, soup by the cup and bread by the half loaf. In the best quarter fruit and
            vegetables alone came to {show(max(fruit), 1)} thousand pounds.

            ## Hours

            From half past five in the morning till ten at night. The first customer is nearly always a signalman, who
            buys one banana. The last hour was tried as an experiment and pays for itself.

            ## Next year

            The railway offers the waiting room next door at a fair rent. Members will vote on it in May: it needs a new
            floor, forty thousand pounds, and somebody to be there at five.""",
        "Hill Farm": """The smallest shop has shrunk again. The road was closed for resurfacing from June to the middle
            of September, and habits that are broken for a summer do not all come back.

            ## What it is for

            Hill Farm is the only shop within seven miles that sells fresh food. A third of its customers do not drive.
            The board has therefore decided not to close it, to say so in writing, and to lose up to nine thousand
            pounds a year.

            ## Ideas of members

            - A delivery round on Wednesdays (begun in October, thirty-four households)
            - A freezer for village halls and their funeral teas
            - A bench, facing west (built)""",
    }
    pages = [
        Page("cover", ("title",), cover=("Members’ Report\n2024", "What we bought, baked, sold and threw away", [
            "Larkfield Food Cooperative Limited",
                f"{show(sum(v[11] for v in members.values()))} members, one vote each",
                    "Printed by a member, at cost"])),
        Page("chair", ("text",), columns=2, section="From the board", top=_P("# From the board"), blocks=_P("""
            > Nobody joins a shop to read its report, so we thank the eleven of you who do.

            The cooperative began in 1978 with a van, four crates of carrots and a disagreement about whether to sell
            sugar. The disagreement goes on. Everything else has changed.

            ## Three shops and an oven

            Station grew by leaps, Mill Street by steps, and Hill Farm lost its road for a summer. The bakery, which
            used to be a corner of Mill Street with a smell, moved to a building of its own behind the dairy in July.
            It bakes for all the shops and for two schools.

            ## The surplus

            After all costs 61 thousand pounds were left. The board proposes to pay back a penny on each pound that
            members spent, to put twenty thousand towards the waiting room at the station, and to keep the rest for bad
            winters.

            ## The sugar question

            It was put to the vote for the ninth time. Sugar stays, in paper bags, on the bottom shelf, by 214 votes to
            190.

            ## Goodbye and welcome

            Winifred Ashe has left the board after twenty-two years in which she never once spoke for longer than a
            minute. Her place is taken by Idris Bell, who repairs bicycles and is against sugar.

            ## How to stand

            Four seats are open in May. You need two members who will sign for you and an evening a month. Nobody will
            mind if you knit.""")),
        *[Page(f"sales-{s.lower().replace(' ', '-')}", ("table", "chart", "text"), section=s, blocks=[
            *_P(f"# {s}"), sales_table(s, 2024, i), sales_chart(s), *_P(notes[s])]) for i, s in enumerate(SHOPS, 1)],
        Page("members", ("chart", "text"), section="Members", blocks=[
            *_P("# Members"),
            Chart("line", "Figure 1. Number of members at the end of each month, town and villages, 2024.", MONTHS,
                members,
                  "members", 240),
            KeyFigures([("£10", "price of a share"), ("61%", "came to shop each week"), ("404", "voted"),
                        ("£412", "longest tab")]),
            *_P("""The villages grow faster than the town. Most new members there joined at a stall, after tasting
                something, in the two weeks before the delivery round began.

                One member, one vote, whatever you spend. The largest household buys for nine thousand pounds a year and
                the smallest for eleven, and they sit next to each other at the meeting because both are called
                Abbott.""")]),
        Page("basket", ("chart", "text"), section="Prices", blocks=[
            *_P("# What a basket costs"),
            Chart("line", "Figure 2. Price of the same thirty-two goods by month, 2024.", MONTHS, basket,
                "£ a basket", 250,
                  zero=False),
            *_P(f"""Each first Tuesday two volunteers buy the same thirty-two things, one with us and one at the
                supermarket on the bypass. Figure 2 is what they paid. Ours was the dearer in {dearer} months of
                twelve, by less and less; our dearest month was {b_top[0]} at £{show(b_top[1], 2)}.

                The list has not been changed since 2015. It has candles in it and no coffee, for reasons that nobody
                can remember. Organic goods are compared with organic goods as far as the supermarket has them, which
                in the case of swedes it does not.

                ## Why the gap closes

                Their lorries come from farther away. When diesel rises, so do their turnips.""")]),
        Page("waste", ("chart", "table", "text"), section="Waste", blocks=[
            *_P("# What we threw away"),
            Chart("across", "Figure 3. Food thrown away by kind, tonnes, 2024.", list(waste),
                {"Tonnes": list(waste.values())},
                  "tonnes", 170, values=True),
            Table("Table 4. Where unsold food went, 2024 (tonnes)", ["Destination", "2023", "2024"],
                  [["Sold at half price", "38", "52"], ["Food bank", "21", "29"], ["Pigs", "44", "31"], ["Compost",
                  "36", "27"],
                   ["Landfill", "25", "4"], ["All", "164", "143"]], total=True, sums=(1, 2), first=0.5,
                  note="Bread burned in the oven is not counted here."),
            *_P("""Ninety-three tonnes were thrown away in the strict sense. Sixty-two went to pigs, to compost and to
                landfill; the rest, all of it bread, heated the bakery’s own oven. Bread is the largest part, since
                people want a full shelf at five o’clock. From January each shop sells yesterday’s loaves from a basket
                by the door, at a price the customer may choose. The mean price chosen is seventy pence; one child paid
                with a drawing.""")]),
        Page("bakery", ("figure", "text"), section="Bakery", blocks=[
            *_P("# The new bakery"),
            Sketch("Figure 4. Layout of the bakery behind the dairy: flour in at the left, bread out at the right.", [
                Room(4, 8, 20, 40, "Flour store\n(silo above)"), Room(24, 28, 24, 20, "Mixing", "tint"),
                Room(24, 8, 24, 20, "Proving room\n28 degrees", "tint"), Room(48, 8, 24, 40,
                "Wood oven\nand deck oven", "ink"),
                Room(72, 28, 24, 20, "Cooling racks"), Room(72, 8, 24, 20, "Loading"), Arrow((0.5, 28), (6, 28)),
                Arrow((94, 14), (99.5, 14)), Words(60, 3, "Dairy Lane")], 52),
            *_P("""The walk of a loaf is sixty feet long and never turns back. Dough rests in the proving room for
                eighteen hours, which is why the room is the largest but one, and why the baker comes to work when the
                rest of us come home.

                The wood oven was built by members at weekends from 2,100 bricks of a chimney that was pulled down. It
                holds its heat for two days. Children’s pizza on Sundays is baked in what is left of Saturday’s fire.

                ## Flour

                Five farmers within twelve miles, two mills, three kinds of wheat that grow taller than a man.""")]),
        Page("suppliers", ("figure", "table"), section="Suppliers", blocks=[
            *_P("# Where it comes from"),
            Sketch("Figure 5. Farms and mills that supply us, with rings at five and ten miles.", [
                Dot(50, 30, "", 21, fill="#f2eee4"), Dot(50, 30, "", 10.5, fill="#e4ddca"), Dot(50, 30, "Larkfield",
                1.3),
                Dot(41, 36, "Abbott (milk)", 0.9), Dot(58, 24, "Coldharbour mill", 0.9), Dot(34, 20, "Teasel (roots)",
                0.9),
                Dot(66, 42, "Pike’s orchard", 0.9), Dot(80, 14, "Sallow (eggs)", 0.9), Dot(16, 48, "Upper mill", 0.9),
                Path([(0, 8), (30, 12), (60, 6), (100, 10)], weight=2.5), Words(88, 5.5, "river")], 60),
            Table("Table 5. Purchases by distance of the farm, 2024", ["Distance", "Suppliers", "£ thousand",
                "Share (%)"],
                  [["Up to 5 miles", "9", "214", "18.3"], ["5 to 10 miles", "14", "331", "28.3"],
                   ["10 to 50 miles", "22", "287", "24.5"], ["Farther", "41", "339", "28.9"],
                   ["All", "86", "1,171", "100.0"]], total=True, sums=(1, 2, 3), first=0.3)]),
        Page("minutes", ("scan", "text"), section="Minutes", blocks=_P("""
            # Minutes of the founding meeting

            Held in the Scout hut, Larkfield, on Thursday 9 March 1978. Present: nineteen, and a dog.

            1. It was agreed to buy food together, in order that it be cheaper and better.

            2. It was agreed to buy a van. Mr Teasel knows of one. It has no second gear.

            3. The name Larkfield Food Cooperative was carried. The name The Carrot was lost by one vote.

            4. Sugar. Miss Ashe spoke against. Mr Abbott spoke for. Mr Pike asked whether honey was sugar. Put off to
            the next meeting.

            5. Mrs Coldharbour was elected treasurer, having a tin with a lock.

            6. Shares at one pound each. Fourteen were sold on the spot. Total in the tin: £14 and a button.

            7. Next meeting in a fortnight, same place, bring own chair.

            The meeting closed at ten minutes past ten, when the Scouts wanted their hut."""))]  # fmt: skip
    milk = {s: sales(s, 2024)[2] for s in SHOPS}
    asks = [
        Ask("table", "third-quarter dairy turnover in the railway shop", ["sales-station"],
            answer=show(milk["Station"][2], 1)),
        Ask("table", "Hill Farm: bakery goods sold over the whole year", ["sales-hill-farm"],
            answer=show(total(sales("Hill Farm", 2024)[1]), 1)),
        Ask("table", "yearly total of everything sold at Mill Street", ["sales-mill-street"],
            answer=show(year["Mill Street"], 1)),
        Ask("table", "tonnes of leftovers given to the food bank", ["waste"], answer="29"),
        Ask("table", "how many suppliers are more than fifty miles away?", ["suppliers"], answer="41"),
        Ask("chart", "price comparison with a supermarket, two lines over twelve months", ["basket"]),
        Ask("chart", "paired columns per quarter, last two years, smallest of the shops", ["sales-hill-farm"],
            ["sales-mill-street", "sales-station"]),
        Ask("chart", "growth of membership in town and countryside", ["members"]),
        Ask("text", "Larkfield cooperative, comments on Figure 2", ["basket"]),
        Ask("figure", "production line of a bakehouse drawn as a plan", ["bakery"]),
        Ask("figure", "map with concentric rings around a town", ["suppliers"]),
        Ask("text", "a loss-making store is kept open for people without cars", ["sales-hill-farm"]),
        Ask("text", "argument over sweetener among members", ["chair", "minutes"]),
        Ask("layout", "faint askew copy of a numbered list of resolutions from the seventies", ["minutes"]),
    ]  # fmt: skip
    look = Look(A4, "dejavu-serif", "dejavu-serif", 10.3, 15.2, 64, 22, "#7a4b12", "#f6efe2",
                ("#7a4b12", "#c8a34a", "#5f7d4e", "#aaaaaa"), "plain", "stripes", "{page}", "top", False,
                {"angle": 1.2, "noise": 10.0, "fade": 0.58})  # fmt: skip
    return Report("larkfield-2024", "Larkfield Food Cooperative Limited", "Larkfield Members’ Report 2024", look, "dev",
                  pages, asks)  # fmt: skip
