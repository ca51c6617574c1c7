"""Words that mean something else beside others: what keeps a name from being read as a wish.

Found in queries and titles where a parse went wrong, and meant to grow.
"""


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


# "free" before these is no price: "free range eggs", "free standing cooker".
FREE_THINGS = _words(
    """
    agent and arm as at bird by climb climbing country delivery dive diver diving draw electric
    energy fall fire fit flight floating flow fly flyer flying for form from game gift gifts
    hand hanging heel house installation jazz jumper jumping kick lance lancer love man mason
    masons men motion or p&p palestine parking people phone play postage pp ps4 ps5 range range-
    eggs reed rein return returns ride rider riding run runner running runs sat scale shipping
    sim solo soul space speech spirit stander standing state step style stylers swing the
    thinking tibet to trade trial turn view walking weight weights wheel wheeler wheeling wifi
    will willy with woman women xbox
    """
)

# Nor is it behind these: "gluten free", "frost free".
FREE_OF = _words(
    """
    1 acid ad ads alcohol allergy and are bag bagless be born bpa break bug cable cables
    caffeine cage carbon care chemical crease crime cruelty dairy damp dent drug drugs dust duty
    error fat fault flicker fragrance frost get glare gluten hand hands hassle interest iron is
    lactose latex lead leak lock maintenance meat nickel nike noise nut nuts odor odour oil one
    one-get pain paraben perfume pet plastic radical rent royalty run running rust salt scratch
    set silicone sim smoke stay streak stress sugar tangle tax tear toll touch toxin virtually
    wheat wire worry
    """
)

# "new" before these starts a name: "new balance trainers", "new york poster".
NEW_NAMES = _words(
    """
    2ds 3ds age amsterdam baby balance beetle beginnings born caledonia delhi edition england
    era forest girl guinea hampshire holland home house jersey job kids labour look mexico mini
    model moon order orleans radicals rock romantic scientist south statesman testament tricks
    wave world year years york yorker zealand
    """
)

# Towns that are everyday words on a marketplace ("new in box", "fireplace in stone"). After "in"
# they are places only where they alone have a capital letter; after "near" they always are.
EVERYDAY_PLACES = _words(
    """
    ash ask banks barking barley bath battle beer bow box broom bury cardigan church combs
    cooling dark deal docking down dry eagle ease ely eye felling ford grain green hale healing
    hill hilton hook hope hose lace lee lids locking lot love man march mark mold nelson oak
    over peel plum pool quarter ran reading red ridge road rock row rugby rye sale sandwich seal
    send settle ship shirley silver slate speke staines steps sterling stock stone street tongue
    top tring tumble walker wall ware wash week wells whale white wick wing winter wool worth
    """
)

# What may follow the name of a place as a part of it ("Leeds park"); in the middle of a query it
# may belong to the thing: "near Leeds park bench".
PLACE_PARTS = _words(
    """
    area bridge broadway center central centre city common dock docks green hill junction park
    quay quays road station town village
    """
)

# No name of a place starts with these, though a gazetteer may skip them.
NO_PLACE_STARTS = _words(
    """
    a an around close in near nr of the to
    """
)
