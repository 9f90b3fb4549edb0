"""Tam Valley Water, report on water 2023: the same tables and charts, another year."""

from __future__ import annotations

from source.blocks import Box, KeyFigures, Table, paragraphs
from source.charts import MONTH_NAMES, Chart
from source.numbers import best, show
from source.report import Ask, Page, Report
from source.reports.tamwater import (
    WORKS,
    bursts,
    bursts_chart,
    levels_chart,
    look,
    nitrate_chart,
    quality,
    quality_table,
    reservoirs,
)
from source.sketch import Arrow, Dot, Path, Room, Sketch, Words

_P = paragraphs
_LEAK = {"2018": 26.1, "2019": 25.4, "2020": 24.0, "2021": 23.2, "2022": 22.0, "2023": 18.7}


def report() -> Report:
    """Build the report."""
    q = {w: quality(w, 2023) for w in WORKS}
    level, burst = reservoirs(2023), bursts(2023)
    top = best(MONTH_NAMES, level["Kelder Mere"])
    notes = {
        "Stanmoor": f"""Nine hundred and ten lead pipes came out of the ground, against 640 in the year before. The
            gangs have a new tool, a cable that splits the old pipe and draws a plastic one in behind it, so that a
            front garden need not be dug up. The highest reading at a tap was {show(q['Stanmoor']['Lead'][2], 1)}
            micrograms a litre.

            ## Taste

            From March to May people in Westby said that their water tasted of pencils. It did. A new seal in the clear
            water tank had not been rinsed for long enough. Two thousand households were given a month’s refund and a
            box of pencils, the second at the suggestion of a school.

            ## Visitors

            Twelve hundred children were shown round. What they remember is the owl in the pump hall.""",
        "Kelder": f"""The mere was quiet. No algae to speak of, little wind, and a mean turbidity of
            {show(q['Kelder']['Turbidity'][1], 2)} units. A floating line of fir trunks now keeps branches out of the
            intake; it was the idea of a forester who came to complain about something else.

            ## Power cut

            On 17 January the valley was without electricity for nine hours. The works has a generator, the generator
            has a battery to start it, and the battery was flat. Ewan Garth started it with jump leads from his own
            car. There are now two batteries, and he has a letter from the board.

            ## Fish

            The char spawned on the ledge in the last week of November, undisturbed for the third year running.""",
        "Low Sike": f"""Clover is sown on a quarter of the land above the boreholes. Its effect will be seen after
            2030; what is seen now is the weather. A wet summer thinned the nitrate in the shallow borehole, and the
            mixing of deep and shallow water could be kept at half and half for most of the year. The mean was
            {show(q['Low Sike']['Nitrate'][1], 1)} milligrams a litre.

            ## A third borehole

            was sunk in September to 140 metres, through flint that broke four bits. It yields half of what was hoped
            and is pure enough to bottle. A bottler has asked; the customers, who own the company, said no.

            ## Hard water

            Complaints about scale went down to 71. The leaflet has been rewritten by a person who owns a kettle.""",
        "Harrow Beck": f"""The second ultraviolet lamp went into service in April. It uses as much power as six ovens
            and has not, so far, made it possible to lower the dose of chlorine: on average
            {show(q['Harrow Beck']['Chlorine'][1], 2)} milligrams a litre left the works.

            ## Peat

            With the wildlife trust we blocked nine miles of ditches on the moor. Wet peat keeps its colour to itself.
            The brown in the raw water fell by a seventh in the first winter, and the curlews seem to approve.

            ## Events

            In October a lorry lost its load of milk above the intake. Milk is harder to remove than oil. The intake
            stayed shut for four days, which was two days longer than the plan for such events allows.""",
    }  # fmt: skip
    pages = [
        Page("cover", ("title",), cover=("Water in 2023", "Leaks, lakes and lead:\nthe yearly report", [
            "Tam Valley Water", "Weir House, Tamford", "Owned by 96,212 customers", "May 2024"])),
        Page("letter", ("text", "chart"), columns=2, section="Letter", top=[*_P("# The number we promised"),
            KeyFigures([
            ("18.7%", "of the water lost on the way"), ("22.0%", "the year before"), ("£402", "average bill"),
            ("910", "lead pipes removed")])], blocks=[*_P("""
            Last year I wrote that the figure for leakage would stand on this page whatever it was. It is 18.7 per cent.
            That is the lowest since we began to measure, and it is still every fifth bucket.

            ## How it was done

            Not by machines, or not mainly. Eight gangs walk their own streets at night with a listening stick. A gang
            that has known a street for a year hears what no instrument reports: that the drain in Bell Lane has changed
            its note. They found 1,940 leaks, of which 212 had never been visible.

            ## What went wrong

            Pencils at Stanmoor, milk at Harrow Beck, a flat battery at Kelder. Each has a paragraph of its own on the
            page of its works. None made anybody ill.

            ## Money

            The average bill went up by eight pounds. A lower charge for people with little money, paid for by the rest
            of us at the price of a loaf a year, now helps 4,300 households.

            <i>Hanne Oldroyd</i>"""), Chart("bars", "Share of water lost, percent.", [k[2:] for k in _LEAK],
                                          {"Lost": list(_LEAK.values())}, "percent", 170, values=True)]),
        *[Page(f"quality-{w.lower().replace(' ', '-')}", ("table", "chart", "text"), section=w, blocks=[
            *_P(f"# {w}"), quality_table(w, 2023, i),
            nitrate_chart(w, 2023), *_P(notes[w])]) for i, w in enumerate(notes, 1)],
        Page("bursts", ("chart", "text"), section="Network", blocks=[
            *_P("# When pipes broke"), bursts_chart(2023, 1),
            *_P(f"""A mild winter and a wet summer: neither frost nor shrinking clay. In the third quarter only
                {show(burst['Uplands'][2])} mains burst in the uplands and {show(burst['Town'][2])} in town.

                Figure 1 leaves out the accident of 3 May, when a fair was set up on the market square and a tent peg
                for the big wheel went through a main from 1911. It is in the books as damage by others. The fountain
                was photographed more often than the wheel.

                ## How old the pipes are

                A third were laid before 1939, of cast iron as thick as a thumb. They break less often than the thin
                iron of the sixties, and we replace the sixties first.""")]),
        Page("levels", ("chart", "text"), section="Storage", blocks=[
            *_P("# What the reservoirs held"), levels_chart(2023, 2),
            *_P(f"""Nobody had a picnic in the drowned village. In Figure 2 both lines stay in the upper half all year;
                Kelder Mere reached {show(top[1])} per cent in {top[0]}, and what came after that went over the dam.

                A full reservoir is not a reason to relax. If a week of heavy rain meets a full lake, the town below
                the dam has a problem of the other kind. From now on Upper Tam is let down to ninety per cent each
                November, a rule that the engineers of 1936 had and that was forgotten.""")]),
        Page("site", ("figure", "text"), section="Kelder", blocks=[
            *_P("# Kelder works: a plan for visitors"),
            Sketch("Figure 3. Site plan of Kelder with the footpath, the intake boom and the generator.", [
                Path([(0, 44), (30, 40), (60, 46), (100, 40), (100, 60), (0, 60)], "water", True), Words(20, 52,
                "Kelder Mere"),
                Path([(40, 56), (50, 49), (60, 56)], weight=2), Words(72, 54, "boom of fir trunks"),
                Room(44, 26, 14, 10, "Pump hall", "tint"), Arrow((50, 47), (50, 36), "intake", shift=(5, 0)),
                Room(64, 24, 22, 12, "Filters", "tint"), Arrow((58, 31), (64, 31)), Room(20, 26, 14, 8, "Generator",
                "ink"),
                Path([(0, 10), (20, 14), (45, 12), (70, 16), (100, 10)], weight=1.5), Words(84, 8, "footpath"),
                Dot(12, 12.5, "gate", 1, (0.5, -4)), Room(88, 24, 10, 8, "Tank")], 60),
            *_P("""The gate on the footpath is open from ten to four between Easter and October. Boots can be borrowed.
                The pump hall is loud and the filters are wet; the generator may be looked at but not started.

                From the end of the boom, on a clear day, the char can be seen as shadows over the ledge.""")]),
        Page("people", ("table", "text"), section="Customers", blocks=[
            *_P("# People, supply and complaints"),
            Table("Table 5. People served and water supplied, 2023", ["Works", "People", "Million litres a day"],
                  [["Harrow Beck", "61,900", "13.1"], ["Low Sike", "39,200", "9.4"], ["Kelder", "22,100", "4.8"],
                   ["Stanmoor", "85,600", "18.2"], ["All", "208,800", "45.5"]], total=True, sums=(1, 2), first=0.4),
            Table("Table 6. Complaints by subject, 2023", ["Subject", "Received", "Answered in 5 days"],
                  [["Taste and smell", "1,204", "1,130"], ["Roadworks", "388", "361"], ["Bills", "941", "902"],
                   ["Scale", "71", "71"], ["Pressure", "156", "149"], ["All", "2,760", "2,613"]], total=True, sums=(1,
                   2),
                  first=0.4),
            Box("""<b>Pencils.</b> Of the complaints about taste 1,012 came from Westby in ten weeks of spring. Without
                them the number would be the lowest in the series."""),
            *_P("""Less water was supplied to more people. Part of the difference is leakage; the rest is habit. People
                who learned in the dry summer to turn off the tap while brushing their teeth have not unlearned
                it.""")]),
        Page("certificate", ("scan", "text"), section="Laboratory", blocks=_P("""
            # Certificate of the county laboratory

            Sample 23/0417, taken at the tap of the infants’ school, Westby, on 24 April 2023

            ## Request

            The headmistress reports that the water tastes of pencils. Eleven children out of twelve agree. The twelfth
            says crayons.

            ## Findings

            Colour, odor: faint, woody. Bacteria: none in 100 ml. Lead: less than 0.5. Copper: 0.02. Cedarwood oil:
            none. A plasticiser used in rubber seals was found at two parts in a thousand million, well below the
            amount at which it would matter to health and just above the amount at which a child can taste it.

            ## Opinion

            The water is fit to drink. The seal in the clear water tank should be taken out, rinsed for a week, and put
            back.

            Dr M. Sowerby, county analyst"""))]  # fmt: skip
    asks = [
        Ask("table", "mean nitrate in Low Sike's supply, year 2023", ["quality-low-sike"],
            answer=show(q["Low Sike"]["Nitrate"][1], 1)),
        Ask("table", "2023 turbidity maximum of the lake plant", ["quality-kelder"],
            answer=show(q["Kelder"]["Turbidity"][2], 2)),
        Ask("table", "hardness at Harrow Beck, highest value in 2023", ["quality-harrow-beck"],
            answer=show(q["Harrow Beck"]["Hardness"][2])),
        Ask("table", "fluoride mean Stanmoor 2023", ["quality-stanmoor"], answer=show(q["Stanmoor"]["Fluoride"][1], 2)),
        Ask("table", "number of grievances about billing and how many got a quick reply", ["people"], answer="941"),
        Ask("chart", "lake storage in the wet year with both curves above half", ["levels"]),
        Ask("chart", "small column chart of the share of water leaking away, several years", ["letter"]),
        Ask("text", "Tam Valley 2023: which passage comments on Figure 2?", ["levels"]),
        Ask("figure", "visitor plan of a lakeside waterworks with a path", ["site"]),
        Ask("text", "schoolchildren noticed an odd flavour in the supply", ["certificate", "quality-stanmoor"],
            ["people", "letter"]),
        Ask("text", "generator failed to start during a blackout", ["quality-kelder"], ["letter"]),
        Ask("text", "milk spilled upstream of a drinking-water intake", ["quality-harrow-beck"], ["letter"]),
        Ask("layout", "slanted scan of an analyst's laboratory result", ["certificate"]),
        # over both years
        Ask("table", "every table of substances measured at Stanmoor",
            ["quality-stanmoor", "tamwater-2022/quality-stanmoor"]),
        Ask("chart", "burst water mains by quarter, both years", ["bursts", "tamwater-2022/bursts"]),
    ]  # fmt: skip
    return Report("tamwater-2023", "Tam Valley Water", "Tam Valley Water · Report 2023", look(2023), "dev", pages, asks)
