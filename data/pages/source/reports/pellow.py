"""Pellow Museum of Tide and Trade, report and accounts for 2024."""

from __future__ import annotations

from source.blocks import Box, KeyFigures, Table, paragraphs
from source.charts import MONTH_NAMES, MONTHS, Chart
from source.look import A4, Look
from source.numbers import Numbers, best, show, total
from source.report import Ask, Page, Report
from source.sketch import Arrow, Path, Room, Sketch, Words

_P = paragraphs
_Q = ("Spring", "Summer", "Autumn", "Winter")


def report() -> Report:
    """Build the report."""
    n = Numbers("pellow-museum")
    shop, cafe = n.series(12, 14.2, 0.10, 0.28, 0.04, 1, 6), n.series(12, 10.5, 0.05, 0.16, 0.04, 1, 6)
    revenue = [total([shop[(2 + 3 * q + i) % 12] for i in range(3)]) for q in range(4)]
    goods = [round(r * s, 1) for r, s in zip(revenue, (0.51, 0.48, 0.50, 0.56), strict=True)]
    wages = [9.8, 11.2, 9.9, 10.4]
    profit = [round(r - g - w, 1) for r, g, w in zip(revenue, goods, wages, strict=True)]
    sums = [total(x) for x in (revenue, goods, wages, profit)]
    rows = [[q, show(r, 1), show(g, 1), show(w, 1), show(p, 1), show(100 * p / r, 1)]
            for q, r, g, w, p in zip(_Q, revenue, goods, wages, profit, strict=True)]  # fmt: skip
    rows.append(["Year", *[show(x, 1) for x in sums], show(100 * sums[3] / sums[0], 1)])
    visitors = {"Adults": n.series(12, 5200, 0.08, 0.42, 0.04, 0, 6),
                "Children": n.series(12, 2900, 0.02, 0.35, 0.06, 0, 6)}  # fmt: skip
    galleries = {"Tide hall": 94, "Rope walk": 71, "Counting house": 58, "Whale room": 88, "Chart store": 23}
    income = [("Admissions", 611), ("Grants from the county", 430), ("Gifts and legacies", 187),
              ("Shop and café, net", 118), ("Hire of rooms", 64)]  # fmt: skip
    spent = [("Staff", 742), ("Buildings", 291), ("Exhibitions", 176), ("Conservation", 83), ("Office", 61)]
    v_best, v_low = best(MONTH_NAMES, visitors["Adults"]), best(MONTH_NAMES, visitors["Adults"], True)
    s_best, c_low = best(MONTH_NAMES, shop), best(MONTH_NAMES, cafe, True)
    all_in, all_out = sum(v for _, v in income), sum(v for _, v in spent)
    pages = [
        Page("cover", ("title",), cover=("Tide and Trade", "Report and accounts of the museum for 2024", [
            "Pellow Museum of Tide and Trade", "Customs Quay, Pellow",
                "Open every day but the second Monday of January"])),
        Page("director", ("text",), columns=2, section="From the director", top=_P("# From the director"), blocks=_P("""
            > The whale is back on her hooks.

            For fourteen months the largest object we own lay in pieces in a net loft while the roof above her place
            was stripped, dried and slated. She was hoisted on the third of April by the same four winches that
            lowered her. A schoolgirl who had drawn her on the floor of the empty hall was asked to give the signal.

            ## What the roof taught us

            We had been told that a museum cannot close its best room and live. Visitors came all the same; they came
            to watch the slaters through a window cut in the hoarding, and they bought tea. I have asked that some part
            of the house should always be under repair, and always be seen to be.

            ## Acquisitions

            Forty-one objects were added. The finest is a tide table for 1788, annotated by a smuggler who noted not
            the depth of the water but the habits of the watch. The largest is a crane. The smallest is a seed pearl
            from the drain below the counting house.

            ## Loans

            Nineteen objects travelled to other museums and all came home. A brass sounding lead was returned with a
            letter of apology and a photograph of the floor it had been dropped on.

            ## People

            Ninety-six volunteers gave us eleven thousand hours. The rope walk would be silent without them: it takes
            seven people to lay a rope, and we can pay two.

            Maud Ferris, who has sold tickets at the quay door since the museum opened, has now greeted her millionth
            visitor. He was a plumber, come to see about the drain, and did not stay.

            ## Next year

            The Chart store, our least visited room, will be moved next to the café. If people will not go to the maps,
            the maps must go to where people are.

            <i>Ruan Trescothick, director</i>""")),
        Page("visitors", ("chart", "text"), section="Visitors", blocks=[
            *_P("# Who came, and when"),
            Chart("line", "Figure 1. Visitors by month, adults and children, 2024.", MONTHS, visitors,
                "visitors a month",
                  250),
            KeyFigures([(show(sum(visitors["Adults"])), "adults"), (show(sum(visitors["Children"])), "children"),
                        ("38%", "had been before"), ("2 h 05", "average stay")]),
            *_P(f"""The fullest month was {v_best[0]} with {show(v_best[1])} adults; in {v_low[0]} there were
                {show(v_low[1])}, and on the eleventh of that month exactly one, who was given a tour by the director
                and the cat.

                School classes fill the spring mornings. They pay nothing, by a rule of the founder, and are counted
                among the children. Families with a pushchair stay longest; people sheltering from rain stay exactly as
                long as the rain.""")]),
        Page("galleries", ("chart", "text"), section="Visitors", blocks=[
            *_P("# Which rooms they saw"),
            Chart("across", "Figure 2. Share of visitors who entered each gallery, 2024.", list(galleries),
                  {"Share": list(galleries.values())}, "percent of visitors", 210, values=True),
            *_P("""Figure 2 comes from a week in May and a week in October in which a student stood at every door with a
                tally. Nearly everybody sees the Tide hall, since the entrance leads into it. The Whale room draws
                almost as many although it is two floors up and was shut until April; the shares count open days only.

                What worries us is the shortest bar. Fewer than one visitor in four finds the Chart store. Of those who
                do, half stay longer than twenty minutes, which is true of no other room. It is not dull; it is hidden,
                behind a door that looks like a cupboard and under a sign that says Staircase.

                ## What visitors told us

                - The rope walk should smell more of tar. (It will.)
                - The captions in the Counting house are too low for adults and too high for children.
                - The whale should have a name. A vote is open until the end of August.""")]),
        Page("shop", ("table", "text"), section="Shop", blocks=[
            *_P("""# The museum shop

                The shop sells what the museum is about: rope, charts, tide tables, soap that smells of neither fish nor
                tar. It occupies the old weigh-house, and its till stands on the scale."""),
            Table("Table 1. Quarterly Profit Margins: museum shop, 2024 (£ thousand)",
                  ["Quarter", "Revenue", "Cost of goods", "Wages and rent", "Profit", "Margin (%)"], rows, total=True,
                  sums=(1, 2, 3, 4), first=0.18,
                      note="Spring is March to May; winter is December, January and February "
                                                    "of the same calendar year."),
            *_P(f"""Summer does the work. In those three months the shop kept {show(100 * profit[1] / revenue[1], 1)}
                pence of each pound, in winter {show(100 * profit[3] / revenue[3], 1)}: rent and two wages run on when
                nobody comes, and what is left from Christmas is sold at half its price.

                ## Lines that sold and lines that did not

                The jigsaw of the harbour, made for us from stout carton, sold 3,100 boxes. A tea towel printed with the
                shipping forecast sold out three times. The children’s book about a limpet did not, in spite of good
                reviews, and we still have nine hundred."""),
            Box("""<b>Why the margin is not the mark-up.</b> A mug that costs four pounds and sells for nine has a
                mark-up of 125 per cent. After wages and rent the shop keeps about a quarter of its price.""")]),
        Page("shop-months", ("chart", "text"), section="Shop and café", blocks=[
            *_P("# Shop and café month by month"),
            Chart("line", "Figure 3. Monthly revenue of shop and café, 2024.", MONTHS, {"Shop": shop, "Café": cafe},
                  "£ thousand a month", 260),
            *_P(f"""The till in the weigh-house took most in {s_best[0]}, £{show(s_best[1], 1)} thousand. The café is
                steadier, because people who live on the quay drink their coffee there all year; its poorest month,
                {c_low[0]}, still brought £{show(c_low[1], 1)} thousand.

                The gap between the two lines is widest when the coaches come. A coach party has forty minutes. It can
                buy or it can eat, and it buys.

                ## Plans

                From next year the café will stay open until seven in summer. The shop will not; its manager has
                counted, and after five o’clock people look at everything and pay for nothing.""")]),
        Page("accounts", ("table", "text"), section="Accounts", blocks=[
            *_P("# Income and spending"),
            Table("Table 2. Income, 2024 (£ thousand)", ["Source", "Amount", "Share (%)"],
                  [*[[k, str(v), show(100 * v / all_in, 1)] for k, v in income], ["Total", show(all_in), "100.0"]],
                  total=True, sums=(1,), first=0.5),
            Table("Table 3. Spending, 2024 (£ thousand)", ["Purpose", "Amount", "Share (%)"],
                  [*[[k, str(v), show(100 * v / all_out, 1)] for k, v in spent], ["Total", show(all_out), "100.0"]],
                  total=True, sums=(1,), first=0.5),
            *_P(f"""We ended {show(all_in - all_out)} thousand pounds in hand. The roof is not in these tables: it was
                paid for by the lottery, through an account of its own, which closed with £312 to spare.

                More than half of what we spend goes to people. Heating fell by a fifth once the tide hall had a ceiling
                again. The county has frozen its grant for three years, which after inflation is a cut; admissions now
                bring in more than the county does, for the first time since the museum opened.""")]),
        Page("plan", ("figure", "text"), section="The house", blocks=[
            *_P("# The house, floor by floor"),
            Sketch("Figure 4. Ground floor of the museum on Customs Quay.", [
                Room(4, 22, 40, 26, "Tide hall", "tint"), Room(44, 34, 26, 14, "Counting house"),
                Room(44, 22, 26, 12, "Café"), Room(70, 22, 26, 26, "Weigh-house\n(shop)"), Room(4, 8, 66, 14,
                "Rope walk"),
                Room(70, 8, 26, 14, "Stairs to\nChart store and\nWhale room"), Arrow((24, 56), (24, 48), "quay door",
                                                                                 shift=(9, 1)),
                Words(50, 3, "Mud Lane")], 60),
            *_P("""The museum is four buildings that were never meant to be one. A visitor comes in by the quay door,
                the widest, and stands at once under the tide clock. The rope walk runs along the back, on Mud Lane,
                because rope needs length and the lane had it: sixty-six metres without a pillar.

                The floors do not meet. Between Tide hall and Counting house there are three steps, between Counting
                house and Weigh-house a ramp that is steeper than the rules allow. An outside lift on the lane side has
                been drawn and priced at £240,000; the appeal for it begins with this report.""")]),
        Page("tide", ("figure", "text"), section="The house", blocks=[
            *_P("# How the tide clock works"),
            Sketch("Figure 5. Section through the tide well, float and dial.", [
                Path([(0, 14), (40, 14), (40, 4), (100, 4), (100, 0), (0, 0)], "water", True), Words(14, 7, "harbour"),
                Room(40, 4, 14, 44, "", "none"), Room(42, 16, 10, 5, "float", "tint"),
                Arrow((47, 21), (47, 50), head=False), Room(42, 50, 10, 5, "pulley"), Room(66, 40, 20, 16, "dial",
                "tint", 8),
                Arrow((52, 52), (66, 50), "chain", shift=(0, 1.8)), Arrow((52, 50), (60, 26), head=False),
                Room(57, 20, 6, 6, "weight", "none"), Arrow((30, 10), (40, 8), "pipe", shift=(0, 2)),
                Words(47, 10, "well")], 62),
            *_P("""A pipe joins the harbour to a well below the floor, so the water inside stands as high as the water
                outside but without its waves. A float of sealed copper rises and falls. Its chain runs over a pulley to
                the dial, and a weight on the other end keeps it taut.

                The dial shows feet above the sill of the dock, not the time. Captains did not ask what hour it was;
                they asked whether they could get out. At springs the hand goes round almost twice.

                In 2024 the clock stopped once, on 9 September, when an eel moved into the pipe.""")]),
        Page("letter", ("scan", "text"), section="Archive", blocks=_P("""
            # From the archive: a letter of complaint

            To the Surveyor of the Customs House, Pellow, 4 November 1911

            Sir,

            I beg to bring to your notice that the great scale in the weigh-house is false by two pounds in the
            hundredweight, to the advantage of the Crown. I have sent the same barrel of pilchards across it three times
            in one week, and the barrel grows heavier as it grows older, which no pilchard was ever known to do.

            I have spoken to your clerk. He told me that the scale was tested in the year of the old Queen’s jubilee and
            that it would be a discourtesy to her memory to test it again.

            I ask for the return of eleven shillings and fourpence, being duty on fish that I did not land.

            I remain, Sir, your obedient servant,

            Josiah Penhale, fish merchant, Mud Lane

            ## Note in another hand

            Scale tested 9 November. Found false by two pounds and one ounce. Pay him."""))]  # fmt: skip
    asks = [
        Ask("table", "summer margin of the museum's gift shop", ["shop"], answer=show(100 * profit[1] / revenue[1], 1)),
        Ask("table", "What did the Pellow museum spend on conservation?", ["accounts"], answer="83"),
        Ask("table", "how much money came from bequests and donations at the museum in 2024", ["accounts"],
            answer="187"),
        Ask("chart", "monthly takings of a gift shop and a tea room drawn as two curves", ["shop-months"]),
        Ask("chart", "bar chart of how many museum-goers entered each room", ["galleries"]),
        Ask("text", "Pellow museum: discussion of Figure 2", ["galleries"]),
        Ask("chart", "seasonal curve of grown-up and child attendance", ["visitors"]),
        Ask("figure", "ground plan of a maritime museum with rope walk and cafeteria", ["plan"]),
        Ask("figure", "cross-section showing a float, chain and dial that indicate the water level", ["tide"]),
        Ask("text", "restoration of a hanging skeleton delayed while slates were replaced", ["director"]),
        Ask("text", "a fish trader claims a refund because the scales were wrong", ["letter"]),
        Ask("text", "which gallery is overlooked because its door is badly signed?", ["galleries"], ["director"]),
        Ask("layout", "old letter reproduced as a slanting, washed-out copy", ["letter"]),
        Ask("layout", "page with two tables one above the other, income and expenditure", ["accounts"]),
    ]  # fmt: skip
    look = Look(A4, "stix", "stix", 12.6, 16.8, 74, 22, "#6b2d1f", "#f5ebe2",
                ("#6b2d1f", "#d9a441", "#3c6e71", "#a8a8a8"), "plain", "rules", "— {page} —", "top", True,
                {"angle": 0.9, "noise": 10.0, "fade": 0.6})  # fmt: skip
    return Report("pellow-museum", "Pellow Museum of Tide and Trade", "Tide and Trade 2024", look, "test", pages, asks)
