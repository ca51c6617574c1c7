"""Quarters of large cities, and towns, that the gazetteer's list of UK places lacks.

Written down because marketplaces name them often: boroughs and districts of London first, then
those of the conurbations whose county ("West Midlands", "West Yorkshire") says too little.
Positions are rounded to a hundredth of a degree (about a kilometre).
"""

from collections.abc import Iterator
from dataclasses import dataclass

# County, then one quarter a line: name, latitude, longitude. The county is a key of `counties`.
_QUARTERS = """
= london
Angel 51.53 -0.11
Beckton 51.51 0.06
Brick Lane 51.52 -0.07
Clapham 51.46 -0.14
Clapton 51.56 -0.06
Colindale 51.60 -0.25
East London 51.54 -0.01
Elephant and Castle 51.49 -0.10
Gants Hill 51.58 0.07
Hammersmith and Fulham 51.49 -0.22
Hampstead 51.56 -0.18
Haringey 51.59 -0.11
Heathrow 51.47 -0.45
Isle of Dogs 51.49 -0.02
Kensington and Chelsea 51.50 -0.19
Kentish Town 51.55 -0.14
Kingsbury 51.58 -0.26
Ladbroke Grove 51.52 -0.21
Lewisham 51.46 -0.01
Liverpool Street 51.52 -0.08
Maida Vale 51.53 -0.19
Manor House 51.57 -0.10
Merton 51.41 -0.19
Mile End 51.53 -0.03
Newham 51.53 0.03
North London 51.58 -0.12
North West London 51.56 -0.22
Norwood 51.42 -0.09
Old Street 51.53 -0.09
Plaistow 51.53 0.02
Redbridge 51.58 0.08
Royal Docks 51.51 0.03
Shoreditch 51.53 -0.08
South East London 51.46 0.00
South London 51.44 -0.12
South West London 51.45 -0.19
Southfields 51.45 -0.21
Southwark 51.50 -0.09
St Johns Wood 51.53 -0.17
Surrey Quays 51.49 -0.05
Sydenham 51.43 -0.06
Tower Bridge 51.51 -0.08
Tower Hamlets 51.52 -0.03
Vauxhall 51.49 -0.12
Victoria 51.50 -0.14
Waltham Forest 51.59 -0.01
West Hampstead 51.55 -0.19
West London 51.51 -0.27
West Norwood 51.43 -0.10
= manchester
Baguley 53.40 -2.28
Cadishead 53.42 -2.44
Gatley 53.39 -2.24
Gorton 53.46 -2.17
Levenshulme 53.44 -2.19
Moston 53.52 -2.19
New Moston 53.52 -2.16
Northern Moor 53.41 -2.28
Reddish 53.44 -2.16
Romiley 53.41 -2.09
Rusholme 53.45 -2.22
Standish 53.59 -2.66
Tameside 53.48 -2.09
Trafford 53.45 -2.32
Worsley 53.51 -2.38
Wythenshawe 53.38 -2.26
= west midlands
Balsall Heath 52.46 -1.89
Binley 52.40 -1.46
Bordesley Green 52.48 -1.86
Edgbaston 52.47 -1.92
Erdington 52.52 -1.84
Great Barr 52.55 -1.93
Hall Green 52.43 -1.84
Handsworth 52.51 -1.93
Handsworth Wood 52.52 -1.93
Harborne 52.46 -1.95
Hodge Hill 52.49 -1.81
Hollywood 52.39 -1.88
Kings Heath 52.43 -1.89
Kings Norton 52.41 -1.93
Ladywood 52.48 -1.93
Longford 52.45 -1.49
Moseley 52.45 -1.88
Nechells 52.50 -1.86
Northfield 52.41 -1.97
Perry Barr 52.52 -1.90
Perton 52.59 -2.20
Sandwell 52.51 -2.01
Selly Oak 52.44 -1.94
Sheldon 52.45 -1.78
Small Heath 52.47 -1.86
Sparkbrook 52.46 -1.87
Sparkhill 52.45 -1.86
Stechford 52.48 -1.81
West Heath 52.39 -1.96
Winson Green 52.50 -1.93
Witton 52.51 -1.88
Yardley 52.47 -1.81
= west yorkshire
Ackworth 53.65 -1.33
Allerton 53.80 -1.82
Alwoodley 53.86 -1.54
Armley 53.80 -1.59
Beeston 53.77 -1.57
Birstall 53.73 -1.66
Cookridge 53.85 -1.61
Crossgates 53.80 -1.45
East End Park 53.80 -1.51
Halton 53.80 -1.47
Harehills 53.81 -1.51
Headingley 53.82 -1.58
Honley 53.60 -1.79
Kirklees 53.65 -1.78
Kirkstall 53.81 -1.60
Meanwood 53.83 -1.57
Middleton 53.75 -1.55
Moortown 53.84 -1.54
Rawdon 53.85 -1.68
Roundhay 53.83 -1.50
Seacroft 53.82 -1.46
= merseyside
Anfield 53.43 -2.96
Crosby 53.49 -3.03
Penny Lane 53.39 -2.92
Sefton 53.50 -3.00
Sefton Park 53.38 -2.94
Stoneycroft 53.42 -2.92
Wirral 53.37 -3.08
= nottinghamshire
Aspley 52.97 -1.19
Beeston 52.93 -1.22
Bilborough 52.97 -1.22
Bobbersmill 52.97 -1.18
Bramcote 52.94 -1.24
Bulwell 53.00 -1.20
Carlton 52.97 -1.09
Clifton 52.90 -1.18
Lenton 52.95 -1.18
Mapperley 52.98 -1.12
Nuthall 52.99 -1.24
Radford 52.96 -1.18
Sherwood 52.98 -1.15
Sherwood Rise 52.97 -1.16
= south yorkshire
Crookes 53.38 -1.51
Darnall 53.38 -1.41
Hillsborough 53.41 -1.50
Stannington 53.39 -1.54
= tyne and wear
Boldon Colliery 54.95 -1.47
Byker 54.97 -1.58
Heaton 54.99 -1.58
Jesmond 54.99 -1.60
Killingworth 55.03 -1.57
Newcastle 54.98 -1.61
Ryton 54.97 -1.76
Team Valley Trading Estate 54.92 -1.61
Walker 54.97 -1.55
= berkshire
Caversham 51.47 -0.97
= derbyshire
Alvaston 52.90 -1.43
Clay Cross 53.16 -1.41
Littleover 52.91 -1.51
Mickleover 52.90 -1.55
= essex
Great Baddow 51.72 0.50
Laindon 51.57 0.42
Loughton 51.65 0.07
South Woodham Ferrers 51.65 0.62
= gloucestershire
Hucclecote 51.85 -2.18
Quedgeley 51.83 -2.28
= hampshire
Chandlers Ford 50.98 -1.38
= leicestershire
Thurmaston 52.67 -1.10
Wigston 52.58 -1.10
= norfolk
Wymondham 52.57 1.12
= oxfordshire
Headington 51.76 -1.21
= somerset
Somerton 51.05 -2.73
"""


@dataclass(frozen=True, slots=True)
class Quarter:
    """`county` is a key of `counties`; the position is in WGS84 degrees."""

    county: str
    name: str
    latitude: float
    longitude: float


def quarters() -> Iterator[Quarter]:
    """All of them, by county."""
    county = ""
    for line in _QUARTERS.strip().splitlines():
        if line.startswith("= "):
            county = line.removeprefix("= ")
            continue
        name, latitude, longitude = line.rsplit(maxsplit=2)
        yield Quarter(county, name, float(latitude), float(longitude))
