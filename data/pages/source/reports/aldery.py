"""Aldery Vale Hospital, quality account 2023: waiting times, infections, beds, a ward plan."""

from __future__ import annotations

from source.blocks import Box, KeyFigures, Table, paragraphs
from source.charts import MONTH_NAMES, MONTHS, Chart
from source.look import A4, Look
from source.numbers import Numbers, best, show
from source.report import Ask, Page, Report
from source.reports.aldery_waits import waits, waits_chart, waits_table
from source.sketch import Arrow, Room, Sketch, Words

_P = paragraphs


def report() -> Report:
    """Build the report."""
    n = Numbers("aldery-2023")
    old, new = waits(2022), waits(2023)
    emergency = {"2022": n.series(12, 71, -0.06, 0.05, 0.02, 1, 6), "2023": n.series(12, 68, 0.10, 0.06, 0.02, 1, 6)}
    infections = {"C. difficile": [9, 7, 6, 4], "MRSA": [2, 1, 0, 1], "Norovirus": [14, 3, 1, 11]}
    beds = [["Alder", "28", "96.1", "4.2"], ["Birch", "28", "94.8", "5.9"], ["Hazel (children)", "18", "71.3", "2.1"],
            ["Rowan (stroke)", "22", "97.7", "13.4"], ["Willow (maternity)", "26", "82.0", "1.8"],
            ["Yew (intensive care)", "10", "88.5", "6.3"]]  # fmt: skip
    survey = {"I would recommend this ward": 84, "I can speak up": 71, "I get my breaks": 49, "My manager listens": 66,
              "I have what I need": 58}  # fmt: skip
    worst, top = best(MONTH_NAMES, emergency["2023"], True), best(MONTH_NAMES, emergency["2023"])
    pages = [
        Page("cover", ("title",), cover=("Quality Account\n2023", "How safe, how long, how kind", [
            "Aldery Vale Hospital", "Published under the Health (Reports) Order",
                "Large print on request: 0555 01 77"])),
        Page("statement", ("text",), columns=2, section="Statement", top=_P("# Statement of the medical director"),
             blocks=_P("""
            > Quality is what happens at four in the morning when nobody is watching.

            This account sets out what we promised for 2023, what we did, and what we failed to do. It has been read
            before printing by the patients’ council, whose comments we print whole.

            ## Promise one: nobody lies on a trolley overnight

            Not kept. On 61 nights at least one person did. Most were waiting for a bed on Rowan ward, which takes
            people after a stroke and cannot send them home before the stairs at home have a rail. We now pay the
            joiner ourselves and send the bill to the council afterwards.

            ## Promise two: hips and knees within thirty weeks

            Kept from the summer onwards. A third theatre, bought second-hand from a hospital ship, came into use in
            February. It stands in the car park and is joined to the building by a corridor that surgeons call the
            gangway.

            ## Promise three: every fall is looked into

            Kept. There were 412 falls; each was followed by a visit from the falls nurse within three days. Slippers
            explain more than medicines do. We give every patient over seventy a pair with a rubber sole.

            ## Promise four: quiet nights

            Partly kept. Bins with soft lids, doors with felt, trolleys with new wheels: the mean level on Alder at two
            in the morning went down from 54 to 47 decibels. The helicopter remains.

            ## For 2024

            We promise three things only: fewer nights on trolleys than thirty, hands cleaned at nineteen of twenty
            chances, and an answer to every complaint in which the first word is not Regrettably.

            <i>Dr Nuala Prentiss</i>""")),
        Page("waits-2023", ("table", "chart", "text"), section="Waiting", blocks=[
            *_P("# Waiting for treatment in 2023"), waits_table(2023, 1), waits_chart(2023),
            *_P(f"""Half of all patients wait less than the median, half wait longer. For hips and knees it came down to
                {show(new['Hips and knees'][3], 1)} weeks at the end of the year, thanks to the theatre in the car park.
                Eye patients, who need an afternoon and not a bed, were treated after
                {show(new['Eyes'][3], 1)} weeks in the last quarter.

                ## Why we print medians

                A mean can be pulled up by a few people who asked to wait: a singer who would not have her throat
                touched before the season ended, a farmer at harvest. The median does not move for them. But it hides
                the longest waits, so here they are in words: at the end of December 37 people had waited more than a
                year, all but four of them for a knee.

                ## What helped

                - Letters that offer two dates and a telephone number, in place of one date
                - A list of people who can come at a day’s notice
                - Saturday mornings for skin"""),
            Box("""<b>Excluded.</b> Cancer referrals follow another clock and another law. They are reported to the
                regional board every month and are not in this table.""")]),
        Page("waits-2022", ("table", "chart", "text"), section="Waiting", blocks=[
            *_P("# For comparison: waiting in 2022"), waits_table(2022, 2), waits_chart(2022),
            *_P(f"""The year before was the worst since records began here. Waits lengthened in most clinics from one
                quarter to the next. Knees and hips ended at {show(old['Hips and knees'][3], 1)} weeks because two of
                our four surgeons were themselves patients: one broke a wrist, the other was given a new hip, in another
                town, after eleven months.

                ## Corrections

                In last year’s account the row for hearing was wrong by half a week in the third quarter, because
                children had been counted twice. The table above has the right number. Nobody noticed but a retired
                teacher of mathematics, who has been invited to join the patients’ council.

                ## How the two years compare

                Set side by side, the tables show the same five clinics and the same order: people with sore joints wait
                longest and people who cannot hear wait least. What changed is the direction of travel.""")]),
        Page("emergency", ("chart", "text"), section="Emergency", blocks=[
            *_P("# Emergency department: seen within four hours"),
            Chart("line", "Figure 1. Patients seen, treated and moved on within four hours, two years.", MONTHS,
                  emergency, "percent of patients", 260, zero=False),
            *_P(f"""The best month of 2023 was {top[0]} with {show(top[1], 1)} per cent, the worst {worst[0]} with
                {show(worst[1], 1)}. Winter is slow because beds are full, not because more people come: in truth the
                busiest week of the year is the one after schools break up, when children discover trampolines.

                A nurse now meets every arrival at the door. One in six is sent, with an appointment in hand, to the
                pharmacist across the yard. Nobody who was sent there had to be brought back.""")]),
        Page("infections", ("chart", "text", "table"), section="Safety", blocks=[
            *_P("# Infections caught in hospital"),
            Chart("bars", "Figure 2. Infections by kind and quarter, 2023.", ["Q1", "Q2", "Q3", "Q4"], infections,
                  "cases", 200, values=True),
            Table("Table 3. Hands cleaned, as observed on unannounced visits", ["Staff group", "Chances watched",
                                                                               "Cleaned", "Percent"],
                  [["Nurses", "2,140", "1,986", "92.8"], ["Doctors", "1,105", "893", "80.8"],
                   ["Porters and cleaners", "655", "611", "93.3"], ["All", "3,900", "3,490", "89.5"]], total=True,
                  sums=(1, 2), first=0.34),
            *_P("""Figure 2 shows two different enemies. Norovirus comes in with visitors in the cold months and leaves
                with them; there is little to be done but to close the ward and boil the tea towels. C. difficile
                follows our own prescriptions. Since pharmacists began to question every second week of antibiotics its
                column has shrunk from nine cases to four.

                Of the four cases of MRSA, three were in people who brought it with them.""")]),
        Page("beds", ("table", "chart", "text"), section="Beds", blocks=[
            *_P("# Beds and how they were used"),
            Table("Table 4. Wards, 2023", ["Ward", "Beds", "Occupied (%)", "Mean stay (days)"],
                  [*beds, ["All wards", "132", "", ""]], total=True, sums=(), first=0.4),
            Chart("across", "Days that a patient stays, by ward.", [b[0] for b in beds],
                  {"Days": [float(b[3]) for b in beds]}, "mean stay in days", 150, values=True),
            KeyFigures([("132", "beds"), ("61", "nights with a trolley"), ("412", "falls"), ("47 dB",
                "Alder at 2 am")]),
            *_P("""A ward that is more than nineteen twentieths full has no room for error. Two of ours were, all year.
                Rowan keeps its patients longest, close to a fortnight, and most of the last four days are spent waiting
                for somebody else: a carer, a rail, a key.

                Hazel was planned when there were more children in the valley. Six of its beds are now lent to day
                surgery from Monday to Thursday; the fish on the walls have stayed, and grown men have asked for them.

                ## Intensive care

                Yew turned away nobody. Twice a patient was moved to a neighbouring hospital to make room, both times by
                day and both times with the family in the ambulance.""")]),
        Page("plan", ("figure", "text"), section="Rowan ward", blocks=[
            *_P("# The new Rowan ward"),
            Sketch("Figure 3. Plan of Rowan ward: two bays, single rooms, the practice kitchen and stairs.", [
                Room(4, 28, 30, 20, "Bay A\n(8 beds)", "tint"), Room(66, 28, 30, 20, "Bay B\n(8 beds)", "tint"),
                Room(34, 28, 32, 12, "Nurses’ station", "ink"), Room(34, 40, 16, 8, "Drugs"), Room(50, 40, 16, 8,
                "Linen"),
                Room(4, 20, 92, 8, "Corridor with handrail"), *[Room(4 + 9 * i, 6, 9, 14,
                f"S{i + 1}") for i in range(6)],
                Room(58, 6, 20, 14, "Practice\nkitchen"), Room(78, 6, 18, 14, "Practice\nstairs"),
                Arrow((1, 24), (8, 24)), Words(12, 2.5, "garden side")], 52),
            *_P("""People who have had a stroke must learn again to make tea and to climb. The ward has a kitchen and a
                flight of seven stairs that lead nowhere, built by the same joiner who puts up the rails. Single rooms
                S1 to S6 lie on the garden side; each has a window low enough to see out of from bed.

                From the station a nurse sees both bays without getting up. In the old ward it took thirty-one
                steps.""")
            ]),
        Page("staff", ("chart", "text"), section="Staff", blocks=[
            *_P("# What staff told us"),
            Chart("across", "Figure 4. Staff who agree, percent of 1,214 answers, autumn 2023.", list(survey),
                  {"Agree": list(survey.values())}, "percent who agree", 230, values=True),
            *_P("""One answer shames us: half of our people do not get their breaks. From January each ward has a relief
                nurse between eleven and three, who does nothing else, and a rule that a break which is missed is paid.

                ## In their words

                - “I have worked here for nineteen years and was asked for my opinion twice, both times this year.”
                - “The gangway is cold.”
                - “Please give the night porters a kettle.” (They have one.)

                ## Leaving and staying

                One nurse in eleven left, fewer than in any hospital of the region. Of those who left, a third moved to
                follow a partner. Exit talks are held by a volunteer from outside, since people tell a stranger what
                they would not tell a matron.""")]),
        Page("council", ("scan", "text"), section="Patients’ council", blocks=_P("""
            # Comment of the patients’ council

            Received 19 April 2024, printed without change

            We have read the account. It is shorter than last year’s and we understood all of it, which we have not been
            able to say before.

            ## We are glad of

            the slippers, the two dates in the letters, the quiet bins.

            ## We are not satisfied with

            parking. It costs more to visit a patient for an afternoon than to feed one. The machine takes no notes and
            the nearest shop gives no change. In March a man missed the birth of his daughter in the queue.

            ## We do not understand

            why the lift to Yew ward has been out of order on 44 days when the lift to the offices has not been out of
            order at all.

            ## We ask

            that the next account name one thing that was tried and did not work.

            For the council: P. Okafor, D. Lindgren, Mrs A. Sealy"""))]  # fmt: skip
    asks = [
        Ask("table", "typical delay for dermatology patients in the final quarter of 2023, in weeks", ["waits-2023"],
            answer=show(new["Skin"][3], 1)),
        Ask("table", "median weeks for a joint replacement in Q2 2022 at Aldery Vale", ["waits-2022"],
            answer=show(old["Hips and knees"][1], 1)),
        Ask("table", "cardiology wait, first quarter of 2022", ["waits-2022"], answer=show(old["Heart"][0], 1)),
        Ask("table", "How long does an average stay on the stroke unit last?", ["beds"], answer="13.4"),
        Ask("table", "share of hand-washing opportunities that physicians used", ["infections"], answer="80.8"),
        Ask("chart", "two-year curve of the four-hour target in the emergency department", ["emergency"]),
        Ask("chart", "grouped columns of hospital-acquired infections by season", ["infections"]),
        Ask("text", "Aldery Vale quality account, remarks about Figure 2", ["infections"]),
        Ask("figure", "ward layout with training stairs and a teaching kitchen", ["plan"]),
        Ask("chart", "opinion survey of employees, worst result about rest breaks", ["staff"]),
        Ask("text", "complaint that visitors cannot pay for parking", ["council"]),
        Ask("text", "why did surgeons fall ill and waits lengthen?", ["waits-2022"]),
        Ask("text", "reducing noise on the ward at night", ["statement"], ["beds"]),
        Ask("layout", "grainy, rotated page with comments from patients' representatives", ["council"]),
    ]  # fmt: skip
    look = Look(A4, "helvetica", "dejavu-serif", 11.6, 16.2, 66, 22, "#20508a", "#e8f0f8",
                ("#20508a", "#f0a04b", "#6aa84f", "#999999", "#8e3b6f"), "band", "stripes", "{page}/{pages}", "right",
                False,
                {"angle": -1.0, "noise": 11.0, "fade": 0.58})  # fmt: skip
    return Report("aldery-2023", "Aldery Vale Hospital", "Quality Account 2023", look, "test", pages, asks)
