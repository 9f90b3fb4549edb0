"""Tam Valley Water, report on water 2022."""

from __future__ import annotations

from source.blocks import Box, Table, paragraphs
from source.charts import MONTH_NAMES
from source.numbers import best, show
from source.report import Ask, Page, Report
from source.reports.tamwater import (
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


def report() -> Report:
    """Build the report."""
    q = {w: quality(w, 2022) for w in ("Harrow Beck", "Low Sike", "Kelder", "Stanmoor")}
    low = best(MONTH_NAMES, reservoirs(2022)["Upper Tam"], True)
    burst = bursts(2022)
    notes = {
        "Harrow Beck": f"""The beck rises in peat and comes down the colour of weak tea. Two beds of sand and one of
            carbon take the brown out and leave soft water, at {show(q['Harrow Beck']['Hardness'][1])} milligrams of
            chalk a litre on average, which makes good tea and is hard on old pipes.

            ## Events

            On 6 February snow melted in a day and the intake was shut for eleven hours. Customers were fed from the
            tank at Crag Top and noticed nothing. In August there was so little water in the beck that trout were
            carried by bucket to the mere.

            ## Work in hand

            The carbon is changed every third year; the used grains go to a cement works, where they burn well. A
            second lamp, which kills by ultraviolet light what slips through the sand, will be fitted in 2023.""",
        "Low Sike": f"""Low Sike draws from boreholes in chalk. The water is clear as it comes up and carries what
            farmers put on the fields eight or ten years before: nitrate reached {show(q['Low Sike']['Nitrate'][2], 1)}
            milligrams a litre at its worst, against a limit of 50.

            ## What is done about it

            Water from the shallow borehole is mixed with that of the deep one, half and half in a wet spring, one to
            three in a dry autumn. We pay forty-one farmers to sow clover between crops. It will be a decade before the
            boreholes notice.

            ## Scale

            Kettles in the villages of the chalk fur up within weeks. This is harmless. Complaints about it, 118 of
            them, are answered with a leaflet and a sachet of citric acid.""",
        "Kelder": f"""Kelder takes water from the mere, which freezes in most winters and is ruffled in all of them.
            Wind stirs up silt; that is why the turbidity is the highest of the four, at
            {show(q['Kelder']['Turbidity'][1], 2)} units on average.

            ## Algae

            A green scum was seen from 19 July to 2 September along the eastern shore. None of the kinds in it was
            poisonous. Swimmers were warned all the same, and wrote to say that they had swum there as children.

            ## Staff

            The works runs without anybody on the spot from six in the evening. Its alarm rings in the bedroom of Ewan
            Garth, half a mile away, who was woken 23 times. The pump that woke him most often has been replaced.""",
    }  # fmt: skip
    pages = [
        Page("cover", ("title",), cover=("Water in 2022", "A report to everybody who drinks it", [
            "Tam Valley Water, a company owned by its customers", "Weir House, Tamford", "June 2023"])),
        Page("letter", ("text",), columns=2, section="To our customers", top=_P("# To our customers"), blocks=_P(f"""
            > It did not rain from the third of May until the twentieth of June.

            A water company is praised for nothing and blamed for the weather, and both are fair. The dry months of 2022
            were the driest since the weir was built. Upper Tam reservoir, which should stand two thirds full at the end
            of summer, fell to {show(low[1])} per cent in {low[0]}; the walls of the drowned village came out of the mud
            and people brought picnics.

            ## We asked you to save

            and you did. Demand fell by a ninth within two weeks. The bowling club let its green go brown and put up a
            sign to say why. We had drafted an order against hoses and never had to sign it.

            ## We did not do our own part

            While you carried bathwater to your beans, we lost 22 litres of every hundred through our own pipes. A
            customer in Mill Row had reported the same leak four times. I went to see it. It had cress growing in it.

            We have doubled the number of gangs who listen for leaks at night. Each gang is given a district and keeps
            it, so that it learns the sounds of its own streets.

            ## Prices

            The average bill rose by eleven pounds to 394. Three pounds of it are electricity, five are pipes, and three
            are the interest on money borrowed in the years when bills did not rise.

            ## A promise

            In next year’s report the number for leakage will stand on this page, whatever it is.

            <i>Hanne Oldroyd, managing director</i>""")),
        *[Page(f"quality-{w.lower().replace(' ', '-')}", ("table", "chart", "text"), section="Quality", blocks=[
            *_P(f"# {w} treatment works"), quality_table(w, 2022, i),
            nitrate_chart(w, 2022), *_P(notes[w])])
          for i, w in enumerate(notes, 1)],
        Page("quality-stanmoor", ("table", "chart", "text"), section="Quality", blocks=[
            *_P("# Stanmoor treatment works"), quality_table("Stanmoor", 2022, 4), nitrate_chart("Stanmoor", 2022),
            Box("""<b>About lead.</b> There is none in the water that leaves the works. It comes from pipes in and below
                houses built before 1970. Let the tap run in the morning until the water is cold."""),
            *_P(f"""Samples are taken at the taps of two hundred houses. In the terraces behind the railway one of them
                showed {show(q['Stanmoor']['Lead'][2], 1)} micrograms a litre, the highest of the year. We add a little
                phosphate, which lines old pipes as a kettle is lined, and replace our own part of a lead pipe whenever
                the owner replaces his.

                ## Progress

                Of 5,300 lead pipes on our list 640 were taken out in 2022, by hand in most cases, because the lanes are
                too narrow for a digger. At this pace the last one goes in 2030.""")]),
        Page("levels", ("chart", "text"), section="Storage", blocks=[
            *_P("# What the reservoirs held"), levels_chart(2022, 1),
            *_P("""Figure 1 shows two ways of being a reservoir. Upper Tam is deep and narrow, fills in a wet week and
                empties as fast. Kelder Mere is a natural lake with a low dam at one end; it changes slowly and cannot
                be drawn down below the ledge where the char spawn.

                In an ordinary year the two lines cross once. Rain came back in the last days of October, in one night
                forty millimetres, and by Christmas both were nearly three quarters full.""")]),
        Page("bursts", ("chart", "text"), section="Network", blocks=[
            *_P("# Bursts and repairs"), bursts_chart(2022, 2),
            *_P(f"""Pipes break in frost and in drought: in frost because water swells, in drought because clay shrinks
                away from below them. Figure 2 has both. The first quarter was the worst, with
                {show(burst['Uplands'][0])} bursts in the uplands and {show(burst['Town'][0])} in town.

                A gang needs on average three hours and ten minutes from the call to the closing of the valve, and a day
                and a half from there to a mended road. The town council has complained about the second number. So have
                we: the asphalt comes from a contractor of the council.""")]),
        Page("process", ("figure", "text"), section="Treatment", blocks=[
            *_P("# From the hill to the tap"),
            Sketch("Figure 3. Steps of treatment at Harrow Beck.", [
                Path([(2, 40), (10, 52), (18, 40)], "tint", True), Words(10, 36, "moor"),
                Room(4, 18, 14, 10, "Intake\nscreen"), Room(24, 18, 14, 10, "Settling\ntank"), Room(44, 18, 14, 10,
                "Sand\nfilter",
                                                                                                "tint"),
                Room(64, 18, 14, 10, "Carbon\nbed", "tint"), Room(84, 18, 12, 10, "Clear\nwater", "ink"),
                *[Arrow((18 + 20 * i, 23), (24 + 20 * i, 23)) for i in range(4)], Arrow((10, 35), (10, 28)),
                Arrow((34, 40), (31, 28), "alum", shift=(5, 2)), Arrow((88, 40), (89, 28), "chlorine", shift=(4, 3.5)),
                Arrow((51, 18), (51, 8), "wash water", shift=(9, -1)), Room(42, 2, 18, 6, "Sludge lagoon"),
                Arrow((96, 23), (99.5, 23))], 54),
            *_P("""Water spends about nine hours in the works. Alum makes the brown flakes cling together and sink; sand
                holds back what floats; carbon takes taste and smell. Chlorine goes in last, a thimbleful to a bathtub,
                to guard the water on its way.

                The filters are washed backwards every second night. Wash water settles in the lagoon, and what remains
                is spread on a golf course that used to be a quarry.""")]),
        Page("map", ("figure", "table"), section="Network", blocks=[
            *_P("# The valley"),
            Sketch("Figure 4. Reservoirs, works and towns of the Tam valley.", [
                Path([(20, 58), (30, 48), (42, 40), (50, 28), (66, 18), (98, 10)], weight=3), Words(84, 17,
                "River Tam"),
                Path([(14, 56), (24, 60), (30, 52), (22, 48)], "water", True), Words(38, 56, "Upper Tam reservoir"),
                Path([(74, 46), (90, 50), (92, 40), (78, 38)], "water", True), Words(83, 44, "Kelder Mere"),
                Dot(34, 40, "Harrow Beck", 1, (-15, -1)), Dot(72, 36, "Kelder", 1), Dot(30, 16, "Low Sike", 1),
                Dot(60, 10, "Stanmoor", 1), Room(48, 22, 10, 8, "Tamford", "tint"), Room(80, 22, 12, 7, "Westby",
                "tint")], 62),
            Table("Table 5. People served and water supplied, 2022", ["Works", "People", "Million litres a day"],
                  [["Harrow Beck", "61,400", "14.2"], ["Low Sike", "38,900", "9.7"], ["Kelder", "22,300", "5.1"],
                   ["Stanmoor", "84,700", "19.6"], ["All", "207,300", "48.6"]], total=True, sums=(1, 2), first=0.4)]),
        Page("memo", ("scan", "text"), section="Archive", blocks=_P("""
            # Memorandum of the weir keeper, 1936

            Tamford Corporation Waterworks. To the Engineer, from J. Oldroyd, weir keeper. 2 September 1936

            Sir, the level at the Upper Tam this morning is 31 feet 4 inches below the sill. I have not seen it so low
            and neither had my father.

            The church tower of the old village stands clear by nine courses of stone. A bell was found in the mud. It
            has been taken to the pump house for safety and the pump attendant rings it at noon, which I have asked him
            to stop.

            I have closed the compensation valve to half. The mill at Westby sent a man to protest. I showed him the
            reservoir and he went home again.

            If there is no rain by the 20th I must ask for authority to supply by cart.

            ## Added below

            Rain on the 14th, two inches and a quarter. Valve opened. Bell still in pump house."""))]  # fmt: skip
    asks = [
        Ask("table", "highest nitrate at Low Sike in 2022", ["quality-low-sike"],
            answer=show(q["Low Sike"]["Nitrate"][2], 1)),
        Ask("table", "average hardness of Kelder's treated water, 2022 figures", ["quality-kelder"],
            answer=show(q["Kelder"]["Hardness"][1])),
        Ask("table", "2022 fluoride minimum for the peat-stained stream's plant", ["quality-harrow-beck"],
            answer=show(q["Harrow Beck"]["Fluoride"][0], 2)),
        Ask("table", "chlorine mean at Stanmoor during 2022", ["quality-stanmoor"],
            answer=show(q["Stanmoor"]["Chlorine"][1], 2)),
        Ask("table", "How many inhabitants drank water from Stanmoor in 2022?", ["map"], answer="84,700"),
        Ask("chart", "reservoir contents in the drought year, two curves", ["levels"], ["letter"]),
        Ask("chart", "pipe breaks per quarter in town and hills, 2022", ["bursts"]),
        Ask("text", "Tam Valley 2022: where is Figure 2 explained?", ["bursts"]),
        Ask("figure", "flow diagram of purification from moor to clear water", ["process"]),
        Ask("figure", "sketch map with two lakes, a river and the treatment plants", ["map"]),
        Ask("text", "managing director admits losses from the company's own pipes", ["letter"],
            ["tamwater-2023/letter"]),
        Ask("text", "sunken village seen again in a dry summer", ["letter", "memo"]),
        Ask("layout", "typed note from the thirties, tilted and pale", ["memo"]),
        Ask("layout", "letter to customers in two columns", ["letter"], ["tamwater-2023/letter"]),
    ]  # fmt: skip
    return Report("tamwater-2022", "Tam Valley Water", "Tam Valley Water · Report 2022", look(2022), "dev", pages, asks)
