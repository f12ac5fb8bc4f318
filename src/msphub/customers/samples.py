"""Plausible customers for demos, benchmarks and training: names, people and addresses that pass every check of ours."""

import dataclasses
import random

from msphub.kit import text

# (country, state, city, postal code, phone number)
PLACES = (
    ("US", "WA", "Seattle", "98101", "+12065550143"),
    ("US", "CA", "San Francisco", "94105", "+14155550132"),
    ("US", "TX", "Austin", "78701", "+15125550177"),
    ("US", "NY", "New York", "10018", "+12125550191"),
    ("US", "IL", "Chicago", "60601", "+13125550118"),
    ("US", "OR", "Portland", "97204", "+15035550164"),
    ("CA", "ON", "Toronto", "M5H 2N2", "+14165550123"),
    ("CA", "BC", "Vancouver", "V6B 1A1", "+16045550145"),
    ("GB", "", "Manchester", "M2 5DB", "+441614960123"),
    ("DE", "", "Hamburg", "20095", "+4940123456"),
    ("DE", "", "München", "80331", "+4989123456"),
    ("FR", "", "Lyon", "69002", "+33472000123"),
    ("NL", "", "Utrecht", "3511 AB", "+31302000123"),
    ("IE", "Co. Dublin", "Dublin", "D02 AF30", "+35315550123"),
    ("AT", "", "Wien", "1010", "+4315550123"),
    ("AU", "NSW", "Sydney", "2000", "+61255501234"),
    ("AU", "VIC", "Melbourne", "3000", "+61355501234"),
)
FIRST = """
Adventure Alpine Amber Anchor Apex Arbor Atlas Aurora Beacon Birch Blue Bright Canyon Cedar Citadel Clearwater
Cobalt Copper Coral Crescent Crown Delta Driftwood Eagle Ember Evergreen Falcon Fern Flint Fox Garnet Glacier
Granite Harbor Hawthorn Hazel Heron Highland Horizon Indigo Iron Ivory Juniper Keystone Lakeside Lantern Larch
Linden Maple Marble Meadow Mesa Midland Northwind Oak Ocean Olive Onyx Orchard Osprey Otter Pacific Pearl Pine
Pioneer Prairie Quartz Raven Redwood Ridge River Rowan Sable Saffron Sage Sierra Silver Slate Solstice Spruce
Sterling Summit Sunrise Tamarack Teal Thistle Timber Trillium Union Valley Vantage Verdant Vista Walnut Willow
""".split()
SECOND = """
Accounting Advisors Analytics Architects Bakery Biotech Builders Capital Carpentry Cinema Clinic Coffee
Consulting Dental Design Dynamics Education Energy Engineering Events Farms Finance Fitness Foods Freight
Furniture Gallery Gardens Health Hotels Imports Instruments Insurance Interiors Kitchens Laboratories Law
Logistics Machines Marine Media Metals Motors Museum Outfitters Partners Pharmacy Plumbing Press Printing
Properties Recruiting Robotics Roofing Sailing Schools Security Shipping Software Solar Sports Studios Surveying
Systems Textiles Tools Tours Toys Trading Travel Veterinary Ventures Vineyards Wines Workshops
""".split()
FORMS = {
    "US": ("Inc.", "LLC", "Corp."),
    "CA": ("Inc.", "Ltd."),
    "GB": ("Ltd", "LLP", "plc"),
    "DE": ("GmbH", "AG", "GmbH & Co. KG"),
    "FR": ("SARL", "SAS"),
    "NL": ("B.V.",),
    "IE": ("Ltd",),
    "AT": ("GmbH",),
    "AU": ("Pty Ltd",),
}
GIVEN = """
Ada Aisha Alan Amélie Ana Arjun Ben Bianca Carla Chen Clara Dana Diego Elena Emil Eva Fatima Felix Grace Hana
Hugo Ines Ivan Jonas Julia Kofi Lena Leo Liam Lucía Maja Marco Mei Mila Nadia Noah Nora Olga Omar Paul Petra
Priya Rafael Rosa Sara Sofia Tariq Tom Uma Vera Victor Yara Yusuf Zoë
""".split()
FAMILY = """
Abbott Ahmed Andersson Bauer Becker Bernard Brown Carter Costa Dubois Evans Fischer García Gruber Haddad Hansen
Hughes Ito Jansen Jensen Johnson Kaur Keller Khan Kim Kowalski Larsen Laurent Lee Lopez Martin Meyer Moreau
Müller Nguyen Novak Okafor Olsen Patel Peters Petrov Rossi Santos Schmidt Silva Singh Smith Suzuki Tanaka Taylor
Thompson Turner van Dijk Weber Williams Wilson Wong Young Zimmermann
""".split()
# Between first and second word of a name where a great many are needed; the family names serve there too.
MIDDLE = """
Atlantic Avenue Baltic Bay Bayside Beech Boulevard Capitol Cape Castle Cathedral Central Chapel City Civic Cliff
Coastal Colonial Common Continental Corner County Court Cove Creek Crossing Delta Downtown East Eastern Empire Estuary
Express Family First Five Forest Forum Fountain Four Gateway General Global Grand Great Green Grove Hill Imperial Inland
Island Junction Lake Landmark Liberty Local Lower Main Manor Maritime Market Metro Modern Mountain Mutual National New
Noble Nordic North Northern Old Palace Parade Peninsula Plaza Port Premier Prime Quay Quality Regal Regional Republic
Riverside Royal Rural Seaside Select Service Seven Shore South Southern Square Standard Station Stone Street Superior
Swift Terminal Three Tower Town Trade Trusted Twin United Universal Upper Urban Village Waterfront West Western Wharf
White Wild World
""".split()
STREETS = """
Market Station Harbour Church King Queen Mill Park High Garden Bridge Castle Victoria Union Water
""".split()


