"""Orrin Bridge, principal inspection of 2024 by Halvorsen Pike, engineers: spans, cracks, sensors, costs."""

from __future__ import annotations

from source.blocks import Box, Table, paragraphs
from source.charts import MONTH_NAMES, MONTHS, Chart
from source.look import LETTER, Look
from source.numbers import Numbers, best, show
from source.report import Ask, Page, Report
from source.reports.orrin_figures import cross_section, defects, defects_chart, elevation

_P = paragraphs


def report() -> Report:
    """Build the report."""
    n = Numbers("orrin-bridge")
    (north, a), (middle, b), (south, c) = (defects(s, i) for i, s in enumerate(("north", "middle", "south"), 1))
    strain = {"Sensor S3 (north)": n.series(12, 212, 0.02, 0.07, 0.01, 0, 6),
              "Sensor S7 (middle)": n.series(12, 268, 0.16, 0.06, 0.01, 0, 6)}  # fmt: skip
    traffic = {"Cars": n.series(8, 9200, 0.05, 0, 0.02, 0), "Trucks": n.series(8, 1350, 0.55, 0, 0.03, 0)}
    years = [str(y) for y in range(2017, 2025)]
    costs = [["Renew bearings, middle span", "410", "2025"], ["Waterproof the deck", "655", "2026"],
             ["Weld and plate girder G2", "290", "2025"], ["Replace parapets, south side", "188", "2027"],
             ["Paint the steelwork", "930", "2028"]]  # fmt: skip
    s7 = best(MONTH_NAMES, strain["Sensor S7 (middle)"])
    pages = [
        Page("cover", ("title",), cover=("Orrin Bridge",
            "Principal inspection, 2024\nFinal report to the County of Orrin", [
            "Halvorsen Pike, consulting engineers", "Report 24-118, revision B",
                "Not for use as a construction document"])),
        Page("summary", ("text",), section="1 Summary", blocks=_P(f"""
            # 1 Summary

            Orrin Bridge carries County Road 9 across the Orrin in three spans of steel girders with a concrete deck. It
            was opened in 1961 and last inspected in full in 2018. Between May and September 2024 we examined every part
            within arm’s reach, from a boat, from ropes and from a lift truck at night.

            ## 1.1 Finding

            The bridge is safe for the loads now posted. It will not stay so unless the bearings of the middle span are
            renewed before the winter of 2025. They have seized; the girders, which should slide as they warm, push the
            pier instead.

            ## 1.2 Severe defects

            We recorded {sum(x[2] for x in a)} severe defects on the north span, {sum(x[2] for x in b)} on the middle
            and {sum(x[2] for x in c)} on the south. A severe defect is one that lowers strength or will do so within
            two years.

            ## 1.3 What we recommend

            - Renew the eight bearings of the middle span (chapter 4)
            - Hold trucks to 26 tons until this is done, and put up a camera, since the present signs are ignored
            - Read sensor S7 every week and telephone us if it passes 340
            - Waterproof the deck in the next dry summer

            ## 1.4 What we did not do

            No divers were sent to the foundations. The river was in spate on both days that had been reserved, and the
            county declined a third. The survey of 2018 found no scour, but there have been two floods since.

            ## 1.5 Confidence

            Counts of cracks depend on light and on patience. Two of us walked the same girder independently and agreed
            on nineteen cracks of twenty-two. Lengths were taken with a tape, widths with a card, and we would not argue
            over a tenth of a millimeter.""")),
        Page("drawing", ("figure", "text"), section="2 The bridge", blocks=[
            *_P("# 2 The bridge"),
            elevation(),
            *_P("""Abutments are called A1 and A2, piers P1 and P2, counted from the north. Four girders, G1 to G4, run
                from end to end, G1 upstream. The deck slab is 210 mm thick and was poured in the cold autumn of 1960;
                cores taken in 2018 had half the strength that the drawings ask for, which is less alarming than it
                sounds, because the drawings asked for twice what was needed.

                Expansion is meant to take place at both piers. The bearings at P1 were replaced in 1994 and still
                move. Those at P2 are the original rollers, packed with sixty years of grit.

                ## 2.1 History

                Widened by a footway in 1978. Struck by a barge in 1986, at P2, without lasting harm. Painted green in
                1994, over red, over grey.""")]),
        Page("girder", ("figure", "text"), section="3 Method", blocks=[
            *_P("# 3 Where the sensors are"),
            cross_section(),
            *_P("""Figure 2 is drawn looking north. Three strain gauges were glued to the lower flanges, where steel
                stretches most: S3 below G1 on the north span, S7 below G2 and S9 below G4 on the middle one. They send
                a reading every ten minutes over the telephone network. S9 fell silent in June, when a swallow built its
                nest on the antenna; it was left in peace until the brood had flown.

                ## 3.1 What a reading means

                One unit is a stretch of one millionth. Paint cracks at about 1,500, and the girders were designed for
                620. The daily swing from sun alone is 40 to 60, so single readings mean little and monthly means are
                used throughout.

                ## 3.2 Checks

                A fire engine of known weight was driven across at walking pace on May 14. S3 and S7 rose by what the
                calculation predicts, within four parts in a hundred. We are grateful to the crew of Engine 2, and to
                their dog.""")]),
        Page("strain", ("chart", "text"), section="4 Findings", blocks=[
            *_P("# 4.1 Strain over the year"),
            Chart("line", "Figure 3. Monthly mean strain at two sensors, 2024.", MONTHS, strain, "millionths", 250,
                  zero=False),
            *_P(f"""Both girders stretch in summer. A healthy one comes back: S3 ended the year where it had begun. S7
                did not. It rose to {show(s7[1])} in {s7[0]} and stood in December
                {show(strain['Sensor S7 (middle)'][11] - strain['Sensor S7 (middle)'][0])} above where it had been in
                January. The steel is not failing; it is being held. A roller that no longer rolls turns warmth into
                force, and the force bends pier P2 by a few millimeters to the south.

                We looked for other reasons. The gauge was exchanged in October and its successor agreed. The lamp
                posts, which might have been dragging on the slab, were loosened for a week without effect. A plumb
                line hung from the pier cap moved with the temperature of the girder and not with that of the air.

                ## 4.1.1 What to watch

                If the mean of any week passes 340, close the lane above G2 to trucks and call us. At 400 close the
                bridge.""")]),
        *[Page(f"defects-{name}", ("table", "chart", "text"), section="4 Findings", blocks=[
            *_P(f"# 4.{i} Defects: {name} span"), table, defects_chart(name, counts), *_P(text)])
          for i, (name, table, counts, text) in enumerate((("north", north, a, """
            The north span is the most visited and the best kept, because it stands over dry ground and can be reached
            with a ladder. Moss holds water against the downstream parapet. Where gulls nest on the pier cap the
            concrete is soft to a depth of a finger.

            ## What severe means here

            Girder G3 has lost a fifth of its lower flange over a length of one meter, below a drain that ends in
            mid-air. An elbow of plastic pipe, price eleven dollars, would have prevented it. We fitted one.

            ## Repairs since 2018

            All but three of the defects listed six years ago have been mended. The patching of the deck in 2021 has
            held; the asphalt above it has not."""), ("middle", middle, b, """
            Here lies the trouble. The rollers at P2 could not be turned with a two-meter bar. Rust has swelled between
            roller and plate to the thickness of a thumb and lifted girder G2 by nine millimeters, so that its neighbor
            carries more than its share.

            ## Cracks

            Girder G2 is cracked at two stiffeners. The longer crack, 84 mm, was drilled at its tip to stop it. We
            looked again after six weeks and it had stopped.

            ## Access

            The middle span can be reached only from a boat or by rope. That is why nobody had seen the underside for
            six years, and why we recommend a walkway, which is cheaper than the boat after four visits."""), ("south",
            south, c, """
            The south span suffers from salt. Trucks brake on the hill above and drop brine where they stop. Parapets on
            this side have bolts that can be turned by hand; eleven were taken out, labeled and sent to the county in a
            cigar box.

            ## The deck

            Hammer soundings found hollow concrete on nine square meters, mostly in the wheel tracks of the outer lane.
            A core from the worst place came out in three pieces.

            ## Good news

            The abutment A2, which worried our predecessors, has not moved by a measurable amount since marks were set
            in 1999. The marks can stay; the worry can be retired.""")), 2)],
        Page("traffic", ("chart", "text"), section="5 Loads", blocks=[
            *_P("# 5 What drives across"),
            Chart("bars", "Figure 4. Vehicles a day by kind, 2017 to 2024.", years, traffic, "vehicles a day", 250),
            *_P(f"""Cars have hardly changed in eight years. Trucks have: from {show(traffic['Trucks'][0])} a day in
                2017 to {show(traffic['Trucks'][7])} in 2024, since the quarry at Hale reopened. One loaded truck wears
                a bridge about as much as nine thousand cars.

                On a Tuesday in June we weighed every truck that passed between six and noon. Of 402, no fewer than 37
                were above the posted limit, the heaviest by eleven tons. Its driver said that the sign was behind a
                tree. It is.

                ## 5.1 Bicycles

                They are not in the figure. The county counts them with a rubber tube that lighter riders do not
                compress; it found 41 a day, and a boy who watched from the bank for us one Saturday found 233.""")]),
        Page("costs", ("table", "chart", "text"), section="6 Costs", blocks=[
            *_P("# 6 What it will cost"),
            Table("Table 4. Recommended works and estimates, 2024 prices ($ thousand)", ["Work", "Estimate", "Start"],
                  [*costs, ["All works", show(sum(int(r[1]) for r in costs)), ""]], total=True, sums=(1,), first=0.56),
            Chart("across", "Estimates by item.", [r[0] for r in costs], {"Estimate": [int(r[1]) for r in costs]},
                  "$ thousand", 150),
            Box("""<b>If only one thing can be paid for,</b> let it be the bearings. Every other item in the table can
                wait a year without becoming dearer by more than a tenth."""),
            *_P("""Estimates are for a contractor who works by day, with one lane open. Working at night would add a
                quarter. They hold no allowance for lead in the old paint; if the red coat contains it, as it probably
                does, the steelwork will cost about half as much again.

                ## 6.1 And a new bridge?

                We were asked. A replacement on the same line would cost about 24 million dollars and close the road for
                two summers. The works above buy thirty years for a tenth of that. We design new bridges for a living
                and advise against this one.""")]),
        Page("field", ("scan", "text"), section="Annex", blocks=_P("""
            # Annex A: field notes, 18 June 2024

            Copied from the notebook of J. Pike

            06:10  On site. Mist. River low, brown. Boat leaks, bucket works.

            06:40  Pier P2, east face. Hairline map cracking, nothing new. Heron.

            07:25  Bearing 5. Cannot see roller for rust. Took away a bag: 3.2 kg.

            07:50  Bearing 6. Same. Bar bent, bearing did not.

            08:30  G2 stiffener 14. Crack, upper weld, 84 mm. Photographs 31 to 38. Drilled tip, 20 mm hole.

            09:15  G2 stiffener 15. Crack, 22 mm. Drilled.

            10:00  Thunder. Off the water.

            11:40  Back. G3 and G4 clean as far as stiffener 20.

            13:00  Lunch on the pier. Dropped the good hammer. Depth there 2.1 m, so it can be had back in August.

            14:20  Wind too strong for ropes. Finished."""))]  # fmt: skip
    asks = [
        Ask("table", "How many moderate flaws were counted on the bearings of the central span?", ["defects-middle"],
            answer=str(b[2][1])),
        Ask("table", "slight defects of the deck slab at the southern end", ["defects-south"], answer=str(c[0][0])),
        Ask("table", "total number of defects, north span of Orrin Bridge", ["defects-north"],
            answer=str(sum(map(sum, a)))),
        Ask("table", "price of repainting the bridge's steel", ["costs"], answer="930"),
        Ask("chart", "strain gauge curves, one of which does not return to its starting level", ["strain"]),
        Ask("chart", "daily truck and car counts over eight years", ["traffic"]),
        Ask("text", "bridge inspection: the section explaining Figure 2", ["girder"]),
        Ask("figure", "side view of a three-span bridge with headroom above the river", ["drawing"]),
        Ask("figure", "position of strain gauges on a bridge cross-section", ["girder"]),
        Ask("text", "overloaded lorries and a hidden weight sign", ["traffic"], ["summary"]),
        Ask("text", "what would a replacement crossing cost, and is it advised?", ["costs"]),
        Ask("text", "which defect was stopped by drilling a hole?", ["defects-middle", "field"]),
        Ask("layout", "entries with clock times in an engineer's field notes, badly scanned", ["field"]),
        Ask("layout", "cover of the engineers' report on a road bridge", ["cover"]),
    ]  # fmt: skip
    look = Look(LETTER, "dejavu-serif", "dejavu", 10.2, 15.0, 68, 22, "#3d3d3d", "#efefef",
                ("#222222", "#9c9c9c", "#b5482f", "#cccccc"), "rule", "grid", "Page {page}", "top", False,
                {"angle": 1.3, "noise": 9.0, "fade": 0.62})  # fmt: skip
    return Report("orrin-bridge", "Halvorsen Pike", "Orrin Bridge · Principal Inspection 2024", look, "test", pages,
                  asks)  # fmt: skip
