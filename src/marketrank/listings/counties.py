"""Counties, council areas and city regions of the United Kingdom, by centre and reach.

The gazetteer's places name no county, so which of twenty-odd Newtons is meant is decided by
distance. Centres are rounded to a twentieth of a degree and reaches to five kilometres: enough to
tell places of one name apart, no more.
"""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class County:
    """`reach_km` is the distance from the centre (WGS84 degrees) within which its places are.
    A `city` gives its own position to quarters that the gazetteer does not know."""

    name: str
    latitude: float
    longitude: float
    reach_km: float
    city: bool = False


_COUNTIES = """
Aberdeenshire 57.20 -2.60 65
Angus 56.75 -2.90 35
Antrim 54.85 -6.15 55
Argyll and Bute 56.05 -5.45 105
Armagh 54.35 -6.50 35
Bedfordshire 52.05 -0.45 30
Berkshire 51.45 -1.00 40
Blaenau Gwent 51.75 -3.20 15
Borders 55.55 -2.80 60
Bridgend 51.55 -3.60 15
Buckinghamshire 51.80 -0.80 45
Caerphilly 51.65 -3.20 20
Cambridgeshire 52.35 0.00 45
Carmarthenshire 51.90 -4.20 40
Ceredigion 52.25 -4.20 50
Cheshire 53.20 -2.55 40
Clackmannanshire 56.15 -3.75 15
Conwy 53.15 -3.75 40
Cornwall 50.40 -4.85 70
Cumbria 54.60 -2.95 60
Denbighshire 53.10 -3.35 30
Derbyshire 53.10 -1.60 50
Devon 50.75 -3.80 60
Dorset 50.80 -2.30 50
Down 54.40 -5.95 45
Dumfries and Galloway 55.05 -3.90 80
Durham 54.70 -1.80 45
East Ayrshire 55.50 -4.40 30
East Dunbartonshire 55.95 -4.20 15
East Lothian 55.95 -2.80 30
East Renfrewshire 55.75 -4.35 15
East Sussex 50.90 0.30 40
East Yorkshire 53.85 -0.50 45
Essex 51.75 0.60 50
Falkirk 56.00 -3.75 15
Fermanagh 54.35 -7.65 35
Fife 56.20 -3.15 40
Flintshire 53.20 -3.15 30
Gloucestershire 51.80 -2.15 50
Gwent 51.70 -3.00 35
Gwynedd 52.90 -4.00 50
Hampshire 51.05 -1.30 50
Herefordshire 52.10 -2.75 35
Hertfordshire 51.80 -0.25 35
Highland 57.50 -4.70 145
Inverclyde 55.90 -4.75 15
Isle of Anglesey 53.30 -4.35 25
Isle of Man 54.25 -4.50 30
Isle of Wight 50.70 -1.30 20
Kent 51.25 0.70 55
Lancashire 53.85 -2.60 45
Leicestershire 52.70 -1.15 40
Lincolnshire 53.10 -0.25 70
Londonderry 54.95 -6.90 40
Merseyside 53.45 -3.00 30
Merthyr Tydfil 51.75 -3.40 15
Mid Glamorgan 51.65 -3.40 35
Midlothian 55.85 -3.10 20
Monmouthshire 51.80 -2.85 25
Moray 57.50 -3.25 35
Neath Port Talbot 51.65 -3.75 25
Norfolk 52.65 0.95 55
North Ayrshire 55.70 -4.80 45
North Lanarkshire 55.85 -3.95 20
North Somerset 51.40 -2.80 25
North Yorkshire 54.15 -1.40 70
Northamptonshire 52.30 -0.85 45
Northumberland 55.25 -2.00 60
Nottinghamshire 53.15 -1.00 45
Orkney 59.00 -3.00 60
Oxfordshire 51.80 -1.30 50
Pembrokeshire 51.85 -4.90 35
Perth and Kinross 56.55 -3.75 50
Powys 52.35 -3.40 75
Renfrewshire 55.85 -4.50 15
Rhondda Cynon Taf 51.65 -3.45 20
Rutland 52.65 -0.65 20
Shetland 60.35 -1.25 80
Shropshire 52.65 -2.75 45
Somerset 51.15 -2.90 55
South Ayrshire 55.30 -4.70 35
South Glamorgan 51.45 -3.30 30
South Gloucestershire 51.55 -2.45 25
South Lanarkshire 55.60 -3.80 35
South Yorkshire 53.50 -1.35 30
Staffordshire 52.85 -2.00 45
Stirling 56.25 -4.30 40
Suffolk 52.20 1.05 60
Surrey 51.25 -0.45 35
Torfaen 51.70 -3.05 15
Tyne and Wear 54.95 -1.55 25
Tyrone 54.60 -7.10 45
Vale of Glamorgan 51.45 -3.40 20
Warwickshire 52.35 -1.55 45
West Dunbartonshire 55.95 -4.50 20
West Glamorgan 51.65 -3.85 30
West Lothian 55.90 -3.60 15
West Midlands 52.50 -1.85 35
West Sussex 50.95 -0.45 40
West Yorkshire 53.75 -1.65 35
Western Isles 57.80 -7.00 100
Wiltshire 51.35 -1.95 45
Worcestershire 52.20 -2.15 35
Wrexham 53.00 -3.00 20
"""

# Cities that stand where a county would, with the towns around them.
_CITIES = """
Aberdeen 57.15 -2.10 20
Bath 51.40 -2.35 15
Belfast 54.60 -5.95 20
Birmingham 52.50 -1.90 20
Bristol 51.45 -2.60 20
Cardiff 51.50 -3.20 15
Dundee 56.45 -2.95 15
Edinburgh 55.95 -3.20 20
Glasgow 55.85 -4.25 25
Leeds 53.80 -1.55 20
Liverpool 53.40 -2.95 20
London 51.50 -0.10 40
Manchester 53.50 -2.25 35
Newport 51.60 -3.00 15
Sheffield 53.40 -1.45 20
Swansea 51.60 -3.95 25
"""

_OTHER_NAMES = {
    "anglesey": "isle of anglesey",
    "avon": "bristol",
    "central bedfordshire": "bedfordshire",
    "cleveland": "north yorkshire",
    "derry": "londonderry",
    "dyfed": "carmarthenshire",
    "east riding of yorkshire": "east yorkshire",
    "greater london": "london",
    "greater manchester": "manchester",
    "highlands": "highland",
    "humberside": "east yorkshire",
    "middlesex": "london",
    "na h eileanan siar": "western isles",
    "orkney islands": "orkney",
    "outer hebrides": "western isles",
    "rhondda cynon taff": "rhondda cynon taf",
    "salop": "shropshire",
    "scottish borders": "borders",
    "shetland islands": "shetland",
}


def counties() -> dict[str, County]:
    """All of them by lower-case name, and by the other names in use ("county down", "co down")."""
    by_name = {
        name.lower(): County(name, float(latitude), float(longitude), float(reach), city)
        for block, city in ((_COUNTIES, False), (_CITIES, True))
        for line in block.strip().splitlines()
        for name, latitude, longitude, reach in [line.rsplit(maxsplit=3)]
    }
    other = {other: by_name[name] for other, name in _OTHER_NAMES.items()}
    formal = {
        form.format(name): county
        for name, county in by_name.items()
        for form in (("city of {}", "{} city") if county.city else ("county {}", "co {}"))
    }
    return formal | other | by_name