@dataclasses.dataclass(frozen=True, slots=True)
class SamplePerson:
    """A person with an address under `.example`."""

    first_name: str
    last_name: str
    email: str


@dataclasses.dataclass(frozen=True, slots=True)
class SampleCustomer:
    """A company with its people."""

    name: str
    prefix: str
    country: str
    state: str
    city: str
    postal_code: str
    line1: str
    phone: str
    contact: SamplePerson
    billing: SamplePerson
    admin: SamplePerson


def sample_customers(*, count: int, seed: str, countries: frozenset[str] | None = None) -> list[SampleCustomer]:
    """Return `count` different companies; the same seed gives the same ones."""
    chance = random.Random(seed)  # noqa: S311 - sample data, and repeatable
    places = [place for place in PLACES if countries is None or place[0] in countries]
    made: list[SampleCustomer] = []
    for number in range(count):
        first, second = chance.choice(FIRST), chance.choice(SECOND)
        country, state, city, postal_code, phone = chance.choice(places)
        name = f"{first} {second} {chance.choice(FORMS[country])}"
        tag = f"{number:x}"
        prefix = f"{first}{second}{tag}".lower()
        made.append(
            SampleCustomer(
                name=name,
                prefix=prefix[:27],
                country=country,
                state=state,
                city=city,
                postal_code=postal_code,
                line1=f"{chance.randint(1, 240)} {chance.choice(STREETS)} Street",
                phone=phone,
                contact=_person(chance, prefix),
                billing=_person(chance, prefix),
                admin=_person(chance, prefix),
            )
        )
    return made


def _person(chance: random.Random, prefix: str) -> SamplePerson:
    first, last = chance.choice(GIVEN), chance.choice(FAMILY)
    local = ".".join(part.replace(" ", "") for part in (text.fold(first), text.fold(last)))
    return SamplePerson(first, last, f"{local}@{prefix}.example")
